"""Messages as they ought not to be and yet are: bare line ends, no end, no content at all, NUL, lines without end,
UTF-8 in header and addresses. Each has an envelope sender of its own, by which it is found again: some have no
place for X-Test-Id."""

from messages import ID_FIELD, Maker, Message

DOMAIN = "sender.example"


class Letter(Message):
    def __init__(self, number, kind, data, secret, is_utf8, has_id=True):
        super().__init__(number, kind, data, secret)
        if not has_id:
            self.data = data
        self.is_utf8 = is_utf8
        # RFC 6531: only SMTPUTF8 may carry such a local part.
        name = "gr\u00fc\u00dfe" if kind == "utf8_sender" else "letter"
        self.sender = f"{name}.{self.id}@{DOMAIN}"

    def expected(self):
        return super().expected() if self.data else b""  # what stands above ends in CRLF


class VariedMaker(Maker):
    # ---- with X-Test-Id ----

    def bare_cr(self):
        return self.header() + b"\r\na bare CR\rhere\r.\ra dot\r\r\nand two\r\n"

    def bare_lf(self):
        return self.header() + b"\r\na bare LF\nhere\n\n\r\ntwo\n\r\n"

    def bare_lf_dots(self):
        return self.header() + b"\r\na\n.\nb\n..\n.c\r\n..d\n.\r\ne\r\n"

    def bare_cr_in_header(self):
        return self.header(extra=b"X-Broken: one\rtwo\r\n") + b"\r\n" + self.lines(2)

    def bare_lf_in_header(self):
        return self.header(extra=b"X-Broken: one\n two\r\n") + b"\r\n" + self.lines(2)

    def nul(self):
        return self.header() + b"\r\na NUL\x00here\r\n\x00\r\n.\x00\r\n"

    def nul_in_header(self):
        return self.header(extra=b"X-Broken: one\x00two\r\n") + b"\r\n" + self.lines(2)

    def octets(self):
        """8-bit noise with neither NUL nor CR nor LF in its lines."""
        line = bytes(b for b in range(1, 256) if b not in (10, 13))
        return (self.header(encoding="binary") + b"\r\n"
                + b"\r\n".join(bytes(self.random.choices(line, k=self.random.randrange(500))) for _ in range(60))
                + b"\r\n")

    def utf8_header(self):
        return (f"From: Gr\u00fc\u00dfe <gr\u00fc\u00dfe@{DOMAIN}>\r\nTo: \u65e5\u672c\u8a9e <bob@office.example>\r\n"
                f"Subject: caf\u00e9 \u20ac {self.number}\r\n\r\n").encode() + self.lines(3)

    def utf8_sender(self):
        return self.utf8_header()

    def long_lines(self):
        size = self.random.choice((996, 997, 998, 999, 1000, 2047, 2048, 2049, 5000))
        return self.header() + b"\r\n" + b"x" * size + b"\r\n." + b"y" * size + b"\r\n" + self.lines(1)

    def longer_line(self):
        return self.header() + b"\r\n" + b"x" * self.random.choice((8190, 8192, 70_000)) + b"\r\n" + self.lines(1)

    def long_field(self):
        size = self.random.choice((900, 989, 990, 991, 2048, 5000))
        return self.header(extra=b"X-Long: " + b"f" * size + b"\r\n") + b"\r\n" + self.lines(1)

    def longer_field(self):
        return self.header(extra=b"X-Long: " + b"f" * 20_000 + b"\r\n") + b"\r\n" + self.lines(1)

    # ---- without a place for it ----

    def nothing(self):
        return b""

    def empty_line(self):
        return b"\r\n"

    def body_alone(self):
        return b"\r\n" + self.line()

    def no_field(self):
        return b"no field: " + self.line()[:20].replace(b":", b" ") + b"\r\n\r\n" + self.line()

    def a_dot(self):
        return b".\r\n"

    ORDINARY = tuple(kind for kind in Maker.CANONICAL[:15] if kind is not Maker.long_lines)
    VARIED = (*ORDINARY, *Maker.RAW, bare_cr, bare_lf, bare_lf_dots, bare_cr_in_header, bare_lf_in_header, nul,
              nul_in_header, octets, utf8_header, utf8_sender, long_lines, longer_line, long_field, longer_field,
              nothing, empty_line, body_alone, no_field, a_dot)
    UTF8 = ("utf8_header", "utf8_sender")
    WITHOUT_ID = ("nothing", "empty_line", "body_alone", "no_field", "a_dot")

    def letter(self, kind, data):
        self.number += 1
        return Letter(self.number, kind, data, self.secret, kind in self.UTF8, kind not in self.WITHOUT_ID)

    def varied(self, count, large=0, large_size=20 << 20, without=()):
        """`count` letters, each kind among them but those called in `without`, of which `large` have 20 MiB."""
        kinds = [kind for kind in self.VARIED if kind.__name__ not in without]
        self.random.shuffle(kinds)
        for number in range(count - large):
            kind = kinds[number % len(kinds)]
            yield self.letter(kind.__name__, kind(self))
        for _ in range(large):
            yield self.letter("large", self.attachment(large_size))
