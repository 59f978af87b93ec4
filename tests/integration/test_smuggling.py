"""SMTP smuggling: what another server may take for the end of a message, with a second message behind it. Over the
network, on every listener, by DATA and by BDAT, cut at each place: there is one answer and one message, and
it is stored as it was received. And commands that come in the packet of STARTTLS or STLS: not done, not answered, and
no part of what is said under TLS."""

import contextlib

from collector import below_trace, client_context, collect_all, difference, test_id
from harness import Failure, check, run
from messages import ID_FIELD
from wire import Wire

END = b"\r\n.\r\n"  # the only one that ends DATA (RFC 5321 4.1.1.4)
FALSE_ENDS = (b"\n.\n", b"\r.\r", b"\r\n.\n", b"\n.\r\n", b"\r\n.\r", b"\r.\r\n", b"\n.\r", b"\r.\n",
              b"\r\r\n.\n", b"\n\n.\n\n", b"\r\n.\r\r\n", b"\r\n\x00.\r\n", b"\r\n.\x00\r\n", b"\r\n.\r\x00\n", b"\r\x00\n.\r\n",
              b"\n\x00.\x00\n", b"\x00.\x00", b"\r\n. \r\n", b"\r\n..\r\n", b"\n.\n\r\n.\n")
SERVICES = ("smtp", "submission", "smtps")

CUTS = {
    "whole": lambda stream, place, size: [stream],
    "in front": lambda stream, place, size: [stream[:place], stream[place:]],
    "behind": lambda stream, place, size: [stream[:place + size], stream[place + size:]],
    "octet by octet": lambda stream, place, size: (
        [stream[:place - 2]] + [stream[i:i + 1] for i in range(place - 2, place + size + 8)]
        + [stream[place + size + 8:-7]] + [stream[i:i + 1] for i in range(len(stream) - 7, len(stream))]),
}


def letter(number, ending, address):
    """The content, and where the false end stands in it."""
    front = ID_FIELD + f"smuggling-{number}\r\nSubject: outside\r\n\r\noutside".encode()
    inside = (f"MAIL FROM:<smuggled@sender.example>\r\nRCPT TO:<{address}>\r\nDATA\r\n"
              f"Subject: smuggled\r\n\r\nsmuggled").encode()
    return front + ending + inside, len(front)


def unstuffed(content):
    """RFC 5321 4.5.2, where a line begins behind CRLF alone."""
    return content.replace(b"\r\n.", b"\r\n")


class Session(Wire):
    """Under TLS, up to a recipient."""

    def __init__(self, gateway, context, service, address):
        super().__init__(gateway.ports[service])
        if service == "smtps":
            self.secure(context)
            self.reply()
        else:
            self.reply()
            self.ask("EHLO outside.example", "250")
            self.ask("STARTTLS", "220")
            self.secure(context)
        self.ask("EHLO outside.example", "250")
        self.ask("MAIL FROM:<outside@sender.example> BODY=8BITMIME", "250")
        self.ask(f"RCPT TO:<{address}>", "250")

    def finish(self, what, answers):
        """These answers and no other, up to the end of the connection."""
        self.say("QUIT\r\n")
        for wanted in (*answers, "221"):
            answer = self.reply()
            check(answer.startswith(wanted), f"{what}: {answer!r}, not {wanted}")
        with contextlib.suppress(OSError):
            check(self.is_silent(5), f"{what}: more than one answer: {self.buffer!r}")


def by_data(session, content, cut, place, size, what):
    session.ask("DATA", "354")
    for piece in CUTS[cut](content + END, place, size):
        session.say(piece)
    session.finish(what, ["250 2.0.0 Kept as "])
    return unstuffed(content + b"\r\n")


def by_bdat(session, content, cut, place, size, what):
    """In one chunk, or with the chunk's end at the place: then each chunk has its own answer."""
    if cut in ("in front", "behind"):
        place += size if cut == "behind" else 0
        session.say(b"BDAT %d\r\n" % place + content[:place] + b"BDAT %d LAST\r\n" % (len(content) - place)
                    + content[place:])
        session.finish(what, ["250", "250 2.0.0 Kept as "])
    else:
        head = b"BDAT %d LAST\r\n" % len(content)
        for piece in CUTS[cut](head + content, len(head) + place, size):
            session.say(piece)
        session.finish(what, ["250 2.0.0 Kept as "])
    return content + b"\r\n"


def false_ends(test, gateway, context, mailbox):
    wanted = {}
    for way, ends in ((by_data, FALSE_ENDS), (by_bdat, (*FALSE_ENDS, END))):
        for ending in ends:
            for service in SERVICES:
                for cut in CUTS:
                    number = len(wanted)
                    content, place = letter(number, ending, mailbox.address)
                    what = f"{ending!r} {way.__name__} to {service}, {cut}"
                    with Session(gateway, context, service, mailbox.address) as session:
                        wanted[f"smuggling-{number}"] = what, way(session, content, cut, place, len(ending), what)
    collected = collect_all(gateway, mailbox, context)
    check(len(collected) == len(wanted), f"{len(wanted)} messages were sent, {len(collected)} came")
    for data in collected:
        check(data.startswith(b"Return-Path: <outside@sender.example>\r\n"), f"smuggled: {data!r}")
        what, content = wanted.pop(test_id(data))
        if below_trace(data) != content:
            raise Failure(f"{what}: {difference(content, below_trace(data))}")
    check(not wanted, f"these did not come: {[what for what, _ in wanted.values()]}")
    test.count(f"{len(collected)} messages with {len(FALSE_ENDS) + 1} ends that are none: each is one message")


