"""The table of bench: which figure is held against which target, and the page that shows it.

A figure is a list, one value of each round. What stands in a table is the median, and behind it the lowest and the
highest. A target that is a ratio is computed from the medians of the same rounds.
"""

import statistics

from harness import check

BEGIN = "<!-- bench: from here ./dev bench writes -->"
END = "<!-- bench: to here -->"

# How much of everything. receive: messages of each connection; of `mix` a multiple of 20 has the exact shares.
FULL = {"rounds": 3, "many": 100_000, "small": 5_000, "idle": 1_000, "large": "200m", "pipe": 512, "syncs": 200,
        "receive": {("8k", 1): 500, ("8k", 16): 500, ("8k", 64): 150,
                    ("mix", 1): 100, ("mix", 16): 60, ("mix", 64): 20}}
QUICK = {"rounds": 1, "many": 320, "small": 100, "idle": 30, "large": "8m", "pipe": 16, "syncs": 10,
         "receive": {("8k", 1): 10, ("8k", 16): 4, ("8k", 64): 1, ("mix", 1): 20, ("mix", 16): 2, ("mix", 64): 1}}


class Row:
    """A kind of work. `limit` gives the number that must be reached from the medians of all figures; without it
    the row has no target that this bench can judge."""

    def __init__(self, work, figure, unit, limit=None, at_most=False, reason=""):
        self.work = work
        self.figure = figure
        self.unit = unit
        self.limit = limit
        self.at_most = at_most
        self.reason = reason

    def cells(self, figures, medians):
        ours = shown(figures[self.figure], self.unit)
        if not self.limit:
            return self.work, ours, "", ""
        limit = self.limit(medians)
        target = f"{'at most' if self.at_most else 'at least'} {number(limit)} {self.unit}".rstrip()
        value = medians[self.figure]
        met = value <= limit if self.at_most else value >= limit
        return self.work, ours, target + (f" ({self.reason})" if self.reason else ""), "yes" if met else "**no**"


def number(value):
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 0.1 else 3
    return f"{value:,.{digits}f}"


def shown(values, unit):
    text = f"{number(statistics.median(values))} {unit}".rstrip()
    return text + (f" ({number(min(values))} to {number(max(values))})" if len(values) > 1 else "")


def plural(count, word):
    return f"{count:,} {word}" + ("" if count == 1 else "s")


def rows(scale):
    many, idle, large = scale["many"], scale["idle"], scale["large"]
    found = [
        Row("receive `8k`, 1 connection: a message", "receive 8k 1 ms", "ms", lambda m: m["sync"] + 0.5, True,
            "one sync and 0.5 ms"),
        Row("receive `8k`, 16 connections", "receive 8k 16 rate", "/s",
            lambda m: min(m["sink 16"] / 2, m["seal 8k 16"]), reason="half of the TLS sink, if the disk allows it"),
        Row("receive `8k`, 64 connections", "receive 8k 64 rate", "/s"),
        Row("receive `8k`, 16 connections: CPU a message", "receive 8k 16 cpu", "ms", lambda m: 0.3, True),
        Row("receive `8k`, 64 connections: syncs a message", "receive 8k 64 commits", "", lambda m: 0.1, True),
        Row("receive `mix`, 1 connection", "receive mix 1 rate", "/s"),
        Row("receive `mix`, 16 connections", "receive mix 16 rate", "/s", lambda m: 0.7 * m["seal mix 16"],
            reason="70 % of a plain program that seals and syncs"),
        Row("receive `mix`, 64 connections", "receive mix 64 rate", "/s"),
        Row("collect `8k`", "collect 8k rate", "/s"),
        Row("collect `mix`", "collect mix rate", "/s"),
        Row("collect `mix`: content", "collect mix mib", "MiB/s", lambda m: 0.6 * m["pipe"],
            reason="60 % of raw TLS"),
        Row(f"collect 2 KiB, deleting, {scale['small']:,} waiting", "collect small rate", "/s"),
        Row(f"collect 2 KiB, deleting, {many:,} waiting", "collect many rate", "/s"),
        Row(f"login, STAT and UIDL, {many:,} waiting, the first after a start", "login many", "s", lambda m: 0.5,
            True),
        Row(f"start with {many:,} stored, until `ready`", "start", "s", lambda m: 0.3, True),
        Row("memory at rest after a login", "rest", "MiB", lambda m: 12, True),
        Row(f"memory for a message of {large[:-1]} MiB that comes in", "large", "MiB", lambda m: 2, True),
    ]
    for service in ("pop3s", "smtps"):
        found.append(Row(f"memory of an idle session, {idle:,} of {service.upper()}, beyond OpenSSL's own",
                         f"idle {service} beyond", "KiB", lambda m: 24, True))
    return found


def held_against(scale):
    return [
        Row("the disk: append 8 KiB and fdatasync, median", "sync", "ms"),
        Row("the same, 99th percentile", "sync 99", "ms"),
        Row("TLS sink for SMTP, `8k`, 16 connections", "sink 16", "/s"),
        Row("plain program that seals and syncs in groups, `8k`, 16 threads", "seal 8k 16", "/s"),
        Row("the same, `mix`, 16 threads", "seal mix 16", "/s"),
        Row("raw TLS sending and receiving, one connection", "pipe", "MiB/s"),
        Row(f"OpenSSL's own memory of an idle session, {scale['idle']:,} of them", "idle bare", "KiB"),
        Row("the part of a login that is not STAT and UIDL (password hashing)", "login password", "s"),
    ]


def markdown(head, lines):
    out = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    return out + ["| " + " | ".join(line) + " |" for line in lines]


def receiving_table(figures, scale):
    lines = []
    for message_set, connections in scale["receive"]:
        key = f"receive {message_set} {connections} "
        lines.append((f"`{message_set}`, {plural(connections, 'connection')}", shown(figures[key + "rate"], "/s"),
                      shown(figures[key + "median"], "ms"), shown(figures[key + "p99"], "ms"),
                      shown(figures[key + "cpu"], "ms"), shown(figures[key + "load cpu"], "ms"),
                      shown(figures[key + "commits"], "")))
    return markdown(("receiving", "rate", "250 after, median", "99th percentile", "CPU a message",
                     "the load's own CPU", "commits a message"), lines)


def block(figures, scale, machine):
    """The lines between the markers."""
    medians = {key: statistics.median(values) for key, values in figures.items()}
    lines = [row.cells(figures, medians) for row in rows(scale)]
    judged = [line[3] for line in lines if line[3]]
    return [
        f"Machine: {machine}.", "",
        f"{plural(scale['rounds'], 'round')}; {judged.count('yes')} of {len(judged)} targets met.", "",
        *markdown(("work", "ours", "target", "met"), lines), "",
        *receiving_table(figures, scale), "",
        *markdown(("held against", "measured"), [row.cells(figures, medians)[:2] for row in held_against(scale)]),
    ]


def write_page(path, lines):
    """Replaces what stands between the markers; what was written by hand around them stays."""
    text = path.read_text()
    check(text.count(BEGIN) == 1 and text.count(END) == 1 and text.index(BEGIN) < text.index(END),
          f"{path} lacks the two lines that say where the table belongs:\n{BEGIN}\n{END}")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    path.write_text(before + BEGIN + "\n" + "\n".join(lines) + "\n" + END + after)
