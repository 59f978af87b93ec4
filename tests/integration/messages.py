"""A seeded generator of mail as the world sends it: the same seed makes the same messages.

Every message begins with the field `X-Test-Id`, by which it is found again and behind which every byte must
come back. A message that `canonical` made has CRLF line ends alone and ends in one, so that servers that keep
mail as text files pass it on unchanged; `raw` ones hold what only exact programs keep.
"""

import random

WORDS = ("invoice", "Angebot", "rappel", "contract", "Lieferung", "meeting", "tomorrow", "Gr\u00fc\u00dfe", "caf\u00e9",
         "\u20ac 1.200,00", "re: order", "attached", "please", "soon", "\u65e5\u672c\u8a9e")
ID_FIELD = b"X-Test-Id: "


class Message:
    def __init__(self, number, kind, data, secret):
        self.id = f"{secret}-{number}"
        self.kind = kind
        self.data = ID_FIELD + self.id.encode() + b"\r\n" + data

    def expected(self):
        """What POP3 gives: a final CRLF is added where there is none (RFC 1939: lines)."""
        return self.data if self.data.endswith(b"\r\n") else self.data + b"\r\n"


class Maker:
    def __init__(self, seed, secret=None):
        self.random = random.Random(seed)
        self.seed = seed
        self.secret = secret or f"s{seed}"
        self.number = 0

    # ---- pieces ----

    def line(self, length=None):
        length = length or self.random.randrange(1, 76)
        text = ""
        while len(text) < length:
            text += self.random.choice(WORDS) + " "
        return text.encode()[:length].rstrip() + b"\r\n"

    def lines(self, count):
        return b"".join(self.line() for _ in range(count))

    def noise(self, size):
        """Base64-like text, which takes no time to make."""
        line = bytes(self.random.choices(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef0123456789+/", k=76)) + b"\r\n"
        return (line * (size // len(line) + 1))[:size // len(line) * len(line)] or line

    def header(self, subject=None, content_type="text/plain; charset=utf-8", encoding="8bit", extra=b""):
        subject = subject or f"{self.random.choice(('Invoice', 'Re: offer', 'Fwd: minutes'))} {self.number}"
        return (f"From: Alice Sender <alice{self.number}@sender.example>\r\n"
                f"To: Bob Reader <bob@office.example>,\r\n\tCarol <carol@office.example>\r\n"
                f"Subject: {subject}\r\n"
                f"Date: Tue, 24 Nov 2026 04:{self.number % 60:02d}:06 +0000\r\n"
                f"Message-ID: <{self.seed}.{self.number}@sender.example>\r\n"
                f"MIME-Version: 1.0\r\nContent-Type: {content_type}\r\n"
                f"Content-Transfer-Encoding: {encoding}\r\n").encode() + extra

    # ---- kinds that every server passes on unchanged ----

    def plain(self):
        return self.header() + b"\r\n" + self.lines(self.random.randrange(1, 40))

    def tiny(self):
        return self.header() + b"\r\nok\r\n"

    def empty_body(self):
        return self.header() + b"\r\n"

    def eight_bit(self):
        # No NUL, CR or LF: those are not 8bit (RFC 2045 2.8).
        line = bytes(b for b in range(1, 256) if b not in (10, 13)) + b"\r\n"
        return self.header(content_type="text/plain; charset=iso-8859-1") + b"\r\n" + line * 4

    def dots(self):
        text = [b".", b"..", b"...", b". ", b".a", b"a.", b"", b".", b".\t.", b"\x00."[1:], b"....", b"."]
        self.random.shuffle(text)
        return self.header() + b"\r\n" + b"\r\n".join(text) + b"\r\n"

    def last_dot(self):
        return self.header() + b"\r\n" + self.lines(2) + b".\r\n"

    def first_dot(self):
        return self.header() + b"\r\n.\r\n" + self.lines(2)

    def long_lines(self):
        size = self.random.choice((997, 998, 999, 1000, 2047, 2048, 2049, 5000, 70000))
        return self.header() + b"\r\n" + b"x" * size + b"\r\n." + b"y" * size + b"\r\n" + self.lines(1)

    def blank_lines(self):
        return self.header() + b"\r\n" + b"\r\n" * 20 + b"end\r\n" + b"\r\n" * 3

    def blanks_at_ends(self):
        return self.header() + b"\r\n" + b"trailing \t \r\n  \r\n\t\r\nformat=flowed \r\n"

    def from_line(self):
        return self.header() + b"\r\nFrom here on\r\n>From there\r\n" + self.lines(3)

    def many_fields(self):
        extra = b"".join(b"X-Field-%d: " % n + self.line(60) for n in range(120))
        return self.header(extra=extra + b"X-Folded: a\r\n b\r\n\tc\r\n") + b"\r\n" + self.lines(2)

    def trace_fields(self):
        extra = b"".join(b"Received: from a%d.example by b%d.example;\r\n\tTue, 24 Nov 2026 04:00:00 +0000\r\n"
                         % (n, n) for n in range(8))
        return self.header(extra=extra) + b"\r\n" + self.lines(2)

    def attachment(self, size=None):
        size = size or self.random.randrange(20_000, 400_000)
        part = f"part{self.number}"
        return (self.header(content_type=f'multipart/mixed; boundary="{part}"', encoding="7bit")
                + f"\r\n--{part}\r\nContent-Type: text/plain\r\n\r\nSee attachment.\r\n--{part}\r\n"
                  "Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n".encode()
                + self.noise(size) + f"\r\n--{part}--\r\n".encode())

    def journal_report(self):
        """A journal report in the manner of Microsoft 365: the original, unaltered, as message/rfc822."""
        part = f"journal{self.number}"
        original = self.random.choice((self.plain, self.eight_bit, self.dots, self.trace_fields))()
        extra = (b"X-MS-Journal-Report:\r\nX-OriginatorOrg: office.example\r\n"
                 b"Auto-Submitted: auto-generated\r\n")
        return (self.header(content_type=f'multipart/mixed; boundary="{part}"', extra=extra)
                + f"\r\n--{part}\r\nContent-Type: text/plain; charset=\"us-ascii\"\r\n\r\n"
                  f"Sender: alice{self.number}@sender.example\r\nSubject: Invoice\r\n"
                  f"Message-Id: <{self.number}.o@sender.example>\r\nTo: bob@office.example\r\n"
                  f"Bcc: hidden@office.example\r\n\r\n--{part}\r\nContent-Type: message/rfc822\r\n"
                  "Content-Transfer-Encoding: 8bit\r\n\r\n".encode()
                + original + f"\r\n--{part}--\r\n".encode())

    CANONICAL = (plain, tiny, empty_body, eight_bit, dots, last_dot, first_dot, long_lines, blank_lines,
                 blanks_at_ends, from_line, many_fields, trace_fields, attachment, journal_report,
                 tiny, tiny, plain, journal_report)

    # ---- kinds that only an exact program keeps ----

    def no_final_newline(self):
        return self.header() + b"\r\nthe last line is not ended"

    def ends_in_cr(self):
        return self.header() + b"\r\nends in a CR\r"

    def ends_in_lf(self):
        return self.header() + b"\r\nends in an LF\n"

    def bare_ends(self):
        return (self.header() + b"\r\nbare LF\n.dot behind it\n.\nbare CR\r.dot\r.\rboth\r\n.\n\r\n"
                                b"\n.\r\nbehind a bare LF\r.\r\n\r\r\n\n\n.\r\r\nend\r\n")

    def binary(self):
        return self.header(encoding="binary") + b"\r\n" + bytes(range(256)) * 8

    def no_header_end(self):
        return self.header()

    def nothing_but_dots(self):
        return self.header() + b"\r\n." * 50 + b"\r\n"

    def one_endless_line(self):
        return self.header() + b"\r\n" + b"." * 300_000

    RAW = (no_final_newline, ends_in_cr, ends_in_lf, bare_ends, binary, no_header_end, nothing_but_dots,
           one_endless_line)

    # ---- sets ----

    def make(self, kind):
        self.number += 1
        return Message(self.number, kind.__name__, kind(self), self.secret)

    def canonical(self, count, large=0, large_size=20 << 20):
        """`count` messages, each kind among them, of which `large` have `large_size` bytes."""
        kinds = list(self.CANONICAL)
        for _ in range(count - large):
            yield self.make(kinds[self.number % len(kinds)])
        for _ in range(large):
            self.number += 1
            yield Message(self.number, "large", self.attachment(large_size), self.secret)

    def raw(self):
        for kind in self.CANONICAL[:15] + self.RAW:
            yield self.make(kind)
