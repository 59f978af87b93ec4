"""The ledger from end to end: signed at QUIT, reported to the archive, verified, exported, and what a verification
says of a database that somebody has changed. The chain and its signatures are computed here a second time."""

import csv
import email
import email.policy
import hashlib
import json
import re
import shutil
import sqlite3
import subprocess
import time

from collector import Collector, Refused, below_trace, client_context, collect_all, compare
from harness import CtlError, Failure, Gateway, check, run
from messages import Maker, Message
from senders import Sender

COUNT = 12
IN_FILE = 200_000  # octets: more than a body in the database has


def send(gateway, context, mailbox, messages):
    messages = list(messages)
    with Sender(gateway.ports["smtp"], context) as sender:
        for message in messages:
            sender.send_data("alice@sender.example", mailbox.address, message.data)
    return messages


def open_session(gateway, context, mailbox):
    return Collector(gateway.ports["pop3s"], context).login(mailbox.id, mailbox.password)


def verify(gateway, mailbox, *arguments):
    """The report, whatever it says."""
    result = gateway.run_ctl("ledger", "verify", mailbox.id, *arguments, as_json=True)
    report = json.loads(result.stdout)
    check(result.returncode == (0 if report["ok"] else 1) and report["ok"] == (not report["differences"]),
          f"exit status {result.returncode} with {report}")
    return report


def must_be_fine(gateway, mailbox, rows, signatures, bodies, *arguments):
    report = verify(gateway, mailbox, *arguments)
    check(report == {"ok": True, "rows": rows, "signatures": signatures, "bodies": bodies, "older": 0,
                     "anchor": bool(arguments), "differences": []}, f"{report}")


def problems(gateway, prefix):
    return [row for row in gateway.status()["problems"] if row["id"].startswith(prefix)]


# ---- signing ----

def signing(test, gateway, context, mailbox, maker):
    """A head for each QUIT that has news; none for a session that ends otherwise."""
    sent = send(gateway, context, mailbox, maker.canonical(COUNT - 1))
    maker.number += 1
    sent += send(gateway, context, mailbox,
                 [Message(maker.number, "large", maker.attachment(IN_FILE), maker.secret)])
    must_be_fine(gateway, mailbox, COUNT, 0, COUNT)
    with open_session(gateway, context, mailbox) as collector:
        collector.retrieve(1)
        collector.delete(1)
    with open_session(gateway, context, mailbox) as collector:
        check(collector.stat()[0] == COUNT, "a session without QUIT deleted something")
        must_be_fine(gateway, mailbox, COUNT, 0, COUNT)
        collector.delete(1, 2, 3)
        collector.quit()
    must_be_fine(gateway, mailbox, COUNT, 1, COUNT)
    with open_session(gateway, context, mailbox) as collector:
        collector.quit()
    must_be_fine(gateway, mailbox, COUNT, 1, COUNT)
    sent += send(gateway, context, mailbox, maker.canonical(1))
    with open_session(gateway, context, mailbox) as collector:
        collector.quit()
    must_be_fine(gateway, mailbox, COUNT + 1, 2, COUNT + 1)
    test.count("a QUIT with news signs, with a deletion and without; a session without QUIT does not")
    return sent


# ---- the report ----

