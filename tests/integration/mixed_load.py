"""Everything that people do to a gateway, all at once: senders, a collector and an administrator for each mailbox,
and one who makes backups; and the books of what each of them was told, against which a gateway is held that was
killed in the middle of it.

An answer that came makes something certain: kept, taken, changed. What was asked for and not answered may have
been done or not; settle() looks, and from then on it is certain, too.
"""

import collections
import concurrent.futures
import contextlib
import json
import random
import re
import shutil
import sqlite3
import subprocess
import threading
import time

from collector import Collector, Refused, below_trace, client_context, difference, test_id
from harness import Failure, Gateway, check
from messages import Maker
from senders import Refusal, Sender

SENDERS = 4
READ_MAX = 20  # messages of one session of a collector
GENERATIONS_MAX = 30  # the gateway has 32, and some may come without an answer
FORMS = ("eml", "maildir", "mbox")


class Lost(Failure):
    """The gateway went before it answered, or the client was killed before it could say so."""

    def __init__(self, said, is_killed):
        super().__init__(said)
        self.is_killed = is_killed


class Book:
    """What is known of one mailbox. Sets of test ids."""

    def __init__(self, gateway, name):
        self.mailbox = gateway.create_mailbox(name)
        self.sent = {}  # the messages, by their test ids
        self.ids = {}  # the gateway's own, which it names in its 250, for the first recipient
        self.kept = set()  # acknowledged, or seen
        self.leaving = set()  # QUIT was sent, and not answered yet
        self.taken = set()  # their deletion was acknowledged, or was found to be done
        self.never = set()  # not acknowledged, and not there when it was looked for
        self.phrases = [self.mailbox.password]  # the one that opens it; or one of two
        self.used = list(self.phrases)  # all that ever did, in their order
        self.code = self.mailbox.recovery_code  # None: not known for certain
        self.generations = {1}  # one of these

    def there(self):
        """What must be there for somebody who looks now, if nobody takes it away meanwhile."""
        return self.kept - self.leaving - self.taken

    def check_message(self, data, what):
        name = test_id(data)
        check(name in self.sent, f"{what}: {name} was never sent to this mailbox")
        check(name not in self.taken, f"{what}: {name} is there again after its deletion was acknowledged")
        check(name not in self.never, f"{what}: {name} was lost before it was acknowledged, and is there now")
        wanted, got = self.sent[name].expected(), below_trace(data)
        if wanted != got:
            raise Failure(f"{what}: {name} differs: " + difference(wanted, got))
        return name

    def open_session(self, port, context):
        """With the password, or the other one when a change is in doubt; then that is certain, too."""
        for phrase in list(self.phrases):
            collector = Collector(port, context, timeout=60)
            try:
                collector.login(self.mailbox.id, phrase)
            except Refused as refused:
                collector.socket.close()
                check("[AUTH]" in str(refused), f"a login to a gateway at rest: {refused}")
                continue
            self.used = [used for used in self.used if used == phrase or used not in self.phrases]
            self.phrases = [phrase]
            return collector
        raise Failure(f"{self.mailbox.id} opens neither with the old password nor with the new one: "
                      f"{len(self.phrases)} tried")


# ---- a time that the gateway is up ----


class Day:
    """The load, from its start until the gateway is killed or everybody goes home."""

    def __init__(self, gateway, context, books, makers, work, deck):
        self.gateway, self.context, self.books, self.work = gateway, context, books, work
        self.deck = deck
        self.killing, self.stopping = threading.Event(), threading.Event()
        self.verifying = threading.Lock()  # one ledger at a time
        self.done = collections.Counter()
        self.backups, self.parts = [], []
        self.processes = []
        self.workers = [Sending(self, maker) for maker in makers] + [BackingUp(self)]
        for book in books:
            self.workers += [Collecting(self, book), Administrator(self, book)]

    def start(self):
        for worker in self.workers:
            worker.start()

    def ctl(self, *arguments, lines=()):
        """The answer of lettergatectl, which goes with the gateway now and then."""
        command = [str(self.gateway.bin / "lettergatectl"), "--data", str(self.gateway.data), "--json", *arguments]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, env=self.gateway.environment)
        self.processes.append(process)
        out, said = process.communicate("".join(line + "\n" for line in lines), timeout=120)
        if process.returncode == 0:
            return json.loads(out)
        if self.killing.is_set():
            raise Lost(said, process.returncode < 0)
        raise Failure(f"{arguments} under load: exit status {process.returncode}: {out}{said}")

    def kill(self, with_clients):
        self.killing.set()
        if with_clients:
            for process in list(self.processes):
                process.kill()
        self.gateway.kill()
        self.join()

    def go_home(self):
        self.stopping.set()
        self.join()

    def join(self):
        for worker in self.workers:
            worker.join(120)
            check(not worker.is_alive(), "a client still waits for a gateway that is gone")
        for worker in self.workers:
            if worker.trouble:
                raise worker.trouble


