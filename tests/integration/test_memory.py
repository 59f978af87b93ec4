"""At rest the process has less than 12 MiB, and a message of 200 MiB passes in and out while it grows by less than
8 MiB. Argon2's work memory (64 MiB, given back) is not part of that: the login happens before the measured part."""

import hashlib
import os
import time

from collector import Collector, client_context
from harness import check, run
from messages import ID_FIELD
from resident import Watch
from senders import Sender

SIZE = 200 << 20
GROWTH_KIB = 8 << 10
REST_KIB = (12 << 10) + 64 * max(0, os.cpu_count() - 4)  # each core has a thread of its own
PIECE = (b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/ABCDEFGHIJKL\r\n" * 820)[:78 * 820]


def pieces():
    head = (ID_FIELD + b"large\r\nSubject: large\r\n\r\n")
    yield head
    left = SIZE - len(head)
    while left > len(PIECE) + 2:
        yield PIECE
        left -= len(PIECE)
    yield b"x" * (left - 2) + b"\r\n"


def send_large(gateway, context, mailbox, use_bdat):
    digest = hashlib.sha256()
    with Sender(gateway.ports["smtps"], context, implicit_tls=True, timeout=600) as sender:
        sender.must(250, sender.docmd("MAIL", f"FROM:<a@sender.example> SIZE={SIZE}"))
        sender.must(250, sender.docmd("RCPT", f"TO:<{mailbox.address}>"))
        size = 0
        if not use_bdat:
            sender.must(354, sender.docmd("DATA"))
        for piece in pieces():
            digest.update(piece)
            size += len(piece)
            if use_bdat:
                sender.send(f"BDAT {len(piece)}\r\n".encode() + piece)
                sender.must(250, sender.getreply())
            else:
                sender.send(piece)
        check(size == SIZE, f"the test made {size} octets")
        sender.send(b"BDAT 0 LAST\r\n" if use_bdat else b".\r\n")
        sender.must(250, sender.getreply())
    return digest.digest()


class Below:
    """Digest of what lies below the trace: from X-Test-Id on."""

    def __init__(self):
        self.digest = hashlib.sha256()
        self.size = 0
        self.head = b""

    def take(self, piece):
        if self.head is not None:
            self.head += piece
            place = self.head.find(ID_FIELD)
            if place < 0:
                check(len(self.head) < 10_000, "X-Test-Id is not below the trace")
                return
            piece, self.head = self.head[place:], None
        self.size += len(piece)
        self.digest.update(piece)


def main(test):
    gateway = test.gateway()
    mailbox = gateway.create_mailbox("Memory")
    context = client_context(gateway.authority())

    def login():
        return Collector(gateway.ports["pop3s"], context, timeout=600).login(mailbox.id, mailbox.password)

    # Once everything: a login, a small message in and out.
    with Sender(gateway.ports["smtps"], context, implicit_tls=True) as sender:
        sender.send_data("a@sender.example", mailbox.address, ID_FIELD + b"small\r\n\r\nsmall\r\n")
    with login() as collector:
        collector.retrieve(1)
        collector.delete(1)
        collector.quit()
    time.sleep(1)
    base = gateway.resident_kib()
    check(base < REST_KIB, f"at rest after a login {base} KiB, not {REST_KIB}")
    test.count(f"at rest after a login {base} KiB")

    for use_bdat in (False, True):
        with Watch(gateway) as receiving:
            digest = send_large(gateway, context, mailbox, use_bdat)
        check(receiving.growth(base) < GROWTH_KIB, f"receiving: from {base} to {receiving.highest} KiB")
        with login() as collector:
            time.sleep(1)
            logged_in = gateway.resident_kib()
            check(logged_in - base < GROWTH_KIB, f"after a login: from {base} to {logged_in} KiB")
            below = Below()
            with Watch(gateway) as sending:
                collector.retrieve(1, below.take)
            collector.delete(1)
            collector.quit()
        check(sending.growth(base) < GROWTH_KIB, f"handing out: from {base} to {sending.highest} KiB")
        check((below.size, below.digest.digest()) == (SIZE, digest), "the message came back changed")
        test.count(f"{'BDAT' if use_bdat else 'DATA'}: 200 MiB in +{receiving.growth(base)} KiB, "
                   f"out +{sending.growth(base)} KiB" + ("" if sending.exact else " (sampled)"))
    gateway.stop()


run(main)
