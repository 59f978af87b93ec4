"""Varied mail from six senders that this project did not write: what they send is kept octet for octet, but for what
alterations.py says of each; addresses and fields in UTF-8; more recipients than fit into a transaction; 20 MiB."""

import re
import smtplib

import peers
from alterations import RECEIVED, altered, cannot, ended
from collector import below_trace, client_context, collect_all, difference
from harness import Failure, LONG, check, run, wait_for
from senders import Sender
from varied import VariedMaker

KINDS = len(VariedMaker.VARIED)
# Name, and how many letters: 1,000 in all in the long form, in the short one each kind once. One has 20 MiB in the
# long form; in the short one curl's.
COUNTS = {"Postfix": 250, "Exim": 250, "smtplib": 200, "swaks": 100, "msmtp": 100, "curl": 100}
MAILBOXES = 25 if LONG else 12  # ten go into one transaction


def return_path(data):
    found = re.match(rb"Return-Path: <([^>\r\n]*)>\r\n", data)
    check(found, f"no Return-Path on top: {data[:80]!r}")
    return found.group(1).decode()


def compare(program, letters, collected):
    waiting = {letter.sender: letter for letter in letters}
    for data in collected:
        sender = return_path(data)
        letter = waiting.pop(sender, None)
        check(letter, f"{program}: mail from {sender} came twice, or was never sent")
        body = below_trace(data)
        if program in RECEIVED:
            field = re.match(RECEIVED[program], body)
            check(field, f"{program}: there is no Received field of its own: {body[:300]!r}")
            body = body[field.end():]
        wanted = ended(altered(program, letter.data))
        if body != wanted:
            raise Failure(f"{program}: {sender} ({letter.kind}) differs {difference(wanted, body)}")
    check(not waiting, f"{program}: {len(waiting)} letters did not come: {[(m.sender, m.kind) for m in waiting.values()]}")


class Programs:
    """Each sends letters: `jobs` are pairs of a letter and its recipients."""

    def __init__(self, test, gateway):
        self.test = test
        self.gateway = gateway
        self.authority = gateway.authority()
        self.context = client_context(self.authority)

    # ---- servers ----

    def server(self, kind, **options):
        work = self.test.work / f"varied-{kind.__name__}"
        work.mkdir()
        peer = kind(work, self.gateway.ports["submission"], self.authority, **options)
        self.test.cleanups.callback(peer.stop)
        peer.start()
        return peer

    def by_server(self, peer, jobs):
        with Sender(peer.port) as sender:
            for letter, recipients in jobs:
                sender.send_data(letter.sender, recipients, letter.data, letter.is_utf8)
        peer.release()
        wait_for("the queue to empty", lambda: peer.waiting() == 0, 600, 0.2)
        peer.stop()

    def Postfix(self, jobs):
        self.by_server(self.server(peers.Postfix, line_limit=998), jobs)

    def Exim(self, jobs):
        self.by_server(self.server(peers.Exim), jobs)

    # ---- clients: what is put off goes in another transaction ----

    def smtplib(self, jobs):
        with smtplib.SMTP("localhost", self.gateway.ports["smtp"], timeout=120) as server:
            server.starttls(context=self.context)
            for letter, recipients in jobs:
                options = ["SMTPUTF8", "BODY=8BITMIME"] if letter.is_utf8 else []
                left = recipients
                while left:
                    refused = server.sendmail(letter.sender, left, letter.data, options)
                    check(all(code == 452 for code, _ in refused.values()) and len(refused) < len(left),
                          f"smtplib: refused were {refused}")
                    left = list(refused)

    def by_program(self, send, jobs):
        path = self.test.work / "letter"
        for number, (letter, recipients) in enumerate(jobs):
            path.write_bytes(letter.data)
            service = ("smtp", "submission", "smtps")[number % 3]
            for first in range(0, len(recipients), 10):
                send(self.test.work, self.gateway.ports[service], self.authority, letter.sender,
                     recipients[first:first + 10], path, service == "smtps")

    def swaks(self, jobs):
        self.by_program(peers.swaks, jobs)

    def msmtp(self, jobs):
        self.by_program(peers.msmtp, jobs)

    def curl(self, jobs):
        self.by_program(peers.curl_send, jobs)


def one_program(test, gateway, programs, program, everybody):
    """Its letters but two go to a mailbox of their own and are compared; those two, which it returns, to everybody."""
    mailbox = gateway.create_mailbox(program)
    without = cannot(program)
    large = 1 if LONG or program == "curl" else 0
    count = COUNTS[program] if LONG else KINDS - len(without) + large
    letters = list(VariedMaker(program).varied(count, large, without=without))
    for_all, for_one = letters[:2], letters[2:]
    getattr(programs, program)([(letter, [mailbox.address]) for letter in for_one]
                               + [(letter, [each.address for each in everybody]) for letter in for_all])
    compare(program, for_one, collect_all(gateway, mailbox, programs.context))
    test.count(f"{program}: {count} letters, 2 of them to {MAILBOXES} mailboxes, {large} of 20 MiB")
    return count, for_all


def compare_for_all(for_all, collected):
    """What came to one of everybody: two letters of each program."""
    of_program = {program: [] for program in for_all}
    program_of = {letter.sender: program for program, letters in for_all.items() for letter in letters}
    for data in collected:
        program = program_of.get(return_path(data))
        check(program, f"mail from {return_path(data)} was never sent to everybody")
        of_program[program].append(data)
    for program, letters in for_all.items():
        compare(program, letters, of_program[program])


def main(test):
    gateway = test.gateway()
    programs = Programs(test, gateway)
    everybody = [gateway.create_mailbox(f"Journal {number}") for number in range(MAILBOXES)]
    total = 0
    for_all = {}
    for program in COUNTS:
        count, for_all[program] = one_program(test, gateway, programs, program, everybody)
        total += count
    # Once for all programs: a login takes its time.
    for mailbox in everybody:
        compare_for_all(for_all, collect_all(gateway, mailbox, programs.context))
    test.count(f"{total} letters of {KINDS} kinds")
    gateway.stop()


run(main)