class Worker(threading.Thread):
    def __init__(self, day):
        super().__init__(daemon=True)
        self.day = day
        self.trouble = None

    def run(self):
        try:
            while not self.day.stopping.is_set():
                self.work()
        except Exception as trouble:
            if not self.day.killing.is_set() or not is_loss(trouble):
                self.trouble = trouble


def is_loss(trouble):
    return (isinstance(trouble, (OSError, EOFError, Lost)) or "closed the connection" in str(trouble)
            or isinstance(trouble, Refusal) and trouble.code in (421, -1))


# ---- mail ----


class NamingSender(Sender):
    def must(self, wanted, answer):
        super().must(wanted, answer)
        self.said = answer[1].decode()


class Sending(Worker):
    """A session of some messages; a fourth of them to both mailboxes, which get them together or not at all."""

    def large(maker):
        """Mostly with a file of its own in bodies/."""
        return maker.attachment(maker.random.randrange(60_000, 100_000))

    KINDS = (Maker.tiny, Maker.plain, Maker.dots, Maker.tiny, Maker.journal_report) * 3 + (large,)

    def __init__(self, day, maker):
        super().__init__(day)
        self.maker = maker

    def work(self):
        random = self.maker.random
        with NamingSender(self.day.gateway.ports["smtps"], self.day.context, implicit_tls=True, timeout=60) as sender:
            for _ in range(random.randrange(1, 40)):
                if self.day.stopping.is_set():
                    return
                books = self.day.books
                books = books if random.randrange(4) == 0 else [random.choice(books)]
                self.send(sender, books, self.maker.make(random.choice(self.KINDS)))
                # What nobody collects makes every export and backup longer.
                self.day.stopping.wait(random.choice((0, 0.05, 0.1, 0.2)))

    def send(self, sender, books, message):
        for book in books:
            book.sent[message.id] = message
        addresses = [book.mailbox.address for book in books]
        if self.maker.number % 3:
            sender.send_data("a@sender.example", addresses, message.data)
        else:
            sender.send_bdat("a@sender.example", addresses, message.data, 50_000)
        books[0].ids[message.id] = re.search(r"([0-9a-f]{32})$", sender.said).group(1)
        for book in books:
            book.kept.add(message.id)
        self.day.done["acknowledged"] += 1


class Collecting(Worker):
    """Takes two of three messages away, and goes without QUIT now and then, after which nothing is deleted."""

    def __init__(self, day, book):
        super().__init__(day)
        self.book = book
        self.random = random.Random()

    def login(self):
        book = self.book
        phrases = list(book.phrases)
        collector = Collector(self.day.gateway.ports["pop3s"], self.day.context, timeout=60)
        try:
            return collector.login(book.mailbox.id, phrases[0])
        except Refused as refused:
            collector.socket.close()
            # The password is being changed, or the keys; or the session before has not been noticed to be gone.
            is_changing = len(phrases) > 1 or book.phrases != phrases
            check("new keys" in str(refused) or "[IN-USE]" in str(refused) or "[AUTH]" in str(refused) and is_changing,
                  f"a login under load: {refused}")
            time.sleep(0.05)
            return None

    def work(self):
        collector = self.login()
        if not collector:
            return
        with collector:
            group = set()
            for number in sorted(collector.list())[:READ_MAX]:
                name = self.book.check_message(collector.retrieve(number), "under load")
                self.book.kept.add(name)
                if self.random.randrange(3):
                    collector.delete(number)
                    group.add(name)
            if self.random.randrange(5) == 0:
                return
            self.book.leaving |= group
            collector.quit()
            self.book.taken |= group
            self.book.leaving -= group
            self.day.done["collected"] += len(group)


# ---- passwords, keys, exports, the ledger ----


