"""How each collector that this project did not write is made to collect a mailbox and to delete what it collected:
COLLECTORS has the functions, which return the messages as they came."""

import os
import pathlib
import poplib
import stat
import tempfile

import peers
from collector import client_context
from harness import check

poplib._MAXLINE = 1 << 20  # RFC 1939's 512 octets are for answers; messages have longer lines


def with_fetchmail(test, gateway, authority, mailbox):
    maildir = peers.new_maildir(pathlib.Path(tempfile.mkdtemp(prefix="fetchmail-", dir=test.work)))
    sink = test.work / "deliver"
    sink.write_text(f'#!/bin/sh\nexec cat >"{maildir}/new/$$.$(date +%N)"\n')
    sink.chmod(stat.S_IRWXU)
    peers.fetchmail(test.work, gateway.ports["pop3"], authority, mailbox, True, sink)
    return peers.maildir_messages(maildir)


def with_mpop(test, gateway, authority, mailbox):
    maildir = peers.new_maildir(test.work / "mpop-mail")
    peers.mpop(test.work, gateway.ports["pop3s"], authority, mailbox, False, maildir)
    return peers.maildir_messages(maildir)


def with_getmail(test, gateway, authority, mailbox):
    maildir = peers.new_maildir(test.work / "getmail-mail")
    started_again = peers.getmail(test.work, gateway.ports["pop3s"], authority, mailbox, maildir)
    messages = peers.maildir_messages(maildir)
    # Each has an id of its own in its Received field, so equal ones are one that was delivered twice.
    return list(dict.fromkeys(messages)) if started_again else messages


def with_poplib(test, gateway, authority, mailbox):
    context = client_context(authority)
    server = poplib.POP3("localhost", gateway.ports["pop3"], timeout=60)
    server.stls(context=context)
    server.user(mailbox.id)
    server.pass_(mailbox.password)
    count, size = server.stat()
    check(count == len(server.uidl()[1]) == len(server.list()[1]) and size > 0, "STAT, UIDL and LIST disagree")
    collected = []
    for number in range(1, count + 1):
        collected.append(b"\r\n".join(server.retr(number)[1]) + b"\r\n")
        server.dele(number)
    server.quit()
    return collected


class Curl:
    """curl with the mailbox's name and password."""

    def __init__(self, test, gateway, authority, mailbox):
        self.work = test.work
        self.implicit = f"pop3s://localhost:{gateway.ports['pop3s']}/"
        self.upgraded = f"pop3://localhost:{gateway.ports['pop3']}/"
        self.configuration = test.work / "curlrc"
        self.configuration.write_text(f'user = "{mailbox.id}:{peers.quoted(mailbox.password)}"\n'
                                      f'cacert = "{authority}"\n')
        self.configuration.chmod(0o600)

    def run(self, *arguments):
        return peers.run(["curl", "--silent", "--show-error", "--config", self.configuration, *arguments],
                         dict(os.environ, HOME=str(self.work))).stdout

    def numbers(self):
        return [line.split()[0].decode() for line in self.run(self.implicit).splitlines() if line.strip()]


def with_curl(test, gateway, authority, mailbox):
    """Half of the messages over each kind of TLS, and as many in one session as curl is given addresses."""
    curl = Curl(test, gateway, authority, mailbox)
    numbers = curl.numbers()
    folder = test.work / "curl-mail"
    folder.mkdir()
    for first, address, options in ((0, curl.implicit, ()), (1, curl.upgraded, ("--ssl-reqd",))):
        wanted = [word for number in numbers[first::2]
                  for word in ("--output", folder / number, address + number)]
        curl.run(*options, *wanted)
    for first in range(0, len(numbers), 50):
        # A session ends in between: what is deleted is not counted any more.
        count = len(numbers[first:first + 50])
        curl.run("--request", "DELE", "--head", *(curl.implicit + number for number in numbers[:count]))
    return [(folder / number).read_bytes() for number in numbers]


COLLECTORS = {"poplib": with_poplib, "curl-pop3": with_curl, "fetchmail": with_fetchmail, "mpop": with_mpop,
              "getmail6": with_getmail}
