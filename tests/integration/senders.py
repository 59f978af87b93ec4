"""The test's own senders: bytes as they are, by SMTP over TLS, with DATA or BDAT."""

import smtplib

from harness import Failure


def stuffed(data):
    """RFC 5321 4.5.2: a dot at the start of a line, and a line begins behind CRLF alone."""
    data = data.replace(b"\r\n.", b"\r\n..")
    return b"." + data if data.startswith(b".") else data


class Sender(smtplib.SMTP):
    """smtplib's connection and dialogue, without its changes to the content."""

    def __init__(self, port, context=None, implicit_tls=False, timeout=120, hello="sender.example"):
        self.implicit_tls = implicit_tls
        self.context = context
        super().__init__("localhost", port, local_hostname=hello, timeout=timeout)
        self.ehlo()
        if context and not implicit_tls:
            self.starttls(context=context)
            self.ehlo()

    def _get_socket(self, host, port, timeout):
        plain = super()._get_socket("127.0.0.1", port, timeout)
        if not self.implicit_tls:
            return plain
        self._host = host
        return self.context.wrap_socket(plain, server_hostname=host)

    def must(self, wanted, answer):
        code, text = answer
        if code != wanted:
            raise Refusal(code, text)

    def envelope(self, sender, recipient):
        self.must(250, self.docmd("MAIL", f"FROM:<{sender}> BODY=8BITMIME"))
        self.must(250, self.docmd("RCPT", f"TO:<{recipient}>"))

    def send_data(self, sender, recipient, data):
        """By DATA, which always ends the last line: what arrives has a CRLF at its end."""
        self.envelope(sender, recipient)
        self.must(354, self.docmd("DATA"))
        ending = b".\r\n" if data.endswith(b"\r\n") or not data else b"\r\n.\r\n"
        self.send(stuffed(data) + ending)
        self.must(250, self.getreply())

    def send_bdat(self, sender, recipient, data, chunk=None):
        """By BDAT, which carries every byte as it is; chunks are sent without waiting for answers."""
        self.envelope(sender, recipient)
        pieces = [data[i:i + chunk] for i in range(0, len(data), chunk)] if chunk else [data]
        for number, piece in enumerate(pieces, 1):
            last = " LAST" if number == len(pieces) else ""
            self.send(f"BDAT {len(piece)}{last}\r\n".encode() + piece)
        for _ in pieces:
            self.must(250, self.getreply())


class Refusal(Failure):
    def __init__(self, code, text):
        super().__init__(f"the SMTP server answered {code} {text.decode('utf-8', 'replace')}")
        self.code = code


def submit(port, messages, recipient):
    """Hands messages to a mail server on loopback (no TLS: it is not the gateway)."""
    with Sender(port) as sender:
        for message in messages:
            sender.send_data("alice@sender.example", recipient, message.data)
