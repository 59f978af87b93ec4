"""fetchmail, mpop, getmail6, curl and poplib collect what was sent. curl keeps every byte; the others
normalise line ends or put fields on top, so the bytes behind X-Test-Id are compared with line ends
normalised."""

import os
import poplib
import stat

import peers
from collector import client_context, collect_all, compare, difference, test_id
from harness import Failure, check, run
from messages import ID_FIELD, Maker
from senders import Sender

poplib._MAXLINE = 1 << 20  # RFC 1939's 512 octets are for answers; messages have longer lines


def normal(data, what):
    data = data[data.index(ID_FIELD):].replace(b"\r\n", b"\n").replace(b"\r", b"\n").rstrip(b"\n")
    if what == "getmail6":
        # Python's parser, through which it writes, puts a blank into a field without a value.
        data = data.replace(b"X-MS-Journal-Report: \n", b"X-MS-Journal-Report:\n")
    return data


def compare_normal(sent, collected, what):
    waiting = {message.id: message for message in sent}
    for data in collected:
        name = test_id(data)
        message = waiting.pop(name, None)
        check(message, f"{what}: {name} came twice, or was never sent")
        wanted, got = normal(message.data, what), normal(data, what)
        if wanted != got:
            raise Failure(f"{what}: {name} ({message.kind}) differs: {difference(wanted, got)}")
    check(not waiting, f"{what}: {len(waiting)} messages did not come: "
                       f"{[m.kind for m in waiting.values()][:5]}")


def filled_mailbox(gateway, context, name, count=57):
    mailbox = gateway.create_mailbox(name)
    sent = list(Maker(name).canonical(count))
    with Sender(gateway.ports["smtp"], context) as sender:
        for message in sent:
            sender.send_data("alice@sender.example", mailbox.address, message.data)
    return mailbox, sent


def must_be_empty(gateway, mailbox, count, what):
    row = gateway.mailbox_status(mailbox)
    check((row["waiting"], row["collected"], row["received"]) == (0, count, count),
          f"after {what}: {row}")


def with_fetchmail(test, gateway, authority, mailbox):
    maildir = peers.new_maildir(test.work / "fetchmail-mail")
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


def with_curl(test, gateway, authority):
    """curl takes dots off behind CRLF alone, as RFC 1939 writes lines, and keeps every other byte."""
    context = client_context(authority)
    mailbox, sent = filled_mailbox(gateway, context, "curl")
    configuration = test.work / "curlrc"
    configuration.write_text(f'user = "{mailbox.id}:{peers.quoted(mailbox.password)}"\ncacert = "{authority}"\n')
    configuration.chmod(0o600)
    environment = dict(os.environ, HOME=str(test.work))

    def curl(*arguments):
        return peers.run(["curl", "--silent", "--show-error", "--config", configuration, *arguments],
                         environment).stdout

    implicit = f"pop3s://localhost:{gateway.ports['pop3s']}/"
    upgraded = f"pop3://localhost:{gateway.ports['pop3']}/"
    numbers = [line.split()[0].decode() for line in curl(implicit).splitlines() if line.strip()]
    check(len(numbers) == len(sent), f"curl lists {len(numbers)} of {len(sent)} messages")
    collected = [curl(upgraded + number, "--ssl-reqd") if int(number) % 2 else curl(implicit + number)
                 for number in numbers]
    compare(sent, collected, "curl")
    curl(implicit + numbers[0], "--request", "DELE", "--head")
    row = gateway.mailbox_status(mailbox)
    check((row["waiting"], row["collected"]) == (len(sent) - 1, 1), f"curl's DELE: {row}")
    test.count(f"curl: {len(sent)} messages, byte for byte")


def main(test):
    gateway = test.gateway()
    authority = gateway.authority()
    context = client_context(authority)
    with_curl(test, gateway, authority)
    for name, collect in (("poplib", with_poplib), ("fetchmail", with_fetchmail), ("mpop", with_mpop),
                          ("getmail6", with_getmail)):
        mailbox, sent = filled_mailbox(gateway, context, name)
        compare_normal(sent, collect(test, gateway, authority, mailbox), name)
        must_be_empty(gateway, mailbox, len(sent), name)
        check(collect_all(gateway, mailbox, context) == [], f"{name} left messages behind")
        test.count(f"{name}: {len(sent)} messages")
    gateway.stop()


run(main)
