"""`bench` in its quick form does all of its work, fills the page and leaves what was written by hand; and what it
rests on notices: a message that came back changed, twice, not at all, or that nobody sent."""

import re
import shutil
import subprocess
import sys

from harness import SOURCE, Failure, check, run

sys.path.insert(0, str(SOURCE / "tests" / "bench"))

from bench_table import BEGIN, END, QUICK, Row, held_against, rows, write_page  # noqa: E402


def outside(text):
    return text.partition(BEGIN)[0], text.partition(END)[2]


def quick_run(test):
    page = test.work / "performance.md"
    shutil.copy(SOURCE / "docs" / "performance.md", page)
    before = page.read_text()
    # A sanitizer's build is at a folder of its own, and so is what the bench leaves there.
    result = subprocess.run([SOURCE / "tests" / "bench" / "bench", "--quick", "--page", page, test.bin],
                            capture_output=True, text=True, timeout=500)
    check(result.returncode == 0, f"bench --quick ended with {result.returncode}:\n{result.stdout}{result.stderr}")
    after = page.read_text()
    check(outside(before) == outside(after), "bench changed what was written by hand")
    lines = after[after.index(BEGIN):after.index(END)].splitlines()
    table = {cells[0]: cells[1:] for cells in ([c.strip() for c in line.split("|")[1:-1]] for line in lines)
             if cells}
    for row in rows(QUICK) + held_against(QUICK):
        check(row.work in table, f"the page has no row `{row.work}`:\n{after}")
        cells = table[row.work]
        check(re.match(r"-?[\d,.]+\b", cells[0]), f"no figure for `{row.work}`: {cells}")
        if row.limit:
            check(re.match(r"at (most|least) [\d,.]+", cells[1]) and cells[2] in ("yes", "**no**"),
                  f"no verdict for `{row.work}`: {cells}")
    for message_set, connections in QUICK["receive"]:
        key = f"`{message_set}`, {connections} connection" + ("" if connections == 1 else "s")
        check(len(table.get(key, ())) == 6, f"the page has no whole row for receiving {key}:\n{after}")
    returned = int(re.search(r"bench: ([\d,]+) messages, all back byte for byte", result.stdout).group(1).replace(",", ""))
    sent = sum(connections * each for (_, connections), each in QUICK["receive"].items())
    sent += QUICK["small"] + QUICK["many"] + 2
    check(returned == sent, f"{sent} messages were sent, {returned} compared")
    test.count(f"{len(rows(QUICK))} rows, {returned} messages back")


def verdicts():
    for value, at_most, met in ((2, True, False), (1, True, True), (2, False, True), (0.5, False, False)):
        cell = Row("w", "f", "ms", lambda m: 1, at_most).cells({"f": [value]}, {"f": value})[3]
        check(cell == ("yes" if met else "**no**"), f"{value}, limit 1, at_most {at_most}: {cell}")


def page_without_markers(test):
    page = test.work / "bare.md"
    page.write_text(f"# Speed\n{END}\n{BEGIN}\n")
    try:
        write_page(page, ["table"])
    except Failure:
        check("table" not in page.read_text(), "a page without a place for the table was written to")
        return
    raise Failure("a page without a place for the table was taken")


def manifests(test):
    """Each row: how the manifest is changed, and what the collecting load then says."""
    gateway = test.gateway()
    authority = gateway.authority()
    mailbox = gateway.create_mailbox("Manifest")
    path = test.work / "manifest"
    subprocess.run([test.bin / "load_smtp", str(gateway.ports["smtps"]), authority, mailbox.address, path, "2k", "2",
                    "3"], check=True, capture_output=True, timeout=120)
    lines = path.read_text().splitlines(keepends=True)
    check(len(lines) == 6, f"the load wrote {len(lines)} lines")
    digest = lines[2].rstrip()[-1]
    cases = (
        (lines, None),
        (lines[:2] + [lines[2].replace(digest + "\n", ("0" if digest != "0" else "1") + "\n")] + lines[3:],
         "came back changed"),
        ([lines[0].replace(" 2048 ", " 2049 ")] + lines[1:], "came back changed"),
        (lines[:5], "was never acknowledged"),
        (lines + ["load-9-9" + lines[0][lines[0].index(" "):]], "1 acknowledged messages did not come back"),
        (lines + lines[:1], "twice"),
        ([], "the manifest is empty"),
    )
    for changed, complaint in cases:
        path.write_text("".join(changed))
        result = subprocess.run([test.bin / "load_pop3", str(gateway.ports["pop3s"]), authority, mailbox.id, path],
                                input=mailbox.password + "\n", capture_output=True, text=True, timeout=120)
        if complaint:
            check(result.returncode == 1 and complaint in result.stderr and not result.stdout,
                  f"a manifest that should give `{complaint}`: {result.returncode} {result.stdout}{result.stderr}")
        else:
            check(result.returncode == 0, f"an honest manifest was refused: {result.stderr}")
    # The same messages once more, under the same names.
    subprocess.run([test.bin / "load_smtp", str(gateway.ports["smtps"]), authority, mailbox.address, path, "2k", "2",
                    "3"], check=True, capture_output=True, timeout=120)
    result = subprocess.run([test.bin / "load_pop3", str(gateway.ports["pop3s"]), authority, mailbox.id, path],
                            input=mailbox.password + "\n", capture_output=True, text=True, timeout=120)
    check(result.returncode == 1 and "came back twice" in result.stderr, f"twice: {result.stderr}")
    gateway.stop()
    test.count(f"{len(cases)} manifests")


def main(test):
    verdicts()
    page_without_markers(test)
    manifests(test)
    quick_run(test)


run(main, "bench_quick")
