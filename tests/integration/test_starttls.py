"""Nothing goes over an unencrypted connection, and nothing said before TLS is done after it."""

import contextlib
import socket
import ssl

from collector import Collector, client_context, collect_all
from harness import Failure, check, run, wait_for
from wire import Wire


def mail_before_tls(test, gateway, context, mailbox):
    sender = "careless@sender.example"
    for service in ("smtp", "submission"):
        with Wire(gateway.ports[service]) as wire:
            check(wire.reply().startswith("220 "), "no greeting")
            offered = wire.ask("EHLO plain.example", "250")
            check("STARTTLS" in offered and "AUTH" not in offered, f"offered before TLS: {offered}")
            wire.ask(f"MAIL FROM:<{sender}>", "451 4.7.0")
            wire.ask(f"RCPT TO:<{mailbox.address}>", "503")
            wire.ask("DATA", "503")
            wire.ask("AUTH PLAIN AGFAYgBj", "5")
            wire.ask("QUIT", "221")
    told = wait_for("a problem that names the sender",
                    lambda: [row for row in gateway.status()["problems"] if sender in row["text"]])
    for row in told:
        check(set(row) >= {"id", "severity", "text", "remedy", "since"} and row["remedy"], f"a problem is {row}")
    check(gateway.mailbox_status(mailbox)["received"] == 0, "mail without TLS was kept")
    test.count("MAIL before TLS: 451 4.7.0 and a problem")


def no_auth(test, gateway, context, mailbox):
    """There is nothing to log in for where mail is delivered, so a password is not asked for, under TLS either."""
    for service in ("smtp", "submission", "smtps"):
        with Wire(gateway.ports[service]) as wire:
            if service != "smtps":
                wire.reply()
                wire.ask("EHLO plain.example", "250")
                wire.ask("STARTTLS", "220")
            wire.secure(context)
            if service == "smtps":
                wire.reply()
            offered = wire.ask("EHLO tls.example", "250")
            check("AUTH" not in offered and "STARTTLS" not in offered, f"{service} offers under TLS: {offered}")
            for line in ("AUTH PLAIN AGFAYgBj", "AUTH LOGIN", "AUTH"):
                wire.ask(line, "502 5.5.1")
            wire.ask("NOOP", "250")  # and no line of it is taken for a password
    test.count("AUTH is not offered on any listener")


def smtp_injection(test, gateway, context, mailbox):
    """RFC 3207 4.2: what the client sent behind STARTTLS in the clear is thrown away."""
    for service in ("smtp", "submission"):
        with Wire(gateway.ports[service]) as wire:
            wire.reply()
            wire.ask("EHLO plain.example", "250")
            wire.say("STARTTLS\r\nEHLO evil.example\r\nMAIL FROM:<evil@example.com>\r\n"
                     f"RCPT TO:<{mailbox.address}>\r\n")
            check(wire.reply().startswith("220 "), "STARTTLS is refused")
            check(wire.is_silent(), f"injected commands were answered: {wire.buffer!r}")
            try:
                wire.secure(context)
            except OSError:
                continue  # ending the connection is as good
            check(wire.is_silent(), f"injected commands were answered behind TLS: {wire.buffer!r}")
            wire.ask("MAIL FROM:<a@sender.example>", "5")  # EHLO must be said again
            offered = wire.ask("EHLO tls.example", "250")
            check("STARTTLS" not in offered, "STARTTLS is offered under TLS")
            wire.ask(f"RCPT TO:<{mailbox.address}>", "503")  # the injected MAIL is not there
            wire.ask("STARTTLS", "5")
            wire.ask("QUIT", "221")
    check(gateway.mailbox_status(mailbox)["received"] == 0, "an injected message was kept")
    test.count("injection behind STARTTLS: not executed")


