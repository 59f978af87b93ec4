"""Mail written out in three formats is what a collector gets, octet for octet; a backup that is made while mail comes
and goes is whole, shows each kind of damage, and brings everything back on an empty data folder; after that unknown
mailboxes are put off until a person says that the list is whole."""

import mailbox
import os
import pathlib
import re
import shutil
import threading

from collector import Collector, client_context, collect_all, compare, test_id
from harness import LONG, CtlError, Failure, Gateway, check, run, wait_for
from messages import Maker
from senders import Refusal, Sender

NOBODY = "mbx-" + "0" * 32
SENDERS = 3


def refused(gateway, *arguments, text=None, says=None):
    try:
        gateway.ctl(*arguments, text=text)
    except CtlError as error:
        check(error.status == 1, f"{arguments}: exit status {error.status}")
        check(not says or re.search(says, error.text), f"{arguments} says {error.text!r}, not {says!r}")
        return error.text
    raise Failure(f"{arguments} was not refused")


def findings(gateway, *arguments, text=None):
    """What a command says that was carried out and found something: exit status 1 and its result."""
    import json
    result = gateway.run_ctl(*arguments, text=text, as_json=True)
    check(result.returncode == 1 and result.stdout, f"{arguments}: exit status {result.returncode}\n{result.stderr}")
    value = json.loads(result.stdout)
    check(value["ok"] is False, f"{arguments}: {value}")
    return value


def export(gateway, box, form, path, *more, password=None):
    return gateway.ctl("mailbox", "export", box.id, "--format", form, "--to", str(path), *more,
                       text=(password or box.password) + "\n")


