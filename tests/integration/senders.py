"""The test's own senders: bytes as they are, by SMTP over TLS, with DATA or BDAT."""

import smtplib

from harness import Failure


def stuffed(data):
    """RFC 5321 4.5.2: a dot at the start of a line, and a line begins behind CRLF alone."""
    data = data.replace(b"\r\n.", b"\r\n..")
    return b"." + data if data.startswith(b".") else data


def by_data(data):
    """What goes behind the 354: DATA always ends the last line, so what arrives has a CRLF at its end."""
    return stuffed(data) + (b".\r\n" if data.endswith(b"\r\n") or not data else b"\r\n.\r\n")


class Sender(smtplib.SMTP):
    """smtplib's connection and dialogue, without its changes to the content."""

    def __init__(self, port, context=None, implicit_tls=False, timeout=120, hello="sender.example"):
        self.implicit_tls = implicit_tls
        self.context = context
        super().__init__("localhost", port, local_hostname=hello, timeout=timeout)
        self.command_encoding = "utf-8"  # for SMTPUTF8; ASCII is the same in it
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

    def envelope(self, sender, recipients, utf8=False):
        """`recipients`: one, or a list; those of it that are too many (452) are for another transaction, and
        are returned."""
        self.must(250, self.docmd("MAIL", f"FROM:<{sender}> BODY=8BITMIME" + (" SMTPUTF8" if utf8 else "")))
        if isinstance(recipients, str):
            self.must(250, self.docmd("RCPT", f"TO:<{recipients}>"))
            return []
        put_off = []
        for recipient in recipients:
            code, text = self.docmd("RCPT", f"TO:<{recipient}>")
            if code == 452:
                put_off.append(recipient)
            elif code != 250:
                raise Refusal(code, text)
        return put_off

    def send_data(self, sender, recipients, data, utf8=False):
        put_off = self.envelope(sender, recipients, utf8)
        self.must(354, self.docmd("DATA"))
        self.send(by_data(data))
        self.must(250, self.getreply())
        return put_off

    def send_bdat(self, sender, recipients, data, chunk=None, utf8=False):
        """By BDAT, which carries every byte as it is; chunks are sent without waiting for answers."""
        put_off = self.envelope(sender, recipients, utf8)
        pieces = [data[i:i + chunk] for i in range(0, len(data), chunk)] if chunk and data else [data]
        for number, piece in enumerate(pieces, 1):
            last = " LAST" if number == len(pieces) else ""
            self.send(f"BDAT {len(piece)}{last}\r\n".encode() + piece)
        for _ in pieces:
            self.must(250, self.getreply())
        return put_off


class Refusal(Failure):
    def __init__(self, code, text):
        super().__init__(f"the SMTP server answered {code} {text.decode('utf-8', 'replace')}")
        self.code = code


def submit(port, messages, recipient):
    """Hands messages to a mail server on loopback (no TLS: it is not the gateway)."""
    with Sender(port) as sender:
        for message in messages:
            sender.send_data("alice@sender.example", recipient, message.data)