def report(test, gateway, context, mailbox):
    """It is mail like any other, says what it is in words, and holds an anchor. Returns a file with it."""
    check(gateway.ctl("ledger", "report", mailbox.id) == {"reported": mailbox.id}, "ledger report")
    status = gateway.mailbox_status(mailbox)
    check(status["received"] == COUNT + 2 == status["waiting"] + status["collected"], f"counts: {status}")
    with open_session(gateway, context, mailbox) as collector:
        last = collector.stat()[0]
        data = collector.retrieve(last)
        check(collector.top(last, 0).count(b"\r\n") < data.count(b"\r\n"), "TOP of a report")
        collector.delete(last)
        collector.quit()
    message = email.message_from_bytes(below_trace(data), policy=email.policy.default)
    check(not message.defects, f"the report is not well formed: {message.defects}")
    check(message["Subject"] == f"Ledger report B\u00fccher & Co. {time.strftime('%Y-%m-%d', time.gmtime())}",
          f"Subject: {message['Subject']}")
    check(message["From"].addresses[0].addr_spec == message["To"].addresses[0].addr_spec == mailbox.address,
          f"From and To: {message['From']}, {message['To']}")
    check(abs(message["Date"].datetime.timestamp() - time.time()) < 300 and message["Message-ID"]
          and message["Auto-Submitted"] == "auto-generated", f"fields: {message.items()}")
    check(message.get_content_type() == "text/plain" and message.get_content_charset() == "utf-8", "its type")
    text = message.get_content()
    for words in ("B\u00fccher & Co.", f"received in all: {COUNT + 1}", "first report", "Collected by the archive: 3",
                  f"Waiting to be collected: {COUNT - 2}", f"ledger verify {mailbox.id} --anchor"):
        check(words in re.sub(" +", " ", text), f"{words!r} is not in the report:\n{text}")
    path = test.work / "report.eml"
    path.write_bytes(data)
    must_be_fine(gateway, mailbox, COUNT + 2, 3, COUNT + 2, "--anchor", str(path))
    # The QUIT above has signed the report's own row, and nothing else is new.
    try:
        gateway.ctl("ledger", "report", mailbox.id)
        raise Failure("a report is followed by another one")
    except CtlError as refused:
        check(refused.status == 1 and "nothing was signed since" in refused.text, refused.text)
    test.count("the report arrives as mail, and its anchor verifies")
    return path


# ---- export ----

def export(gateway, mailbox, path, *arguments, text=None):
    outcome = gateway.ctl("ledger", "export", mailbox.id, "--to", str(path), *arguments, text=text)
    return outcome, path.read_text()


def openssl_verify(folder, identity, text, signature):
    (folder / "identity.der").write_bytes(bytes.fromhex("302a300506032b6570032100") + identity)
    (folder / "text").write_bytes(text)
    (folder / "signature").write_bytes(signature)
    return subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-rawin", "-inkey",
                           folder / "identity.der", "-in", folder / "text", "-sigfile", folder / "signature"],
                          capture_output=True).returncode == 0


def check_chain(test, mailbox, exported):
    """As docs/internals/store.md and sealed-format.md have it."""
    identity = bytes.fromhex(exported["identity"])
    mailbox_id = bytes.fromhex(mailbox.id.removeprefix("mbx-"))
    check(hashlib.blake2b(identity, digest_size=16, person=b"lettergate-mbxid").digest() == mailbox_id,
          "the identity does not hash to the id")
    link = hashlib.blake2b(mailbox_id, digest_size=32, person=b"lettergate-ledg1").digest()
    for row in exported["rows"]:
        receipt = bytes.fromhex(row["receipt"] or "")
        facts = b"".join(number.to_bytes(8, "big") for number in (row["number"], row["received_us"], row["size"]))
        link = hashlib.blake2b(link + mailbox_id + facts + bytes([len(receipt)]) + bytes.fromhex(row["digest"])
                               + receipt, digest_size=32, person=b"lettergate-link1").digest()
        check(link.hex() == row["link"], f"row {row['number']} has another link than the documentation says")
        if row["signature"]:
            head = (b"lettergate mailbox head 1" + mailbox_id + row["number"].to_bytes(8, "big") + link
                    + row["signed_us"].to_bytes(8, "big") + row["generation"].to_bytes(4, "big"))
            check(openssl_verify(test.work, identity, head, bytes.fromhex(row["signature"])),
                  f"openssl does not verify the signature at row {row['number']}")