def pop3_before_tls(test, gateway, context, mailbox):
    with Wire(gateway.ports["pop3"]) as wire:
        check(wire.line().startswith("+OK"), "no greeting")
        wire.ask("CAPA", "+OK", wire.line)
        offered = []
        while (line := wire.line()) != ".":
            offered.append(line.split()[0])
        check("STLS" in offered and "USER" not in offered and "SASL" not in offered, f"offered: {offered}")
        wire.ask(f"USER {mailbox.id}", "-ERR", wire.line)
        wire.ask(f"PASS {mailbox.password}", "-ERR", wire.line)
        wire.ask("AUTH PLAIN", "-ERR", wire.line)
        wire.ask("STAT", "-ERR", wire.line)
        wire.ask("QUIT", "+OK", wire.line)
    test.count("USER, PASS and AUTH before TLS: refused")


def pop3_injection(test, gateway, context, mailbox):
    with Wire(gateway.ports["pop3"]) as wire:
        wire.line()
        wire.say(f"STLS\r\nUSER {mailbox.id}\r\nPASS {mailbox.password}\r\nSTAT\r\n")
        check(wire.line().startswith("+OK"), "STLS is refused")
        check(wire.is_silent(), f"injected commands were answered: {wire.buffer!r}")
        try:
            wire.secure(context)
        except OSError:
            test.count("injection behind STLS: the connection ends")
            return
        check(wire.is_silent(), f"injected commands were answered behind TLS: {wire.buffer!r}")
        wire.ask("STAT", "-ERR", wire.line)
        wire.ask(f"USER {mailbox.id}", "+OK", wire.line)
        wire.ask(f"PASS {mailbox.password}", "+OK", wire.line)
        wire.ask("STAT", "+OK 0 0", wire.line)
        wire.ask("QUIT", "+OK", wire.line)
    test.count("injection behind STLS: not executed")


def plaintext_on_implicit(test, gateway, context, mailbox):
    """A client that forgets TLS on a port that begins with it gets no mail dialogue."""
    for service, first in (("smtps", "EHLO plain.example\r\n"), ("pop3s", f"USER {mailbox.id}\r\n")):
        with Wire(gateway.ports[service]) as wire:
            wire.say(first)
            with contextlib.suppress(OSError):
                wire.is_silent(5)
            check(b"250" not in wire.buffer and b"+OK" not in wire.buffer,
                  f"{service} speaks in the clear: {wire.buffer!r}")
    test.count("implicit TLS ports say nothing in the clear")


def trust(test, gateway, context, mailbox):
    """Only who knows this installation's authority trusts it, and only with TLS 1.2 or newer (RFC 8996)."""
    stranger = ssl.create_default_context()
    for service in ("smtps", "pop3s"):
        with socket.create_connection(("127.0.0.1", gateway.ports[service]), 30) as plain:
            try:
                stranger.wrap_socket(plain, server_hostname="localhost").close()
            except ssl.SSLCertVerificationError:
                continue
            raise Failure(f"{service}: a client without the authority trusts the gateway")
    for options in (ssl.OP_NO_TLSv1_1, ssl.OP_NO_TLSv1):
        old = client_context(gateway.authority())
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        old.options |= options | ssl.OP_NO_TLSv1_2 | ssl.OP_NO_TLSv1_3
        try:
            Collector(gateway.ports["pop3s"], old).quit()
        except ssl.SSLError:
            continue
        raise Failure("TLS 1.0 or 1.1 is accepted")
    test.count("strangers and old TLS: refused")


def main(test):
    gateway = test.gateway()
    context = client_context(gateway.authority())
    mailbox = gateway.create_mailbox("STARTTLS")
    for part in (mail_before_tls, no_auth, smtp_injection, pop3_before_tls, pop3_injection, plaintext_on_implicit, trust):
        part(test, gateway, context, mailbox)
    check(collect_all(gateway, mailbox, context) == [], "there is mail that nobody may have sent")
    gateway.stop()
    check(mailbox.password not in gateway.log_path.read_text(errors="replace"),
          "the log holds the password that was sent in the clear")


run(main)