# ---- in the packet of STARTTLS ----

SMTP_INJECTED = (
    "EHLO evil.example\r\n",
    "EHLO evil.example\r\nMAIL FROM:<evil@sender.example>\r\nRCPT TO:<{address}>\r\nDATA\r\nevil\r\n.\r\n",
    "EHLO evil.example\r\nMAIL FROM:<evil@sender.example>\r\nRCPT TO:<{address}>\r\nBDAT 6 LAST\r\nevil\r\n",
    "QUIT\r\n",
    "NOOP\r\n" * 500,
    "RSET ",          # half a line, which what is said under TLS must not end
    "EHLO evil.example\r\nMAIL FROM:<evil@sender.example",
    "BDAT 100\r\nx",  # a chunk that would take in what is said under TLS
    "\n", "\r", "\r\n", "\x00",
    "STARTTLS\r\nSTARTTLS\r\n",
)
POP3_INJECTED = (
    "CAPA\r\n",
    "USER {id}\r\nPASS {password}\r\nDELE 1\r\nQUIT\r\n",
    "USER {id}\r\nPASS {password}\r\nRETR 1\r\n",
    "QUIT\r\n",
    "NOOP\r\n" * 500,
    "USER ",
    "AUTH PLAIN\r\n",
    "\n", "\r", "\r\n", "\x00",
    "STLS\r\nSTLS\r\n",
)


def under_tls(wire, command, injected, context, reply):
    """True when the handshake went well: what was injected is gone. Ending the connection is as good."""
    wire.say(command + "\r\n" + injected)
    answer = reply()
    check(answer.startswith(("220", "+OK")), f"{command}: {answer!r}")
    check(wire.is_silent(0.05), f"{injected!r} behind {command} was answered: {wire.buffer!r}")
    try:
        wire.secure(context)
    except OSError:
        return False
    check(wire.is_silent(0.1), f"{injected!r} was answered under TLS: {wire.buffer!r}")
    return True


def smtp_injection(test, gateway, context, mailbox):
    upgraded = 0
    for service in ("smtp", "submission"):
        for injected in SMTP_INJECTED:
            with Wire(gateway.ports[service]) as wire:
                wire.reply()
                wire.ask("EHLO plain.example", "250")
                if not under_tls(wire, "STARTTLS", injected.format(address=mailbox.address), context, wire.reply):
                    continue
                upgraded += 1
                wire.ask("MAIL FROM:<a@sender.example>", "503 5.5.1 EHLO first")
                wire.ask("EHLO tls.example", "250")
                wire.ask(f"RCPT TO:<{mailbox.address}>", "503 5.5.1 MAIL first")
                wire.ask("QUIT", "221")
    check(gateway.mailbox_status(mailbox)["received"] == 0, "an injected message was kept")
    test.count(f"{2 * len(SMTP_INJECTED)} injections behind STARTTLS, {upgraded} of them followed by TLS")
    check(upgraded, "no handshake went well: nothing was tried behind it")


def pop3_injection(test, gateway, context, mailbox):
    with Session(gateway, context, "smtps", mailbox.address) as session:
        session.ask("DATA", "354")
        session.say(ID_FIELD + b"bait-1\r\n\r\nbait" + END)
        session.finish("a message to be deleted", ["250"])
    upgraded = 0
    for injected in POP3_INJECTED:
        with Wire(gateway.ports["pop3"]) as wire:
            wire.line()
            if not under_tls(wire, "STLS", injected.format(id=mailbox.id, password=mailbox.password), context,
                             wire.line):
                continue
            upgraded += 1
            wire.ask("STAT", "-ERR", wire.line)
            wire.ask(f"USER {mailbox.id}", "+OK", wire.line)
            wire.ask(f"PASS {mailbox.password}", "+OK", wire.line)
            wire.ask("STAT", "+OK 1 ", wire.line)
            wire.ask("QUIT", "+OK", wire.line)
    row = gateway.mailbox_status(mailbox)
    check((row["waiting"], row["collected"]) == (1, 0), f"an injected command was done: {row}")
    test.count(f"{len(POP3_INJECTED)} injections behind STLS, {upgraded} of them followed by TLS")
    check(upgraded, "no handshake went well: nothing was tried behind it")


def main(test):
    gateway = test.gateway()
    context = client_context(gateway.authority())
    for part in (false_ends, smtp_injection, pop3_injection):
        part(test, gateway, context, gateway.create_mailbox(part.__name__))
    gateway.stop()


run(main)