class Administrator(Worker):
    """One thing after the other, as they come from the deck that all share."""

    def __init__(self, day, book):
        super().__init__(day)
        self.book = book
        self.random = random.Random()

    def work(self):
        job = self.day.deck.draw()
        getattr(self, job)()
        self.day.done[job] += 1

    def ctl(self, *arguments, lines=()):
        return self.day.ctl(arguments[0], arguments[1], self.book.mailbox.id, *arguments[2:], lines=lines)

    def change_password(self, phrase):
        new = "".join(self.random.choices("abcdefghjkmnpqrstuvwxyz23456789", k=24))
        self.book.used.append(new)
        self.book.phrases = [self.book.phrases[0], new]
        self.ctl("mailbox", "password", lines=(phrase, new))
        self.book.phrases = [new]

    def password(self):
        self.change_password(self.book.phrases[0])

    def password_by_code(self):
        if not self.book.code:
            self.recovery()
        self.change_password(self.book.code)

    def recovery(self):
        self.book.code = None
        self.book.code = self.ctl("mailbox", "recovery", "create", lines=self.book.phrases)["recovery_code"]

    def rekey(self):
        book = self.book
        if max(book.generations) >= GENERATIONS_MAX:
            return
        following = {generation + 1 for generation in book.generations}
        book.generations |= following
        book.code = None
        answer = self.ctl("mailbox", "rekey", lines=book.phrases)
        check(answer["generation"] in following, f"keys {following} should follow: {answer}")
        book.generations = {answer["generation"]}
        book.code = answer.get("recovery_code")

    def export(self):
        book, form = self.book, self.random.choice(FORMS)
        path = self.day.work / f"export-{book.mailbox.id}"
        must, gone = book.there(), set(book.taken)
        try:
            report = self.ctl("mailbox", "export", "--format", form, "--to", str(path), lines=book.phrases)
            check(report["ok"], f"an export of {form}: {report}")
        except Lost as lost:
            check(lost.is_killed or not path.exists(), "an export that was cut short has its whole name")
            raise
        finally:
            remove(path.with_name(path.name + ".part"))
            # It has its name when it is whole, whether somebody could still say so or not.
            if path.exists():
                got = exported(book, form, path, gone)
                must -= book.leaving | book.taken
                check(must <= set(got), f"an export of {form} lacks {len(must - set(got))} messages")
                check(len(got) == len(set(got)), f"an export of {form} has {len(got) - len(set(got))} messages twice")
                remove(path)

    def verify(self):
        with self.day.verifying:
            report = self.ctl("ledger", "verify")
        check(report["ok"], f"a ledger under load: {report}")


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def exported(book, form, path, gone):
    """The test ids; `gone`: had been deleted before it began."""
    if form == "mbox":
        names = [name.decode() for name in re.findall(rb"(?m)^X-Test-Id: (\S+)$", path.read_bytes())]
        check(all(name in book.sent for name in names), "an mbox has a message that was never sent")
    else:
        names = []
        for data in (file.read_bytes() for file in path.rglob("*") if file.is_file()):
            names.append(test_id(data))
            check(below_trace(data) == book.sent[names[-1]].expected(), f"{names[-1]} is exported changed")
    check(not gone & set(names), f"an export has what was deleted: {gone & set(names)}")
    return names


