"""Postfix and Exim deliver queues of varied messages over verified TLS, and swaks, msmtp, curl and smtplib
send too. Everything comes back byte for byte below the trace fields, each message exactly once."""

import re
import smtplib

import peers
from collector import client_context, collect_all, compare
from harness import LONG, check, run, wait_for
from messages import Maker
from senders import Sender, submit

QUEUE = 2000 if LONG else 500


def server(test, gateway, authority, kind, service, seed, count, large):
    """One mail server fills its queue, then lets it go to one listener of the gateway."""
    mailbox = gateway.create_mailbox(kind.__name__)
    work = test.work / f"{kind.__name__}-{service}"
    work.mkdir()
    sent = list(Maker(seed).canonical(count, large))
    peer = kind(work, gateway.ports[service], authority, implicit_tls=service == "smtps")
    test.cleanups.callback(peer.stop)
    peer.start()
    submit(peer.port, sent, mailbox.address)
    waiting = peer.waiting()
    check(waiting >= count, f"{kind.__name__} has {waiting} of {count} messages in its queue")
    peer.release()
    wait_for(f"{kind.__name__}'s queue to empty", lambda: peer.waiting() == 0, 900, 0.5)
    log = peer.log_text()
    peer.stop()
    compare(sent, collect_all(gateway, mailbox, client_context(authority)), kind.__name__, exact=False)
    row = gateway.mailbox_status(mailbox)
    check((row["received"], row["waiting"], row["collected"]) == (count, 0, count), f"counts are off: {row}")
    test.count(f"{kind.__name__} to {service}: {count} messages, {large} of 20 MiB")
    return log


def postfix(test, gateway, authority):
    for service, count, large in (("smtp", QUEUE, 1), ("smtps", 60, 0)):
        log = server(test, gateway, authority, peers.Postfix, service, 11, count, large)
        check("Verified TLS connection established" in log, "Postfix did not verify the certificate")
        check("Untrusted TLS" not in log and "Trusted TLS" not in log, "Postfix had an unverified connection")


def exim(test, gateway, authority):
    for service, count, large in (("submission", QUEUE, 1), ("smtps", 60, 0)):
        log = server(test, gateway, authority, peers.Exim, service, 12, count, large)
        delivered = [line for line in log.splitlines() if " => " in line and "R=gateway" in line]
        check(len(delivered) >= count, f"Exim's log tells of {len(delivered)} of {count} deliveries")
        check(all(" CV=yes " in line for line in delivered), "Exim did not verify the certificate")
        chunked = sum(" K " in line for line in delivered)
        check(chunked == len(delivered), f"Exim used CHUNKING for {chunked} of {len(delivered)} messages")
        test.count(f"{chunked} of them by BDAT")


def clients(test, gateway, authority):
    sender = "alice@sender.example"
    for name, send in (("swaks", peers.swaks), ("msmtp", peers.msmtp), ("curl", peers.curl_send)):
        mailbox = gateway.create_mailbox(name)
        sent = list(Maker(name).canonical(19))
        for number, message in enumerate(sent):
            path = test.work / "message.eml"
            path.write_bytes(message.data)
            service = ("smtp", "submission", "smtps")[number % 3]
            send(test.work, gateway.ports[service], authority, sender, [mailbox.address], path, service == "smtps")
        compare(sent, collect_all(gateway, mailbox, client_context(authority), starttls=True), name)
        test.count(f"{name}: {len(sent)} messages")


def python(test, gateway, authority):
    context = client_context(authority)
    mailbox = gateway.create_mailbox("smtplib")
    sent = list(Maker("smtplib").canonical(38))
    with smtplib.SMTP("localhost", gateway.ports["smtp"], timeout=60) as server:
        server.starttls(context=context)
        for message in sent[:19]:
            server.sendmail("alice@sender.example", mailbox.address, message.data)
    with smtplib.SMTP_SSL("localhost", gateway.ports["smtps"], timeout=60, context=context) as server:
        for message in sent[19:]:
            server.sendmail("alice@sender.example", mailbox.address, message.data)
    compare(sent, collect_all(gateway, mailbox, context), "smtplib")
    test.count(f"smtplib: {len(sent)} messages")


def exact(test, gateway, authority):
    """What only DATA and BDAT as such can carry: bare line ends, NUL, no last line end."""
    context = client_context(authority)
    for way in ("DATA", "BDAT", "BDAT in chunks of 1000"):
        mailbox = gateway.create_mailbox(way)
        sent = list(Maker(way.replace(" ", "-")).raw())
        with Sender(gateway.ports["smtps"], context, implicit_tls=True) as sender:
            for message in sent:
                if way == "DATA":
                    sender.send_data("", mailbox.address, message.data)
                else:
                    sender.send_bdat("", mailbox.address, message.data, 1000 if "chunks" in way else None)
        collected = collect_all(gateway, mailbox, context)
        compare(sent, collected, way)
        check(all(re.match(rb"Return-Path: <>\r\n", data) for data in collected), "the null sender is not <>")
        test.count(f"{way}: {len(sent)} messages with every kind of line end")


def main(test):
    gateway = test.gateway()
    authority = gateway.authority()
    for part in (exact, python, clients, postfix, exim):
        part(test, gateway, authority)
    gateway.stop()


run(main)
