"""A POP3 client that hands over exactly the bytes that the server meant.

The gateway doubles a dot behind any LF, also a bare one, so that no reader can be led to a false end; this
one takes the dot off behind any LF, and refuses a line that begins with a dot that was not doubled. Whole
libraries (poplib, mail programs) normalise line ends, so they cannot show byte identity.
"""

import re
import socket
import ssl

from harness import Failure, check
from messages import ID_FIELD


class Refused(Failure):
    """-ERR."""


def client_context(authority):
    return ssl.create_default_context(cafile=str(authority))


class Collector:
    def __init__(self, gateway_port, context, starttls=False, host="localhost", timeout=120, source=None):
        # `source`: another address of this computer to come from, 127.0.0.2 and on.
        self.socket = socket.create_connection(("127.0.0.1", gateway_port), timeout, (source, 0) if source else None)
        self.buffer = b""
        self.context = context
        self.host = host
        try:
            if not starttls:
                self.socket = context.wrap_socket(self.socket, server_hostname=host)
            self.banner = self.answer()
            if starttls:
                self.command("STLS")
                check(not self.buffer, "the server sent more than its answer to STLS before the handshake")
                self.socket = context.wrap_socket(self.socket, server_hostname=host)
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    # ---- lines ----

    def fill(self):
        chunk = self.socket.recv(262144)
        if not chunk:
            raise Failure("the POP3 server closed the connection")
        self.buffer += chunk

    def line(self):
        while b"\n" not in self.buffer:
            self.fill()
        line, self.buffer = self.buffer.split(b"\n", 1)
        check(line.endswith(b"\r"), f"an answer line ends in a bare LF: {line[:80]!r}")
        return line[:-1]

    def answer(self):
        line = self.line()
        if line.startswith(b"-ERR"):
            raise Refused(line.decode("utf-8", "replace"))
        check(line.startswith(b"+OK"), f"neither +OK nor -ERR: {line[:80]!r}")
        return line[3:].strip().decode("utf-8", "replace")

    def send(self, *commands):
        self.socket.sendall("".join(command + "\r\n" for command in commands).encode())

    def command(self, command):
        self.send(command)
        return self.answer()

    def listing(self):
        """The lines of a multi-line answer whose +OK was read."""
        lines = []
        while (line := self.line()) != b".":
            lines.append(line[1:] if line.startswith(b".") else line)
        return lines

    # ---- commands ----

    def login(self, user, password):
        self.command(f"USER {user}")
        self.command(f"PASS {password}")
        return self

    def stat(self):
        count, size = self.command("STAT").split()[:2]
        return int(count), int(size)

    def list(self):
        self.command("LIST")
        return {int(n): int(size) for n, size in (line.split() for line in self.listing())}

    def uidl(self):
        self.command("UIDL")
        return {int(n): uid.decode() for n, uid in (line.split() for line in self.listing())}

    def body(self, sink=None):
        """Reads a message behind its +OK. The bytes, or their number when each piece goes to sink()."""
        pieces = []
        take = sink or pieces.append
        size = 0
        before = b"\r\n"
        while True:
            cut = self.buffer.rfind(b"\n") + 1
            whole, self.buffer = self.buffer[:cut], self.buffer[cut:]
            # `whole` is lines, the first of which begins behind an LF.
            end = 0 if whole.startswith(b".\r\n") else whole.find(b"\n.\r\n") + 1 or -1
            if end >= 0:
                whole, self.buffer = whole[:end], whole[end + 3:] + self.buffer
            if whole:
                check(not re.search(rb"(?m)^\.(?!\.)", whole), "a line begins with a dot that was not doubled")
                before = (before + whole)[-2:]
                plain = whole.replace(b"\n..", b"\n.")
                plain = plain[1:] if plain.startswith(b"..") else plain
                size += len(plain)
                take(plain)
            if end >= 0:
                check(before == b"\r\n", "the end of the message does not stand behind CRLF")
                return size if sink else b"".join(pieces)
            self.fill()

    def retrieve(self, number, sink=None):
        self.command(f"RETR {number}")
        return self.body(sink)

    def top(self, number, lines):
        self.command(f"TOP {number} {lines}")
        return self.body()

    def delete(self, *numbers):
        self.send(*(f"DELE {number}" for number in numbers))
        for _ in numbers:
            self.answer()

    def quit(self):
        self.command("QUIT")
        self.socket.close()


def below_trace(data):
    """What lies below the fields that the gateway puts on top."""
    check(data.startswith(b"Return-Path: <"), f"no Return-Path on top: {data[:80]!r}")
    rest = data[data.index(b"\r\n") + 2:]
    received = re.match(rb"Received: [^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*", rest)
    check(received, f"no Received below Return-Path: {rest[:80]!r}")
    rest = rest[received.end():]
    envelope = re.match(rb"X-Envelope-From: <[^\r\n]*\r\n(?:X-Envelope-To:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)?", rest)
    return rest[envelope.end():] if envelope else rest


def test_id(data):
    found = re.search(rb"(?:^|\n)" + ID_FIELD + rb"(\S+)\r?\n", data[:65536])
    check(found, f"a message without X-Test-Id came back: {data[:300]!r}")
    return found.group(1).decode()


def collect_all(gateway, mailbox, context, delete=True, starttls=False, batch=50):
    """All waiting messages, exactly, with the sizes of LIST checked; deleted by QUIT when asked."""
    port = gateway.ports["pop3" if starttls else "pop3s"]
    messages = []
    with Collector(port, context, starttls) as collector:
        collector.login(mailbox.id, mailbox.password)
        sizes = collector.list()
        uids = collector.uidl()
        check(set(uids) == set(sizes), "LIST and UIDL disagree")
        check(len(set(uids.values())) == len(uids), "two messages have one unique-id")
        check(collector.stat() == (len(sizes), sum(sizes.values())), "STAT and LIST disagree")
        numbers = sorted(sizes)
        for first in range(0, len(numbers), batch):
            group = numbers[first:first + batch]
            collector.send(*(f"RETR {number}" for number in group))
            for number in group:
                collector.answer()
                data = collector.body()
                check(len(data) == sizes[number],
                      f"LIST says {sizes[number]} octets of message {number}, RETR gave {len(data)}")
                messages.append(data)
        if delete:
            for first in range(0, len(numbers), batch):
                collector.delete(*numbers[first:first + batch])
        collector.quit()
    return messages


def compare(sent, collected, what, exact=True):
    """Each sent message came back once, byte for byte from X-Test-Id on. Fields above it that a server on
    the way put there are not looked at, but when `exact` the message stands right below the trace."""
    waiting = {message.id: message for message in sent}
    for data in collected:
        name = test_id(data)
        message = waiting.pop(name, None)
        check(message, f"{what}: {name} came back twice, or was never sent")
        body = below_trace(data)
        if not exact:
            body = body[body.index(ID_FIELD):]
        if body != message.expected():
            raise Failure(f"{what}: {name} ({message.kind}) differs: " + difference(message.expected(), body))
    check(not waiting, f"{what}: {len(waiting)} messages did not come back, "
                       f"among them {sorted((m.id, m.kind) for m in waiting.values())[:5]}")


def difference(sent, got):
    place = next((i for i, (a, b) in enumerate(zip(sent, got)) if a != b), min(len(sent), len(got)))
    near = slice(max(0, place - 30), place + 30)
    return f"at octet {place} of {len(sent)} (got {len(got)}): sent {sent[near]!r}, got {got[near]!r}"