def exporting(test, gateway, mailbox, sent):
    outcome, text = export(gateway, mailbox, test.work / "ledger.csv")
    check(outcome["rows"] == COUNT + 2 and outcome["signatures"] == 3, f"{outcome}")
    closed = list(csv.DictReader(text.splitlines()))
    check(len(closed) == COUNT + 2 and "sha256" not in closed[0], f"columns: {closed[0].keys()}")
    outcome, text = export(gateway, mailbox, test.work / "opened.csv", "--format", "csv",
                           text=mailbox.password + "\n")
    check(outcome["unopened"] == 0, f"{outcome}")
    opened = list(csv.DictReader(text.splitlines()))
    check([{k: v for k, v in row.items() if k != "sha256"} for row in opened] == closed, "the two exports differ")
    outcome, text = export(gateway, mailbox, test.work / "opened.json", "--format", "json",
                           text=mailbox.password + "\n")
    exported = json.loads(text)
    check(exported["mailbox"] == mailbox.id and [row["number"] for row in exported["rows"]]
          == list(range(1, COUNT + 3)), "JSON: rows")
    check([{k: "" if v is None else str(v) for k, v in row.items()} for row in exported["rows"]] == opened,
          "JSON and CSV differ")
    # DATA always ends the last line, so what arrived ends with CRLF.
    check([row["sha256"] for row in exported["rows"]][:len(sent)]
          == [hashlib.sha256(message.expected()).hexdigest() for message in sent], "SHA-256 of the messages")
    check_chain(test, mailbox, exported)
    refused = gateway.run_ctl("ledger", "export", mailbox.id, "--to", str(test.work / "no.csv"),
                              text="not the password\n")
    check(refused.returncode == 1 and not (test.work / "no.csv").exists(), "a wrong password exports")
    test.count(f"{len(opened)} rows exported as CSV and JSON; links and signatures computed a second time")


# ---- restoring ----

def restoring(test, gateway, context, mailbox, sent):
    check(gateway.ctl("mailbox", "restore", mailbox.id, "--since", "2200-01-01") == {"restored": 0}, "--since")
    wrong = gateway.run_ctl("mailbox", "restore", mailbox.id, "--since", "yesterday")
    check(wrong.returncode == 1 and "is not a time" in wrong.stderr, f"--since yesterday: {wrong.stderr}")
    today = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86400))
    check(gateway.ctl("mailbox", "restore", mailbox.id, "--since", today) == {"restored": 4}, "restore")
    status = gateway.mailbox_status(mailbox)
    check(status["waiting"] == COUNT + 2 == status["received"] and status["collected"] == 0, f"counts: {status}")
    messages = collect_all(gateway, mailbox, context, delete=False)
    compare(sent, [data for data in messages if b"\nX-Test-Id: " in data], "after a restore")
    must_be_fine(gateway, mailbox, COUNT + 2, 3, COUNT + 2, "--anchor", str(test.work / "report.eml"))
    test.count("restored mail comes back octet for octet, and fits its rows")


# ---- tampering ----

def change(gateway, *statements):
    """While the gateway is stopped."""
    database = sqlite3.connect(gateway.data / "lettergate.db")
    database.create_function("flip", 1, lambda octets: octets[:-9] + bytes([octets[-9] ^ 1]) + octets[-8:])
    for statement in statements:
        changed = database.execute(statement).rowcount
        check(changed > 0, f"{statement} changed nothing")
    database.commit()
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


SWAP = ("UPDATE ledger SET number = 1000 WHERE number = 5", "UPDATE ledger SET number = 5 WHERE number = 6",
        "UPDATE ledger SET number = 6 WHERE number = 1000")

