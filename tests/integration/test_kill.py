"""The process is killed at random moments while mail comes in and is collected, passwords and keys change, mailboxes
are exported and backups made (mixed_load.py). After each kill everything that was acknowledged is there once, byte for
byte; no deletion comes back; either the old password opens the mailbox or the new one, and never neither; the ledger
verifies and counts what was received. A finished backup is whole, and brings back what it must."""

import collections
import pathlib
import random
import shutil
import tempfile
import time

from collector import client_context
from harness import LONG, check, run, wait_for
from messages import Maker
from mixed_load import JOBS, SENDERS, Book, Day, Deck, everything_again, judge_backups, restore, settle

KILLS = 200 if LONG else 10
KILLS_OF_AN_ERA = 20  # then come new mailboxes, and the old ones are deleted under load
SEED = 20261124


def after_a_kill(day, gateway, context, books, keeps, chance):
    settle(gateway, context, books, keeps, chance)
    judge_backups(day, gateway)


def one_day(gateway, context, books, makers, work, deck):
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    day = Day(gateway, context, books, makers, work, deck)
    day.start()
    return day


def last_day(day, totals):
    """Whatever the kills have left out is done once, and everybody ends in order."""
    wanted = {*JOBS, "backup", "collected"}
    wait_for("each job to be done once", lambda: all((totals + day.done)[job] for job in wanted) and day.backups, 120)
    day.go_home()


def era(test, gateway, work, number, kills, totals, chance, deck):
    keeps = number % 2 == 0
    context = client_context(gateway.authority())
    books = [Book(gateway, f"{name} {number}") for name in ("Office", "Shop")]
    makers = [Maker(f"{SEED}-{number}-{sender}") for sender in range(SENDERS)]
    for kill in range(kills):
        day = one_day(gateway, context, books, makers, work, deck)
        # Half of the kills come behind an answer, so that there is something to lose.
        if kill % 4 == 1:
            wait_for("an answer", lambda: any(day.done[job] for job in JOBS), 60, 0.01)
        elif kill % 4 == 3:
            wait_for("a backup", lambda: day.backups, 60, 0.01)
        time.sleep(chance.uniform(0.02, 1.3))
        day.kill(with_clients=kill % 3 == 0)
        gateway.start()
        after_a_kill(day, gateway, context, books, keeps, chance)
        totals.update(day.done)
    day = one_day(gateway, context, books, makers, work, deck)
    last_day(day, totals)
    after_a_kill(day, gateway, context, books, keeps, chance)
    totals.update(day.done)
    restore(test, day.backups[-1], work)
    if keeps:
        everything_again(gateway, context, books)
    totals["unanswered"] += sum(len(set(book.sent) - book.kept) for book in books)
    return books


def main(test):
    chance, deck = random.Random(SEED), Deck(SEED)
    gateway = test.gateway(**{"storage.keep-collected-days": "7"})
    totals = collections.Counter()
    # What clients write is not the subject, and their syncs would take most of the time.
    memory = pathlib.Path("/dev/shm")
    work = pathlib.Path(tempfile.mkdtemp(prefix="lettergate-kill-", dir=memory if memory.is_dir() else None))
    test.cleanups.callback(shutil.rmtree, work, ignore_errors=True)
    for number in range((KILLS + KILLS_OF_AN_ERA - 1) // KILLS_OF_AN_ERA):
        books = era(test, gateway, work / "copies", number, min(KILLS, KILLS_OF_AN_ERA), totals, chance, deck)
        # The setting is given at the start; what was kept goes with its mailbox.
        gateway.settings["storage.keep-collected-days"] = "0" if number % 2 == 0 else "7"
        gateway.stop()
        gateway.start()
        for book in books:
            gateway.ctl("mailbox", "suspend", book.mailbox.id)
            gateway.ctl("mailbox", "delete", book.mailbox.id, "--yes")
    problems = [row for row in gateway.status()["problems"] if row["severity"] == "critical"]
    check(not problems, f"problems: {problems}")
    check(totals["acknowledged"] > 5 * KILLS, f"only {totals['acknowledged']} messages were acknowledged: no load")
    gateway.stop()
    test.count(f"{KILLS} kills, {totals['acknowledged']} messages acknowledged, {totals['collected']} collected, "
               f"{totals['password'] + totals['password_by_code']} passwords changed, {totals['rekey']} rekeys, "
               f"{totals['recovery']} recovery codes, {totals['export']} exports, {totals['backup']} backups: "
               "nothing lost, nothing came back, the ledger verifies")
    test.count(f"{totals['unanswered']} messages sent and not kept; {totals['verify']} ledgers verified under load")


run(main)
