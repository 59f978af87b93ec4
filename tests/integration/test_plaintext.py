"""Nothing that a thief of the disk reads tells what the mail says: every file of the data folder and the
logs are searched for the texts of messages, their addresses and the password. The wrong password opens
nothing."""

import base64
import os
import pathlib

from collector import Collector, Refused, client_context, collect_all, compare
from harness import Failure, check, run
from messages import Maker, Message
from senders import Sender

NEEDLES = {
    "subject": b"Quarterly-Zebra-Forecast",
    "sender": b"perpetua.zwingli@sender-zz.example",
    "header recipient": b"ottoline.quarck@office-zz.example",
    "body": b"The walrus sells oysters on Thursday",
    "attachment": b"attached-giraffe-figures",
}


def secret_messages():
    maker = Maker("plaintext")
    for size in (100, 3_000, 60_000, 70_000, 200_000, 3_000_000):  # in the database, and in files
        maker.number += 1
        data = (b"From: <" + NEEDLES["sender"] + b">\r\nTo: <" + NEEDLES["header recipient"] + b">\r\nSubject: "
                + NEEDLES["subject"] + b"\r\n\r\n" + NEEDLES["body"] + b"\r\n"
                + (NEEDLES["attachment"] + b" " * 40 + b"\r\n") * (size // 66 + 1))
        yield Message(maker.number, f"{size} octets", data, maker.secret)


def forms(text):
    """As it is, and as it may hide: base64 in each of its three alignments, hex, UTF-16."""
    yield text
    for shift in range(3):
        yield base64.b64encode(b"x" * shift + text)[4 if shift else 0:len(text) * 4 // 3 - 4]
    yield text.hex().encode()
    yield text.decode("latin-1").encode("utf-16-le")


def search(files, needles):
    found = []
    read = 0
    for path in files:
        data = path.read_bytes()
        read += len(data)
        for name, text in needles.items():
            if any(form in data or form.lower() in data for form in forms(text)):
                found.append(f"the {name} is in {path}")
    return found, read


def files_of(*places):
    for place in places:
        for folder, _, names in os.walk(place):
            for name in names:
                path = pathlib.Path(folder, name)
                if path.is_file():
                    yield path


def must_refuse(gateway, context, user, password, number):
    # From an address of its own each, since the gateway slows down who guesses.
    service = ("pop3s", "pop3")[number % 2]
    with Collector(gateway.ports[service], context, service == "pop3", source=f"127.0.1.{number + 1}") as collector:
        try:
            collector.login(user, password)
        except Refused as refused:
            check(password not in str(refused) or not password, "the answer repeats the password")
        else:
            raise Failure(f"{service}: logged in with a wrong password")
        for command in ("STAT", "LIST", "RETR 1", "UIDL"):
            try:
                collector.command(command)
            except (Refused, Failure):
                continue
            raise Failure(f"{command} is answered without a login")


def main(test):
    gateway = test.gateway(log_level="debug")
    mailbox = gateway.create_mailbox("Plaintext")
    other = gateway.create_mailbox("Other")
    context = client_context(gateway.authority())
    sent = list(secret_messages())
    needles = dict(NEEDLES, password=mailbox.password.encode(), recovery_code=mailbox.recovery_code.encode(),
                   other_password=other.password.encode())
    with Sender(gateway.ports["smtp"], context) as sender:
        for message in sent:
            sender.send_data(NEEDLES["sender"].decode(), mailbox.address, message.data)
        # A refusal and a broken transaction must not leave the text behind either.
        try:
            sender.send_data(NEEDLES["sender"].decode(), NEEDLES["header recipient"].decode(), b"x\r\n")
        except Failure:
            sender.docmd("RSET")
    wrongs = [(mailbox.id, wrong) for wrong in (other.password, mailbox.password[:-1], mailbox.password + "x",
                                                mailbox.password.swapcase(), "", "x" * 250, mailbox.recovery_code)]
    wrongs += [("mbx-" + "0" * 32, mailbox.password), (other.id, mailbox.password)]
    for number, (user, password) in enumerate(wrongs):
        must_refuse(gateway, context, user, password, number)

    # While it runs, and after it ended, with the mail still waiting.
    for moment in ("while it runs", "after it stopped"):
        if moment == "after it stopped":
            gateway.stop()
        files = list(files_of(gateway.data, gateway.runtime)) + [gateway.log_path]
        found, read = search(files, needles)
        check(not found, "; ".join(found))
        check(read > 3_000_000, f"only {read} octets were there to be read")
        test.count(f"{moment}: {len(files)} files, {read} octets, none of {len(needles)} texts")
    # The search itself must be able to find.
    probe = test.work / "probe"
    probe.write_bytes(b"\x00" * 1000 + NEEDLES["body"] + b"\x00" * 1000)
    check(len(search([probe], needles)[0]) == 1, "the search does not find what is there")

    gateway.start()
    compare(sent, collect_all(gateway, mailbox, context), "after the restart")
    gateway.stop()
    found, _ = search(list(files_of(gateway.data)) + [gateway.log_path], needles)
    check(not found, "after collecting: " + "; ".join(found))
    permissions = [path for path in (gateway.data, *gateway.data.rglob("*"))
                   if not path.is_symlink() and path.stat().st_mode & 0o077]
    check(not permissions, f"not owner-only: {permissions}")
    test.count(f"{len(sent)} messages came back whole; wrong passwords opened nothing")


run(main)
