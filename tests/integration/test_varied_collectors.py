"""Varied mail to five collectors that this project did not write: each gets every message once, octet for octet as
the project's own reader gets it, but for what alterations.py says of each; what it collected is gone."""

import re

from alterations import altered, cannot
from collecting import COLLECTORS
from collector import below_trace, client_context, collect_all, difference
from harness import Failure, LONG, check, run
from senders import Sender
from varied import VariedMaker

KINDS = len(VariedMaker.VARIED)
EACH = 200 if LONG else KINDS  # of five collectors: 1,000 in all


def trace_id(data):
    """The message's id in the gateway's own field, which no collector changes."""
    found = re.search(rb"Received: [^\n]*\n\t\([^\n]*\) id ([0-9a-f]{32})\r?\n", data[:2000])
    check(found, f"no field of the gateway on top: {data[:300]!r}")
    return found.group(1)


def fill(gateway, context, mailbox, letters):
    """By BDAT, which carries every octet."""
    with Sender(gateway.ports["smtps"], context, implicit_tls=True) as sender:
        for number, letter in enumerate(letters):
            sender.send_bdat(letter.sender, mailbox.address, letter.data, 1000 if number % 3 == 0 else None,
                             letter.is_utf8)


def read_exactly(gateway, context, mailbox, letters):
    """What lies there, by its id, after a look that it is what was sent. Nothing is deleted."""
    collected = collect_all(gateway, mailbox, context, delete=False)
    check(len(collected) == len(letters), f"{len(collected)} of {len(letters)} letters are waiting")
    kept = {}
    for letter, data in zip(letters, collected):
        body = below_trace(data)
        if body != letter.expected():
            raise Failure(f"{letter.sender} ({letter.kind}) differs {difference(letter.expected(), body)}")
        kept[trace_id(data)] = (letter, data)
    return kept


def compare(program, kept, collected):
    for data in collected:
        letter, raw = kept.pop(trace_id(data), (None, None))
        check(letter, f"{program}: a message came twice, or was never there: {data[:300]!r}")
        wanted = altered(program, raw)
        if data != wanted:
            raise Failure(f"{program}: {letter.sender} ({letter.kind}) differs {difference(wanted, data)}")
    check(not kept, f"{program}: {len(kept)} letters did not come: {[letter.kind for letter, _ in kept.values()]}")


def one_collector(test, gateway, authority, context, program):
    mailbox = gateway.create_mailbox(program)
    large = 1 if LONG or program == "poplib" else 0
    without = cannot(program)
    count = EACH if LONG else KINDS - len(without) + large
    letters = list(VariedMaker(f"to {program}", program).varied(count, large, without=without))
    fill(gateway, context, mailbox, letters)
    kept = read_exactly(gateway, context, mailbox, letters)
    compare(program, kept, COLLECTORS[program](test, gateway, authority, mailbox))
    row = gateway.mailbox_status(mailbox)
    check((row["received"], row["waiting"], row["collected"]) == (count, 0, count), f"after {program}: {row}")
    test.count(f"{program}: {count} letters, {large} of 20 MiB")
    return count


def what_fetchmail_leaves(test, gateway, authority, context):
    """A doubled dot right below the fields, which fetchmail takes for the end: the letter is not lost by that."""
    mailbox = gateway.create_mailbox("fetchmail's dot")
    maker = VariedMaker("dot")
    letters = [maker.letter(kind.__name__, kind(maker)) for kind in (VariedMaker.tiny, VariedMaker.a_dot)]
    fill(gateway, context, mailbox, letters)
    COLLECTORS["fetchmail"](test, gateway, authority, mailbox)
    left = collect_all(gateway, mailbox, context)
    check([below_trace(data) for data in left] == [b".\r\n"], f"fetchmail left {left!r}")
    test.count("what fetchmail does not take stays")


def main(test):
    gateway = test.gateway()
    authority = gateway.authority()
    context = client_context(authority)
    total = sum(one_collector(test, gateway, authority, context, program) for program in COLLECTORS)
    what_fetchmail_leaves(test, gateway, authority, context)
    test.count(f"{total} letters of {KINDS} kinds")
    gateway.stop()


run(main)