# What is done, and what each verification must say, among other things.
TAMPERINGS = (
    ("a changed row", ("UPDATE ledger SET size = size + 1 WHERE number = 4",), ("row 4 is not the one", )),
    ("a missing row", ("DELETE FROM ledger WHERE number = 7",), ("row 7 is missing",)),
    ("missing rows", ("DELETE FROM ledger WHERE number IN (7, 8)",), ("rows 7 to 8 are missing",)),
    ("the last row missing", (f"DELETE FROM ledger WHERE number = {COUNT + 2}",),
     (f"row {COUNT + 2} is missing", f"row {COUNT + 2} was signed and is not there")),
    ("exchanged rows", SWAP, ("row 5 is not the one", "row 6 is not the one")),
    ("a forged signature", (f"UPDATE ledger_signatures SET signature = flip(signature) WHERE number = {COUNT}",),
     (f"the signature at row {COUNT} is forged or damaged",)),
    ("a signature of another time", (f"UPDATE ledger_signatures SET signed_us = 1 WHERE number = {COUNT}",),
     (f"the signature at row {COUNT} is forged or damaged",)),
    ("a changed body", ("UPDATE bodies SET sealed = flip(sealed) WHERE number = 2",),
     ("the waiting message of row 2", "has another content than was received")),
    ("a message taken away", ("DELETE FROM messages WHERE ledger_number = 9",),
     (f"{COUNT + 2} copies are counted as waiting, and {COUNT + 1} are there",)),
    ("a message of another time", ("UPDATE messages SET received_us = 1 WHERE ledger_number = 9",),
     ("another size or time than its row",)),
)


def tampering(test, gateway, mailbox):
    whole = test.work / "whole"
    gateway.stop()
    shutil.copytree(gateway.data, whole)
    for what, statements, said in TAMPERINGS:
        change(gateway, *statements)
        gateway.start()
        differences = "\n".join(verify(gateway, mailbox)["differences"])
        for words in said:
            check(words in differences, f"{what}: {words!r} is not among\n{differences}")
        check(len(problems(gateway, f"ledger {mailbox.id}")) == 1, f"{what}: no problem is raised")
        gateway.stop()
        shutil.copy(whole / "lettergate.db", gateway.data / "lettergate.db")
        gateway.start()
        check(verify(gateway, mailbox)["ok"], f"{what}: undone, and differs still")
        check(not problems(gateway, f"ledger {mailbox.id}"), f"{what}: the problem stays")
        gateway.stop()
    test.count(f"{len(TAMPERINGS)} ways of tampering are found and named")
    gateway.start()


def rollback(test, gateway, context, mailbox, maker, anchor):
    """All of the folder as it was before: only what the archive has shows it."""
    later = send(gateway, context, mailbox, maker.canonical(2))
    collect_all(gateway, mailbox, context)
    gateway.ctl("ledger", "report", mailbox.id)
    newest = test.work / "newest.eml"
    newest.write_bytes(collect_all(gateway, mailbox, context)[-1])
    gateway.stop()
    shutil.copytree(gateway.data, test.work / "new")
    shutil.rmtree(gateway.data)
    shutil.copytree(test.work / "whole", gateway.data)
    gateway.start()
    check(verify(gateway, mailbox)["ok"] and verify(gateway, mailbox, "--anchor", str(anchor))["ok"],
          "an earlier state is whole in itself")
    told = verify(gateway, mailbox, "--anchor", str(newest))
    check("an earlier state of the data folder was put back" in told["differences"][0], f"{told}")
    check(problems(gateway, f"ledger-anchor {mailbox.id}"), "a rollback is no problem")
    check(verify(gateway, mailbox)["ok"] and problems(gateway, f"ledger-anchor {mailbox.id}"),
          "a verification without the anchor takes its problem back")
    gateway.stop()
    shutil.rmtree(gateway.data)
    shutil.copytree(test.work / "new", gateway.data)
    gateway.start()
    check(verify(gateway, mailbox, "--anchor", str(newest))["ok"], "the newest state and its anchor")
    text = newest.read_text().replace("number: ", "number: 1")
    (test.work / "forged").write_text(text)
    forged = gateway.run_ctl("ledger", "verify", mailbox.id, "--anchor", str(test.work / "forged"))
    check(forged.returncode == 1 and "does not verify" in forged.stderr, f"a forged anchor: {forged.stderr}")
    test.count(f"a rollback by {len(later)} messages is shown by the anchor alone")


