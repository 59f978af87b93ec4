"""fetchmail, mpop, getmail6, curl and poplib collect what was sent. curl keeps every byte; the others
normalise line ends or put fields on top, so the bytes behind X-Test-Id are compared with line ends
normalised."""

from collecting import COLLECTORS, Curl
from collector import client_context, collect_all, compare, difference, test_id
from harness import Failure, check, run
from messages import ID_FIELD, Maker
from senders import Sender


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


def with_curl_alone(test, gateway, authority):
    """curl takes dots off behind CRLF alone, as RFC 1939 writes lines, and keeps every other byte."""
    context = client_context(authority)
    mailbox, sent = filled_mailbox(gateway, context, "curl")
    curl = Curl(test, gateway, authority, mailbox)
    numbers = curl.numbers()
    check(len(numbers) == len(sent), f"curl lists {len(numbers)} of {len(sent)} messages")
    collected = [curl.run(curl.upgraded + number, "--ssl-reqd") if int(number) % 2
                 else curl.run(curl.implicit + number) for number in numbers]
    compare(sent, collected, "curl")
    curl.run(curl.implicit + numbers[0], "--request", "DELE", "--head")
    row = gateway.mailbox_status(mailbox)
    check((row["waiting"], row["collected"]) == (len(sent) - 1, 1), f"curl's DELE: {row}")
    test.count(f"curl: {len(sent)} messages, byte for byte")


def main(test):
    gateway = test.gateway()
    authority = gateway.authority()
    context = client_context(authority)
    with_curl_alone(test, gateway, authority)
    for name in ("poplib", "fetchmail", "mpop", "getmail6"):
        mailbox, sent = filled_mailbox(gateway, context, name)
        compare_normal(sent, COLLECTORS[name](test, gateway, authority, mailbox), name)
        must_be_empty(gateway, mailbox, len(sent), name)
        check(collect_all(gateway, mailbox, context) == [], f"{name} left messages behind")
        test.count(f"{name}: {len(sent)} messages")
    gateway.stop()


run(main)