def files_below(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


# ---- export ----


def unquoted(data):
    return re.sub(rb"(?m)^>(>*From )", rb"\1", data)


def as_mbox(data):
    """What the format keeps of a message: LF for CRLF, and a last line that is ended. A bare LF ends it too, so that
    the CRLF which RETR supplies behind one is not there."""
    if data.endswith(b"\n\r\n") and not data.endswith(b"\r\n\r\n"):
        data = data[:-2]
    data = data.replace(b"\r\n", b"\n")
    return data if data.endswith(b"\n") else data + b"\n"


def compare_formats(test, gateway, box, expected, work, *more):
    """`expected`: the messages as RETR gives them, in their order."""
    report = export(gateway, box, "eml", work / "eml", *more)
    check(report["ok"] and report["exported"] == len(expected), f"export: {report}")
    check(report["bytes"] == sum(map(len, expected)), f"export counted {report['bytes']} octets")
    names = files_below(work / "eml")
    for number, (path, wanted) in enumerate(zip(names, expected, strict=True), 1):
        check(re.fullmatch(rf"{number:06}-\d{{8}}T\d{{6}}Z-[0-9a-f]{{8}}\.eml", path.name), f"a file is called {path.name}")
        check(path.read_bytes() == wanted, f"{path.name} is not what RETR gave")
        check(path.stat().st_mode & 0o777 == 0o600, f"{path.name} can be read by others")

    export(gateway, box, "maildir", work / "maildir", *more)
    check(sorted(path.name for path in (work / "maildir").iterdir()) == ["cur", "new", "tmp"], "no maildir")
    maildir = mailbox.Maildir(str(work / "maildir"), create=False)
    got = [maildir.get_bytes(key) for key in maildir.keys()]
    check(sorted(got) == sorted(expected), "the maildir holds other messages than RETR gave")

    export(gateway, box, "mbox", work / "mbox", *more)
    got = list(mailbox.mbox(str(work / "mbox"), create=False).values()) if expected else []
    check(len(got) == len(expected), f"the mbox holds {len(got)} messages, not {len(expected)}")
    for message, wanted in zip(got, expected):
        check(message.get_from().startswith("a@sender.example "), f"a separator says {message.get_from()}")
    box_file = mailbox.mbox(str(work / "mbox"), create=False) if expected else None
    for key, wanted in enumerate(expected):
        check(unquoted(box_file.get_bytes(key)) == as_mbox(wanted), f"message {key + 1} of the mbox differs")
    test.count(f"{len(expected)} messages in three formats")
    for name in ("eml", "maildir"):
        shutil.rmtree(work / name)
    (work / "mbox").unlink()


def exports(test, gateway, context, work):
    box = gateway.create_mailbox("Export")
    compare_formats(test, gateway, box, [], work)
    maker = Maker("export")
    messages = list(maker.canonical(40)) + list(maker.raw())
    messages.append(maker.make(lambda self: self.attachment((12 if LONG else 2) << 20)))
    with Sender(gateway.ports["smtps"], context, implicit_tls=True) as sender:
        for message in messages:
            sender.send_bdat("a@sender.example", box.address, message.data, 100_000)
    expected = collect_all(gateway, box, context, delete=False)
    compare(messages, expected, "before the export")
    compare_formats(test, gateway, box, expected, work)

    # Nothing for whoever does not know the password, and nothing half.
    refused(gateway, "mailbox", "export", box.id, "--format", "eml", "--to", str(work / "no"), text="wrong password\n")
    refused(gateway, "mailbox", "export", NOBODY, "--format", "eml", "--to", str(work / "no"), text="x\n")
    (work / "there").write_text("x")
    refused(gateway, "mailbox", "export", box.id, "--format", "mbox", "--to", str(work / "there"), text=box.password + "\n")
    check(sorted(path.name for path in work.iterdir()) == ["there"], f"left: {sorted(work.iterdir())}")

    # Collected mail that is kept.
    gateway.ctl("settings", "set", "storage.keep-collected-days", "7")
    check(len(collect_all(gateway, box, context)) == len(expected), "collecting")
    compare_formats(test, gateway, box, [], work)
    compare_formats(test, gateway, box, expected, work, "--collected")
    gateway.ctl("settings", "set", "storage.keep-collected-days", "0")


def damaged_export(test, gateway, context, work):
    box = gateway.create_mailbox("Damaged")
    maker = Maker("damaged")
    messages = [maker.make(lambda self: self.attachment(size)) for size in (100_000, 3_000_000, 100_000, 900_000)]
    before = set(os.listdir(gateway.data / "bodies"))
    with Sender(gateway.ports["smtps"], context, implicit_tls=True) as sender:
        for message in messages:
            sender.send_data("a@sender.example", box.address, message.data)
    sizes = {name: (gateway.data / "bodies" / name).stat().st_size
             for name in set(os.listdir(gateway.data / "bodies")) - before}
    largest = gateway.data / "bodies" / max(sizes, key=sizes.get)
    data = bytearray(largest.read_bytes())
    data[-1000] ^= 1  # in its last chunk: everything before still verifies
    largest.write_bytes(data)
    report = findings(gateway, "mailbox", "export", box.id, "--format", "mbox", "--to", str(work / "mbox"),
                      text=box.password + "\n")
    check(report["exported"] == 3 and report["damaged"] == 1, f"export: {report}")
    check(re.fullmatch("[0-9a-f]{32}", report["damaged_messages"][0]["id"]), f"export: {report}")
    text = (work / "mbox").read_bytes()
    check(text.count(b"\nX-Test-Id: ") == 3 and messages[1].id.encode() not in text, "a damaged message was exported")
    with Collector(gateway.ports["pop3s"], context) as collector:
        check(collector.login(box.id, box.password).stat()[0] == 3, "the damaged message is listed")
    check(any(row["id"].startswith(f"damaged-message {box.id}") for row in gateway.status()["problems"]),
          "no problem tells of the damaged message")
    # It is named again, so that nobody takes the export for the whole mailbox.
    report = findings(gateway, "mailbox", "export", box.id, "--format", "eml", "--to", str(work / "eml"),
                      text=box.password + "\n")
    check(report["exported"] == 3 and report["damaged"] == 1, f"export: {report}")
    shutil.rmtree(work / "eml")
    (work / "mbox").unlink()
    test.count("a damaged message left out")
    # The backups below are to be of a whole store.
    gateway.ctl("mailbox", "suspend", box.id)
    gateway.ctl("mailbox", "delete", box.id, "--yes")


# ---- backup ----


def attachment(maker):
    """Large enough for a file of its own."""
    return maker.attachment(None if LONG else maker.random.randrange(80_000, 120_000))


class Sending(threading.Thread):
    def __init__(self, gateway, context, box, seed):
        super().__init__(daemon=True)
        self.gateway, self.context, self.box = gateway, context, box
        self.maker = Maker(seed)
        self.acknowledged = []
        self.stop = False
        self.trouble = None

    def run(self):
        try:
            with Sender(self.gateway.ports["smtps"], self.context, implicit_tls=True) as sender:
                while not self.stop:
                    kind = self.maker.random.choice((Maker.tiny, Maker.plain, attachment, Maker.dots))
                    message = self.maker.make(kind)
                    sender.send_data("a@sender.example", self.box.address, message.data)
                    self.acknowledged.append(message)
        except Exception as trouble:
            self.trouble = trouble


class Collecting(threading.Thread):
    """Takes the mail of one mailbox away all the time, so that bodies go while the backup is made."""

    def __init__(self, gateway, context, box):
        super().__init__(daemon=True)
        self.gateway, self.context, self.box = gateway, context, box
        self.taken = 0
        self.stop = False
        self.trouble = None

    def run(self):
        try:
            while not self.stop:
                self.taken += len(collect_all(self.gateway, self.box, self.context))
        except Exception as trouble:
            self.trouble = trouble


def backup_under_load(test, gateway, context, path):
    """Returns the mailbox that nobody collects, and the messages that it must have and those that it may have."""
    kept, collected = gateway.create_mailbox("Kept"), gateway.create_mailbox("Collected")
    threads = [Sending(gateway, context, kept, f"kept-{n}") for n in range(SENDERS)]
    threads += [Sending(gateway, context, collected, "collected"), Collecting(gateway, context, collected)]
    senders = threads[:SENDERS]
    for thread in threads:
        thread.start()
    wait_for("mail", lambda: sum(len(thread.acknowledged) for thread in senders) > (60 if LONG else 24) and threads[-1].taken > 5)
    must = {message.id for thread in senders for message in list(thread.acknowledged)}
    report = gateway.ctl("backup", "create", str(path))
    wait_for("mail after the backup", lambda: sum(len(thread.acknowledged) for thread in senders) > len(must) + 10)
    for thread in threads:
        thread.stop = True
    for thread in threads:
        thread.join(120)
        check(not thread.is_alive() and not thread.trouble, f"{thread}: {thread.trouble!r}")
    check(report["ok"] and report["missing"] == 0, f"backup create: {report}")
    check(report["files"] == len(files_below(path)) - 1, f"backup create counts {report['files']} files")
    check(not (gateway.data / "backup").exists(), "the copy of the database is left")
    for file in files_below(path):
        check(file.stat().st_mode & 0o777 == 0o600, f"{file} can be read by others")
    test.count(f"a backup of {report['files']} files under load")
    return kept, must, {message.id: message for thread in senders for message in thread.acknowledged}


def no_plaintext(test, path, messages):
    needles = [b"X-Test-Id", b"sender.example"] + [message.id.encode() for message in list(messages)[:20]]
    for file in files_below(path):
        data = file.read_bytes()
        for needle in needles:
            check(needle not in data, f"{file} shows {needle}")
    test.count(f"{len(needles)} texts looked for in the backup")


def verify_and_damage(test, gateway, path):
    report = gateway.ctl("backup", "verify", str(path))
    check(report["ok"] and report["problem_count"] == 0 and report["mailboxes"] == 3, f"backup verify: {report}")

    def flip(file, offset):
        data = bytearray(file.read_bytes())
        data[offset] ^= 1
        file.write_bytes(data)

    damages = 0
    body = files_below(path / "bodies")[0]
    for file, offset, says in ((body, 500, "bodies/"), (path / "lettergate.db", 5000, "lettergate.db"),
                               (files_below(path / "tls")[0], 10, "tls/"), (path / "manifest", 200, "manifest|tls/|bodies/")):
        flip(file, offset)
        report = findings(gateway, "backup", "verify", str(path))
        check(any(re.search(says, text) for text in report["problems"]), f"{file}: {report}")
        refused(gateway, "backup", "restore", str(path), "--yes", says="nothing was changed")
        flip(file, offset)
        damages += 1
    for file, says in ((body, "missing"), (path / "lettergate.db", "lettergate.db is missing"), (path / "manifest", "manifest is missing")):
        away = path.with_name("away")
        file.rename(away)
        report = findings(gateway, "backup", "verify", str(path))
        check(any(re.search(says, text) for text in report["problems"]), f"without {file}: {report}")
        away.rename(file)
        damages += 1
    for name, says in (("notes.txt", "no part of a backup"), ("bodies/" + "0" * 32, "not in the manifest")):
        (path / name).write_text("x")
        if says == "not in the manifest":
            report = findings(gateway, "backup", "verify", str(path))
            check(any(says in text for text in report["problems"]), f"with {name}: {report}")
        else:
            refused(gateway, "backup", "verify", str(path), says=says)
        (path / name).unlink()
        damages += 1
    with open(path / "manifest", "r+b") as manifest:
        text = manifest.read()
        manifest.truncate(len(text) - 30)
        findings(gateway, "backup", "verify", str(path))
        manifest.seek(0)
        manifest.write(text)
    check(gateway.ctl("backup", "verify", str(path))["ok"], "the backup is not what it was")
    check(not (gateway.data / "incoming").exists() and not (gateway.data / "restore").exists(), "something is left")
    test.count(f"{damages + 1} kinds of damage found")


def code_for(gateway, context, address):
    with Sender(gateway.ports["smtps"], context, implicit_tls=True) as sender:
        sender.docmd("MAIL", "FROM:<a@sender.example>")
        return sender.docmd("RCPT", f"TO:<{address}>")[0]


def restore(test, path, box, must, may):
    gateway = Gateway(test.bin, test.work, name="fresh")
    test.cleanups.callback(gateway.close)
    gateway.start()
    old = gateway.create_mailbox("Made before the restore")
    old_context = client_context(gateway.authority())
    with Sender(gateway.ports["smtps"], old_context, implicit_tls=True) as sender:
        sender.send_data("a@sender.example", old.address, Maker("old").make(Maker.attachment).data)
    check(code_for(gateway, old_context, f"{NOBODY}@localhost") == 550, "an unknown mailbox before the restore")
    refused(gateway, "backup", "confirm", says="no restore")
    result = gateway.run_ctl("backup", "restore", str(path))
    check(result.returncode == 2, f"restore without --yes: {result.returncode} {result.stderr}")
    report = gateway.ctl("backup", "restore", str(path), "--yes")
    check(report["mailboxes"] == 3, f"backup restore: {report}")
    gateway.ports = {row["service"]: row["port"] for row in gateway.status()["listeners"]}
    rows = {row["id"]: row for row in gateway.status()["mailboxes"]}
    check(box.id in rows and old.id not in rows and len(rows) == 3, f"mailboxes after the restore: {rows}")
    check(any(row["id"] == "restored" for row in gateway.status()["problems"]), "no problem says that it was restored")
    check(not (gateway.data / "restore").exists() and not (gateway.data / "incoming").exists(), "something is left")
    before = gateway.data / report["before"]
    check(sorted(name for name in os.listdir(before) if name != "lettergate.db-shm") == ["bodies", "lettergate.db", "tls"],
          f"{before}: {os.listdir(before)}")

    # The certificates are those of the backup.
    context = client_context(gateway.authority())
    try:
        code_for(gateway, old_context, box.address)
    except OSError:
        pass
    else:
        raise Failure("the certificates from before are still in use")
    messages = collect_all(gateway, box, context, delete=False)
    got = {test_id(data) for data in messages}
    check(must <= got, f"{len(must - got)} messages that were acknowledged before the backup are missing")
    compare([may[name] for name in got], messages, "after the restore")
    test.count(f"{len(got)} messages restored, {len(must)} of them acknowledged before it began")

    # Unknown mailboxes are put off until a person has looked, also over a start.
    check(code_for(gateway, context, f"{NOBODY}@localhost") == 451, "an unknown mailbox after the restore")
    gateway.stop()
    gateway.start()
    context = client_context(gateway.authority())
    check(code_for(gateway, context, old.address) == 451, "an unknown mailbox after a start")
    check(code_for(gateway, context, box.address) == 250, "a known mailbox")
    gateway.ctl("backup", "confirm")
    check(code_for(gateway, context, f"{NOBODY}@localhost") == 550, "an unknown mailbox that is confirmed to be none")
    check(not any(row["id"] == "restored" for row in gateway.status()["problems"]), "the problem stays")
    gateway.stop()
    gateway.start()
    check(code_for(gateway, context, f"{NOBODY}@localhost") == 550, "the confirmation was forgotten")
    gateway.stop()

    # What was there before is a whole store of its own.
    earlier = Gateway(test.bin, test.work, name="fresh/" + report["before"])
    test.cleanups.callback(earlier.close)
    earlier.log_path = test.work / "earlier.log"
    earlier.start()
    check(len(collect_all(earlier, old, client_context(earlier.authority()))) == 1, "the store from before lacks its mail")
    earlier.stop()
    test.count("the store from before is whole")


def main(test):
    gateway = test.gateway()
    context = client_context(gateway.authority())
    work = test.work / "exports"
    work.mkdir()
    exports(test, gateway, context, work)
    damaged_export(test, gateway, context, work)
    path = test.work / "backup"
    box, must, may = backup_under_load(test, gateway, context, path)
    no_plaintext(test, path, may.values())
    verify_and_damage(test, gateway, path)
    gateway.stop()
    restore(test, path, box, must, may)


if __name__ == "__main__":
    run(main)