# ---- quarantine ----

def fetch(gateway, context, mailbox, command):
    """What a client sees of a message that does not verify: -ERR, or the end of the connection."""
    with open_session(gateway, context, mailbox) as collector:
        try:
            collector.send(command)
            collector.answer()
            collector.body()
        except Refused as refused:
            check("damaged" in str(refused), str(refused))
            return "-ERR"
        except (Failure, OSError):
            return "cut off"
    raise Failure(f"{command} hands out a damaged message")


def quarantine(test, gateway, context, maker):
    mailbox = gateway.create_mailbox("Damaged")
    messages = list(maker.canonical(4))
    for _ in range(2):
        maker.number += 1
        messages.append(Message(maker.number, "large", maker.attachment(IN_FILE), maker.secret))
    sent = []
    files = []
    for message in messages:
        before = set((gateway.data / "bodies").iterdir())
        sent += send(gateway, context, mailbox, [message])
        files += set((gateway.data / "bodies").iterdir()) - before
    check(len(files) == 2, f"{len(files)} bodies are in files")
    gateway.stop()
    change(gateway, "UPDATE bodies SET sealed = flip(sealed) WHERE number = (SELECT max(number) - 5 FROM bodies)")
    octets = bytearray(files[0].read_bytes())
    octets[-100] ^= 1
    files[0].write_bytes(octets)
    gateway.start()
    # The small one fails before anything was sent, the large one after its first pieces.
    check(fetch(gateway, context, mailbox, "TOP 1 0") == "-ERR", "TOP of a damaged message")
    check(fetch(gateway, context, mailbox, "RETR 4") == "cut off", "RETR of a damaged file")
    told = problems(gateway, f"damaged-message {mailbox.id} ")
    check(len(told) == 2 and all("Damaged" in row["text"] and time.strftime("%Y-%m-%dT", time.gmtime()) in row["text"]
                                 and row["severity"] == "critical" and "backup restore" in row["remedy"]
                                 for row in told), f"problems: {told}")
    rest = [message for index, message in enumerate(sent) if index not in (0, 4)]
    compare(rest, collect_all(gateway, mailbox, context), "beside damaged messages")
    status = gateway.mailbox_status(mailbox)
    check((status["received"], status["waiting"], status["collected"]) == (6, 2, 4), f"counts: {status}")
    found = verify(gateway, mailbox)
    check(len(found["differences"]) == 2 and all("the quarantined message" in text for text in found["differences"]),
          f"{found}")
    gateway.stop()
    gateway.start()
    check(len(problems(gateway, f"damaged-message {mailbox.id} ")) == 2, "a new start knows of no quarantine")
    gateway.ctl("mailbox", "suspend", mailbox.id)
    gateway.ctl("mailbox", "delete", mailbox.id, "--yes")
    check(not problems(gateway, f"damaged-message {mailbox.id} "), "a deleted mailbox has problems")
    test.count("damaged messages are left out, all others are collected")


def main(test):
    gateway = Gateway(test.bin, test.work, {"storage.keep-collected-days": "3"})
    test.cleanups.callback(gateway.close)
    gateway.start()
    context = client_context(gateway.authority())
    mailbox = gateway.create_mailbox("B\u00fccher & Co.")
    maker = Maker("ledger")
    sent = signing(test, gateway, context, mailbox, maker)
    anchor = report(test, gateway, context, mailbox)
    exporting(test, gateway, mailbox, sent)
    restoring(test, gateway, context, mailbox, sent)
    tampering(test, gateway, mailbox)
    rollback(test, gateway, context, mailbox, maker, anchor)
    quarantine(test, gateway, context, maker)


run(main)