class Deck:
    """Each job comes as often as it stands in JOBS."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        self.jobs = []

    def draw(self):
        with self.lock:
            if not self.jobs:
                self.jobs = list(JOBS)
                self.random.shuffle(self.jobs)
            return self.jobs.pop()


JOBS = ("password", "password_by_code", "recovery", "rekey", "export", "export", "verify")


# ---- backups ----


class Backup:
    """One that was begun: what it must hold, what it must not hold, and which passwords may open it."""

    def __init__(self, path, books):
        self.path = path
        self.must = [book.there() for book in books]
        self.gone = [set(book.taken) for book in books]
        self.first_phrase = [book.used.index(book.phrases[0]) for book in books]
        self.books = books

    def end(self):
        for must, book in zip(self.must, self.books):
            must -= book.leaving | book.taken
        self.phrases = [book.used[first:] for first, book in zip(self.first_phrase, self.books)]


class BackingUp(Worker):
    def work(self):
        day = self.day
        backup = Backup(day.work / f"backup-{len(day.backups)}", day.books)
        part = backup.path.with_name(backup.path.name + ".part")
        try:
            report = day.ctl("backup", "create", str(backup.path))
        except Lost as lost:
            check(lost.is_killed or not backup.path.exists(), "a backup that was cut short has its whole name")
            # What is left stays when whoever made it was killed, too.
            if part.exists():
                day.parts.append(part)
            if backup.path.exists():
                backup.end()
                day.backups.append(backup)
            raise
        check(report["ok"], f"a backup under load: {report}")
        backup.end()
        day.backups.append(backup)
        day.done["backup"] += 1
        report = day.ctl("backup", "verify", str(backup.path))
        check(report["ok"], f"a backup that is verified under load: {report}")
        day.stopping.wait(1)


def judge_backups(day, gateway):
    """Each that was finished is whole and has what it must have; what is left of another is no backup."""
    for backup in day.backups:
        report = gateway.ctl("backup", "verify", str(backup.path))
        check(report["ok"] and report["missing"] == 0, f"a finished backup: {report}")
        with contextlib.closing(sqlite3.connect(f"file:{backup.path}/lettergate.db?immutable=1", uri=True)) as database:
            waiting = {row[0].hex() for row in database.execute("SELECT id FROM messages WHERE state = 0")}
        for book, must, gone in zip(backup.books, backup.must, backup.gone):
            lacks = [name for name in must if name in book.ids and book.ids[name] not in waiting]
            check(not lacks, f"a backup lacks {len(lacks)} messages, among them {lacks[:3]}")
            back = [name for name in gone if book.ids.get(name) in waiting]
            check(not back, f"a backup has {len(back)} messages that were deleted, among them {back[:3]}")
    for part in day.parts:
        # The whole manifest comes last: with it everything is there.
        manifest = part / "manifest"
        is_whole = manifest.exists() and b"\nend " in manifest.read_bytes()
        result = gateway.run_ctl("backup", "verify", str(part))
        check(is_whole or result.returncode == 1, f"a part of a backup is taken for a whole one: {result.stdout}")
        shutil.rmtree(part)


def restore(test, backup, work):
    """On another data folder, where its mail is collected."""
    gateway = Gateway(test.bin, work, name="restored")
    test.cleanups.callback(gateway.close)
    gateway.start()
    gateway.ctl("backup", "restore", str(backup.path), "--yes")
    gateway.ports = {row["service"]: row["port"] for row in gateway.status()["listeners"]}
    context = client_context(gateway.authority())
    for book, must, gone, phrases in zip(backup.books, backup.must, backup.gone, backup.phrases):
        then = Then(book, phrases, gone)
        with then.open_session(gateway.ports["pop3s"], context) as collector:
            found = {then.check_message(data, "from a backup") for data in retrieve_all(collector)}
            collector.quit()
        check(must <= found, f"{len(must - found)} messages are not in what was restored")
        check_ledger(gateway, book.mailbox)
    gateway.stop()
    shutil.rmtree(gateway.data)


class Then(Book):
    """A mailbox as it was at the time of a backup."""

    def __init__(self, book, phrases, gone):
        self.mailbox, self.sent = book.mailbox, book.sent
        # Most likely the first: the database is copied before everything else.
        self.phrases = self.used = phrases
        self.taken, self.never = gone, set()


# ---- after a kill ----


def retrieve_all(collector, batch=50):
    numbers = sorted(collector.list())
    for first in range(0, len(numbers), batch):
        group = numbers[first:first + batch]
        collector.send(*(f"RETR {number}" for number in group))
        for _ in group:
            collector.answer()
            yield collector.body()


def check_ledger(gateway, mailbox):
    """Clean, and of the length that was counted."""
    report = gateway.ctl("ledger", "verify", mailbox.id)
    row = gateway.mailbox_status(mailbox)
    check(report["ok"] and report["rows"] == row["received"] == row["waiting"] + row["collected"],
          f"the ledger: {report}, counted: {row}")
    return row, report


def settle_mailbox(gateway, context, book, random, share):
    """All that is there, byte for byte; of it, that share is deleted. Returns how much waits then."""
    deleted = set()
    found = set()
    with book.open_session(gateway.ports["pop3s"], context) as collector:
        for number, data in enumerate(retrieve_all(collector), 1):
            name = book.check_message(data, "after a kill")
            check(name not in found, f"{name} is there twice")
            found.add(name)
            if random.random() < share:
                deleted.add((number, name))
        if deleted:
            collector.delete(*sorted(number for number, _ in deleted))
        collector.quit()
    lost = book.there() - found
    check(not lost, f"{len(lost)} messages were acknowledged and are not there, among them {sorted(lost)[:3]}")
    book.taken |= book.leaving - found
    book.leaving.clear()
    book.kept |= found
    book.never |= set(book.sent) - book.kept
    book.taken |= {name for _, name in deleted}
    return len(found) - len(deleted)


def settle(gateway, context, books, keeps, random, share=0.7):
    with concurrent.futures.ThreadPoolExecutor(len(books)) as pool:
        waiting = list(pool.map(lambda book: settle_mailbox(gateway, context, book, random, share), books))
    for book, count in zip(books, waiting):
        row, report = check_ledger(gateway, book.mailbox)
        check(row["received"] == len(book.kept) and row["waiting"] == count,
              f"{len(book.kept)} were received and {count} wait, but the counts are {row}")
        check(report["bodies"] == (len(book.kept) if keeps else count), f"{count} wait, and the ledger says {report}")
    first, second = books
    for name in set(first.sent) & set(second.sent):
        check((name in first.kept) == (name in second.kept), f"{name} was for two mailboxes, and came to one")


def everything_again(gateway, context, books):
    """What was collected and is kept waits again: with that every message that ever was kept is there, once."""
    for book in books:
        gateway.ctl("mailbox", "restore", book.mailbox.id)
        book.taken.clear()
        with book.open_session(gateway.ports["pop3s"], context) as collector:
            found = collections.Counter(book.check_message(data, "restored") for data in retrieve_all(collector))
            collector.quit()
        check(found == collections.Counter(book.kept),
              f"{len(book.kept)} were kept, and {sum(found.values())} came back")
        check_ledger(gateway, book.mailbox)
