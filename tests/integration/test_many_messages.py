"""A mailbox in which 100,000 messages wait: a login, STAT, LIST and UIDL take less than half a second, read no body,
and name each message by the same unique-id in every session; one that comes back has a new one.

Some of the messages were really sent, before and after the others, which are put into the database while the gateway
is stopped: to list them is the same work, and to send them would take minutes.
"""

import contextlib
import os
import pathlib
import re
import sqlite3
import time

from collector import Collector, client_context, compare
from harness import LONG, check, run
from messages import Maker
from senders import Sender

MESSAGES = 100_000
BODY = 2_500  # octets of a sealed one
SIZE = 2_000
LIMIT = 0.5  # seconds, of computing: it is less than that by the clock only where nobody else computes
CROWDED_FACTOR = 10
SANITIZED_FACTOR = 3
TRIES = 5  # of which the fastest counts
DELETED = 20_000 if LONG else 2_000


def is_sanitized(program):
    return any(name in program.read_bytes() for name in (b"__asan_init", b"__tsan_init"))


def cpu_seconds(gateway):
    fields = pathlib.Path(f"/proc/{gateway.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def send(gateway, context, mailbox, maker, count):
    messages = list(maker.canonical(count))
    with Sender(gateway.ports["smtp"], context) as sender:
        for message in messages:
            sender.send_data("alice@sender.example", mailbox.address, message.data)
    return messages


def fill(gateway, count):
    """The rows that `count` messages from before the ledger would have."""
    database = sqlite3.connect(gateway.data / "lettergate.db")
    with contextlib.closing(database), database:
        mailbox, = database.execute("SELECT number FROM mailboxes").fetchone()
        first, = database.execute("SELECT max(number) + 1 FROM bodies").fetchone()
        received, = database.execute("SELECT max(received_us) FROM messages").fetchone()
        database.executemany("INSERT INTO bodies (number, id, sealed_size, sealed) VALUES (?, ?, ?, ?)",
                             ((number, os.urandom(16), BODY, os.urandom(BODY))
                              for number in range(first, first + count)))
        database.executemany("INSERT INTO messages (id, mailbox, body, received_us, size, state, ledger_number)"
                             " VALUES (?, ?, ?, ?, ?, 0, 0)",
                             ((os.urandom(16), mailbox, number, received + number, SIZE)
                              for number in range(first, first + count)))
        database.execute("UPDATE counters SET waiting = waiting + ?1, received = received + ?1,"
                         " waiting_bytes = waiting_bytes + ?2, received_bytes = received_bytes + ?2,"
                         " ledger_before = ledger_before + ?1", (count, count * SIZE))


def read_by(gateway):
    """How much the process has read so far, from whatever; None where only root may ask."""
    try:
        with open(f"/proc/{gateway.process.pid}/io", encoding="ascii") as facts:
            return int(re.search(r"rchar: (\d+)", facts.read()).group(1))
    except PermissionError:
        return None


class Session(Collector):
    def lines(self, command):
        """Those of a long answer; much faster than one by one."""
        self.command(command)
        pieces = [self.buffer]
        while not pieces[-1].endswith(b"\r\n.\r\n"):
            piece = self.socket.recv(1 << 20)
            check(piece, f"the connection ended in the answer to {command}")
            # The end may lie across two pieces.
            pieces[-1:] = [pieces[-1] + piece] if len(piece) < 5 else [pieces[-1], piece]
        self.buffer = b""
        return b"".join(pieces).split(b"\r\n")[:-2]

    def pairs(self, command):
        return [line.split(b" ") for line in self.lines(command)]


def open_session(gateway, context):
    return Session(gateway.ports["pop3s"], context)


def timed_login(gateway, context, mailbox, expected):
    """The time from USER to the end of UIDL, what the gateway computed meanwhile, and what UIDL says."""
    with open_session(gateway, context) as session:
        computed = cpu_seconds(gateway)
        began = time.monotonic()
        session.login(mailbox.id, mailbox.password)
        count, size = session.stat()
        lines = session.lines("UIDL")
        took = time.monotonic() - began
        computed = cpu_seconds(gateway) - computed
        uids = [line.split(b" ") for line in lines]
        check(count == expected == len(uids), f"STAT says {count}, UIDL {len(uids)}, {expected} wait")
        check([int(number) for number, _ in uids] == list(range(1, expected + 1)), "the numbers of UIDL have a gap")
        sizes = session.pairs("LIST")
        check(len(sizes) == expected and sum(int(octets) for _, octets in sizes) == size, "LIST and STAT disagree")
        session.quit()
    return took, computed, [uid for _, uid in uids]


def logins(test, gateway, context, mailbox):
    before = read_by(gateway)
    first, computed, uids = timed_login(gateway, context, mailbox, MESSAGES)
    if before is None:
        test.count("how much is read was not looked at, only root may")
    else:
        read = read_by(gateway) - before
        check(read < MESSAGES * BODY / 10, f"the first login read {read} octets: bodies, too")
        test.count(f"the first login read {read / 1e6:.1f} of {MESSAGES * BODY / 1e6:.0f} MB")
    check(len(set(uids)) == MESSAGES, "two messages have one unique-id")
    tries = [(computed, first)]
    while len(tries) < TRIES and min(took for _, took in tries) > LIMIT:
        took, computed, same = timed_login(gateway, context, mailbox, MESSAGES)
        check(same == uids, "a unique-id changed between two sessions")
        tries.append((computed, took))
    limit = LIMIT * (SANITIZED_FACTOR if is_sanitized(gateway.bin / "lettergated") else 1)
    computed, took = (min(values) for values in zip(*tries))
    check(computed < limit, f"login, STAT and UIDL cost {computed:.2f} s of computing, not {limit} s: {tries}")
    check(took < limit * CROWDED_FACTOR, f"login, STAT and UIDL took {took:.2f} s: {tries}")
    test.count(f"{MESSAGES} messages: login, STAT, UIDL in {took:.2f} s, {computed:.2f} s of computing; "
               f"the first in {first:.2f} s")
    return uids


def bodies(gateway, context, mailbox, sent):
    """What was really sent is where it was, before and behind all the others."""
    half = len(sent) // 2
    with open_session(gateway, context) as session:
        session.login(mailbox.id, mailbox.password)
        numbers = list(range(1, half + 1)) + list(range(MESSAGES - half + 1, MESSAGES + 1))
        compare(sent, [session.retrieve(number) for number in numbers], "among many")
        session.quit()


def deleting(test, gateway, context, mailbox, uids):
    """Every second one from the first on; the others keep their unique-ids, also behind a restart."""
    gone = list(range(1, 2 * DELETED, 2))
    with open_session(gateway, context) as session:
        session.login(mailbox.id, mailbox.password)
        for first in range(0, len(gone), 1000):
            session.delete(*gone[first:first + 1000])
        session.quit()
    deleted = {uids[number - 1] for number in gone}
    kept = [uid for uid in uids if uid not in deleted]
    check(timed_login(gateway, context, mailbox, len(kept))[2] == kept, "a deletion changed other unique-ids")
    gateway.stop()
    gateway.start()
    check(timed_login(gateway, context, mailbox, len(kept))[2] == kept, "a restart changed unique-ids")
    restored = gateway.ctl("mailbox", "restore", mailbox.id)
    check(restored == {"restored": DELETED}, f"mailbox restore: {restored}")
    again = timed_login(gateway, context, mailbox, MESSAGES)[2]
    check(again[:len(kept)] == kept, "a restore changed the unique-ids of what waited")
    check(len(set(again)) == MESSAGES and not set(again) & deleted, "a restored message has a unique-id from before")
    test.count(f"{DELETED} deleted and restored under new unique-ids, the others keep theirs")


def main(test):
    gateway = test.gateway()
    mailbox = gateway.create_mailbox("Many")
    context = client_context(gateway.authority())
    maker = Maker("many")
    sent = send(gateway, context, mailbox, maker, 3)
    gateway.stop()
    fill(gateway, MESSAGES - 6)
    gateway.start()
    sent += send(gateway, context, mailbox, maker, 3)
    gateway.stop()
    gateway.start()
    check(gateway.start_s < 5, f"starting took {gateway.start_s:.1f} s")
    uids = logins(test, gateway, context, mailbox)
    bodies(gateway, context, mailbox, sent)
    deleting(test, gateway, context, mailbox, uids)
    check(not gateway.status()["problems"], f"problems: {gateway.status()['problems']}")


run(main)
