"""What mail programs do to mail on its way, and what they cannot carry: the only differences that the tests allow.

Each row of ALTERATIONS is a program, what it does in words, and the same as a function of the message's octets. The
rows of one program are applied in their order. What no row says must come through octet for octet, so a row that
is not true fails the test as well as one that is missing. The versions are Debian 12's.
"""

import re

FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
FOLD = 998  # RFC 5322 2.1.1


def halves(data):
    """Header and the rest, which begins with the empty line (where there is one)."""
    if data.startswith(b"\r\n"):
        return b"", data
    end = data.find(b"\r\n\r\n")
    return (data, b"") if end < 0 else (data[:end + 2], data[end + 2:])


def in_header(pattern, instead):
    def alter(data):
        header, rest = halves(data)
        return re.sub(pattern, instead, header) + rest
    return alter


def in_body(pattern, instead):
    def alter(data):
        header, rest = halves(data)
        return header + re.sub(pattern, instead, rest)
    return alter


def everywhere(pattern, instead):
    return lambda data: re.sub(pattern, instead, data)


def ended(data):
    return data if data.endswith(b"\r\n") or not data else data + b"\r\n"


def blank_line_above(data):
    return b"\r\n" + data if data and data[:2] != b"\r\n" and not FIELD.match(data) else data


def blank_line_below(data):
    return data if halves(data)[1] else data + b"\r\n"


def blank_line_above_text(data):
    """Lines end in LF here."""
    lines = data.split(b"\n")
    for number, line in enumerate(lines):
        if not line:
            return data
        if not FIELD.match(line) and line[:1] not in (b" ", b"\t"):
            return b"\n".join((*lines[:number], b"", *lines[number:]))
    return data


def fields(pattern, instead):
    """In the header, whose lines end in LF here."""
    def alter(data):
        header, end, rest = data.partition(b"\n\n")
        return re.sub(pattern, instead, header, flags=re.M) + end + rest
    return alter


def folded(data):
    """A line of more than 998 octets goes on in the next one behind a blank, which counts there."""
    lines = []
    for line in data.split(b"\r\n"):
        while len(line) > FOLD:
            lines.append(line[:FOLD])
            line = b" " + line[FOLD:]
        lines.append(line)
    return b"\r\n".join(lines)


LONE_LF = rb"(?<!\r)\n"
LONE_CR = rb"\r(?!\n)"

ALTERATIONS = (
    # ---- senders ----
    ("Postfix", "the last line has an end: it came by DATA", ended),
    ("Postfix", "a lone LF ends a line", everywhere(LONE_LF, b"\r\n")),
    ("Postfix", "CRs in front of a line's end are dropped", everywhere(rb"\r+\n", b"\r\n")),
    ("Postfix", "any other lone CR becomes a blank", everywhere(LONE_CR, b" ")),
    ("Postfix", "a field ends at a NUL", in_header(rb"\x00[^\r\n]*", b"")),
    ("Postfix", "what does not begin with a field gets an empty line above", blank_line_above),
    ("Postfix", "lines of more than 998 octets are folded", folded),
    ("Exim", "the last line has an end: it came by DATA", ended),
    ("Exim", "what does not begin with a field gets an empty line above", blank_line_above),
    ("Exim", "a lone LF or CR in a field becomes a fold", in_header(rb"(?<!\r)\n|\r(?!\n)", b"\r\n ")),
    ("Exim", "a NUL in a field becomes a question mark", in_header(rb"\x00", b"?")),
    ("Exim", "a lone LF becomes a blank", in_body(LONE_LF, b" ")),
    ("Exim", "a lone CR ends a line", in_body(LONE_CR, b"\r\n")),
    ("Exim", "a header without an end gets one", blank_line_below),
    ("msmtp", "a lone LF ends a line: it reads text files", everywhere(LONE_LF, b"\r\n")),
    ("msmtp", "a CR in front of a line's end is dropped", everywhere(rb"\r\r\n", b"\r\n")),
    ("msmtp", "a lone CR in a field is dropped", in_header(LONE_CR, b"")),
    ("smtplib", "a dot behind a lone LF is doubled", everywhere(rb"(?<!\r)\n\.", b"\n..")),
    ("smtplib", "no content becomes an empty line", lambda data: data or b"\r\n"),

    # ---- collectors ----
    ("curl-pop3", "a dot behind a lone LF stays doubled", everywhere(rb"(?<!\r)\n\.", b"\n..")),
    ("poplib", "a lone LF ends a line", everywhere(LONE_LF, b"\r\n")),
    ("mpop", "a line ends in LF", everywhere(rb"\r\n", b"\n")),
    # It writes through Python's parser of mail.
    ("getmail6", "a line ends in LF", everywhere(rb"\r\n", b"\n")),
    ("getmail6", "a lone CR ends a line", everywhere(rb"\r\n?", b"\n")),
    ("getmail6", "what is no field gets an empty line above", blank_line_above_text),
    ("getmail6", "a header without an end gets one", lambda data: data if b"\n\n" in data else data + b"\n"),
    ("getmail6", "UTF-8 in Return-Path becomes question marks",
     lambda data: re.sub(rb"[\x80-\xff]", b"?", data[:data.index(b"\n")]) + data[data.index(b"\n"):]),
    ("getmail6", "a field without a value gets a blank", fields(rb"^([!-9;-~]+:)$", rb"\1 ")),
    ("getmail6", "a field of more than 78 octets is folded where it has a blank",
     fields(rb"^([!-9;-~]+: )(?=\S{78})", b"\\1\n ")),
    ("fetchmail", "a header without an end gets one", blank_line_below),
    ("fetchmail", "a NUL in a field is dropped", in_header(rb"\x00", b"")),
    ("fetchmail", "a CR is dropped", everywhere(rb"\r", b"")),
)

# What a program cannot carry, and why.
CANNOT = (
    ("Postfix", ("bare_ends", "bare_lf_dots"), "a dot alone behind a lone LF ends the message for its own server"),
    ("swaks", ("utf8_sender",), "it has no SMTPUTF8"),
    ("msmtp", ("utf8_sender",), "it has no SMTPUTF8"),
    ("fetchmail", ("one_endless_line", "longer_line", "longer_field"),
     "it breaks lines of more than 8 KiB, with octets from elsewhere at the break"),
    ("fetchmail", ("a_dot",), "it takes a doubled dot right below the fields for the end, and lets the message lie"),
)

# The field that a server puts above what it passes on.
RECEIVED = {
    "Postfix": rb"Received: from sender\.example \([^\r\n]*\)\r\n\tby mail\.sender\.example \(Postfix\) with "
               rb"(?:UTF8)?E?SMTP id \w+(?:\r\n\tfor <[^\r\n]*>; |;\r\n\t)[^\r\n]*\r\n",
    "Exim": rb"Received: from [^\r\n]*\r\n\tby mail\.sender\.example with [^\r\n]*\(Exim [^\r\n]*\r\n"
            rb"(?:\t[^\r\n]*\r\n)*",
}


def altered(program, data):
    for name, _, alter in ALTERATIONS:
        if name == program:
            data = alter(data)
    return data


def cannot(program):
    return [kind for name, kinds, _ in CANNOT if name == program for kind in kinds]
