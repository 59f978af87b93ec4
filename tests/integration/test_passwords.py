"""Passwords, recovery codes and keys of a mailbox, changed while mail waits, sessions run and mail arrives: what opens
afterwards, what does not, and what people are told."""

import concurrent.futures
import contextlib
import math
import os
import pty
import re
import sqlite3
import threading
import time

from collector import Collector, Refused, client_context, compare
from harness import CtlError, Failure, Gateway, check, run
from messages import Maker
from senders import Sender, by_data

OWN = "grape lunar vivid oxide"
OTHER = "unplug-sedative-crayon-moist"
REKEYS = 12
GENERATED = re.compile(r"([2-9a-hjkmnp-z]{4}-){7}[2-9a-hjkmnp-z]{4}")
CODE = re.compile(r"([0-9A-HJKMNP-TV-Z]{4}-){6}[0-9A-HJKMNP-TV-Z]{4}")


class Office:
    """A gateway with one mailbox, and what was sent to it and not collected."""

    def __init__(self, test, name):
        self.gateway = Gateway(test.bin, test.work, name=name)
        test.cleanups.callback(self.gateway.close)
        self.gateway.start()
        self.mailbox = self.gateway.create_mailbox("Kanzlei")
        self.context = client_context(self.gateway.authority())
        self.maker = Maker(f"passwords-{name}")
        self.waiting = []

    def send(self, count=2):
        messages = list(self.maker.canonical(count))
        with Sender(self.gateway.ports["smtp"], self.context) as sender:
            for message in messages:
                sender.send_data("alice@sender.example", self.mailbox.address, message.data)
        self.waiting += messages
        return messages

    def session(self, password):
        return Collector(self.gateway.ports["pop3s"], self.context).login(self.mailbox.id, password)

    def collect(self, password, what):
        """Everything that waits, exactly once; it stays."""
        with self.session(password) as collector:
            collected = [collector.retrieve(number) for number in collector.list()]
            collector.quit()
        compare(self.waiting, collected, what)

    def cannot_log_in(self, password, what, code="[AUTH]"):
        try:
            self.session(password).quit()
        except Refused as refused:
            check(code in str(refused), f"{what}: {refused}")
        else:
            raise Failure(f"{what}: logged in")

    def ctl(self, *arguments, lines=()):
        """Waits where guessing has made the gateway slow."""
        while True:
            try:
                return self.gateway.ctl("mailbox", arguments[0], self.mailbox.id, *arguments[1:],
                                        text="".join(line + "\n" for line in lines))
            except CtlError as error:
                wait = re.search(r"wait (\d+) seconds", error.text)
                if not wait:
                    raise
                time.sleep(int(wait.group(1)))

    def refused(self, words, *arguments, lines=()):
        try:
            answer = self.ctl(*arguments, lines=lines)
        except CtlError as error:
            check(error.status == 1, f"{arguments}: exit status {error.status}: {error.text}")
            check(words in error.text, f"{arguments}: {error.text}")
            for line in lines:
                check(not line or line not in error.text, f"an error tells a secret: {error.text}")
        else:
            raise Failure(f"{arguments} is not refused: {answer}")

    def row(self):
        database = sqlite3.connect(f"file:{self.gateway.data}/lettergate.db?mode=ro", uri=True)
        with contextlib.closing(database):
            return database.execute("SELECT generation, password_wrap, recovery_wrap FROM mailboxes").fetchone()


# ---- the password ----

def password(test, office):
    first, recovery = office.mailbox.password, office.mailbox.recovery_code
    office.send(3)
    before = office.row()
    with office.session(first) as running:
        answer = office.ctl("password", lines=(first, OWN))
        check(answer == {"changed": office.mailbox.id}, f"mailbox password: {answer}")
        # The session that runs goes on with what it has opened.
        running.retrieve(2)
        office.cannot_log_in(first, "the old password beside a running session")
        check(running.stat()[0] == 3, "the running session lost its list")
        running.quit()
    office.send()
    office.collect(OWN, "behind a new password")
    after = office.row()
    check(after[0] == before[0] and after[1] != before[1] and after[2] == before[2],
          "a new password changed more, or less, than its wrap")

    answer = office.ctl("password", "--generate", lines=(OWN,))
    generated = answer["password"]
    check(GENERATED.fullmatch(generated), f"mailbox password --generate: {answer}")
    office.cannot_log_in(OWN, "the password before the generated one")
    office.collect(generated, "with the generated password")
    check(generated not in str(office.gateway.ctl("mailbox", "list")), "a password is shown twice")
    check(len(generated.replace("-", "")) * math.log2(31) >= 150, f"{generated} has too few bits")
    test.count("a password changed with mail waiting and a session open")

    # With the code, as a person types it; the code stays in force.
    typed = " " + recovery.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    office.ctl("password", lines=(typed, OTHER))
    office.cannot_log_in(generated, "the password before the code was used")
    office.collect(OTHER, "behind a password set with the recovery code")
    office.ctl("password", lines=(recovery, OWN))
    office.collect(OWN, "behind the code's second use")
    test.count("a password set with the recovery code")


def wrong_ones(test, office):
    recovery = office.mailbox.recovery_code
    before = office.row()
    neither = "neither the password of the mailbox nor its recovery code"
    mistyped = recovery[:-1] + ("A" if recovery[-1] != "A" else "B")
    for phrase in ("not the one", "", office.mailbox.password, mistyped):
        office.refused(neither, "password", lines=(phrase, OTHER))
    foreign = office.gateway.create_mailbox("foreign")
    office.refused(neither, "password", lines=(foreign.recovery_code, OTHER))
    office.refused("the password is wrong", "recovery", "create", lines=(recovery,))
    office.refused("the password is wrong", "rekey", lines=("not the one",))
    # What is weak, and what to do about it.
    for weak in ("Kanzlei-2026!", "passwordpassword", office.mailbox.id):
        office.refused("five words", "password", lines=(OWN, weak))
    office.refused("12 to 128 bytes", "password", lines=(OWN, "short"))
    office.refused("--generate", "password", lines=(OWN, ""))
    try:
        office.gateway.ctl("mailbox", "create", "--name", "Ortmann", "--password-stdin", text="Ortmann 2026 Ortmann\n")
    except CtlError as error:
        check(error.status == 1 and "five words" in error.text, error.text)
    else:
        raise Failure("a mailbox is made with a weak password")
    # A line that is missing is wrong usage; the phrase of the first line alone does nothing.
    for arguments, text in ((("password",), OWN + "\n"), (("password",), ""), (("rekey",), ""),
                            (("recovery",), OWN + "\n"), (("recovery", "renew"), OWN + "\n")):
        result = office.gateway.run_ctl("mailbox", arguments[0], office.mailbox.id, *arguments[1:], text=text)
        check(result.returncode == 2, f"{arguments}: {result.returncode} {result.stderr}")
    check(office.row() == before, "something that was refused had an effect")
    office.collect(OWN, "behind what was refused")
    test.count("wrong and weak ones change nothing")


def recovery_codes(test, office):
    first = office.mailbox.recovery_code
    neither = "nor its recovery code"
    answer = office.ctl("recovery", "create", lines=(OWN,))
    second = answer["recovery_code"]
    check(answer["changed"] == office.mailbox.id and CODE.fullmatch(second) and second != first, f"recovery: {answer}")
    office.refused(neither, "password", lines=(first, OTHER))
    office.ctl("password", lines=(second, OTHER))
    office.ctl("password", lines=(OTHER, OWN))
    check(office.ctl("recovery", "withdraw", lines=(OWN,)) == {"changed": office.mailbox.id}, "withdraw")
    check(office.row()[2] is None, "a withdrawn code's wrap is still there")
    office.refused(neither, "password", lines=(second, OTHER))
    office.refused("has no recovery code", "recovery", "withdraw", lines=(OWN,))
    third = office.ctl("recovery", "create", lines=(OWN,))["recovery_code"]
    office.ctl("password", lines=(third, OWN))
    office.collect(OWN, "behind recovery codes")
    without = office.gateway.ctl("mailbox", "create", "--name", "no sheet", "--recovery", "off")
    check(without["recovery_code"] is None and GENERATED.fullmatch(without["password"]), f"--recovery off: {without}")
    check(CODE.fullmatch(office.gateway.ctl("mailbox", "create", "--name", "sheet", "--recovery", "on")["recovery_code"]),
          "--recovery on")
    test.count("recovery codes replaced and withdrawn")


def as_text(test, office):
    """The same without --json: each made secret once, by its name; and no way in for one on the command line."""
    def told(*arguments, lines=()):
        result = office.gateway.run_ctl("mailbox", arguments[0], office.mailbox.id, *arguments[1:],
                                        text="".join(line + "\n" for line in lines))
        check(result.returncode == 0 and not result.stderr, f"{arguments}: {result.returncode}: {result.stderr}")
        for line in lines:
            check(line not in result.stdout, f"{arguments} shows what it was given: {result.stdout}")
        return result.stdout

    told("password", lines=(OWN, OTHER))
    code = CODE.search(told("recovery", "create", lines=(OTHER,))).group(0)
    made = GENERATED.search(told("password", "--generate", lines=(code,))).group(0)
    check("recovery" not in told("recovery", "withdraw", lines=(made,)), "withdraw shows a code")
    created = office.gateway.run_ctl("mailbox", "create", "--name", "in words").stdout
    check(GENERATED.search(created) and CODE.search(created), f"mailbox create: {created}")
    before = office.row()
    for arguments in (("password", made, OWN), ("password", "--password", made), ("password", "--new-password", OWN),
                      ("rekey", made), ("rekey", "--password", made), ("recovery", "create", made),
                      ("recovery", "create", "--password", made)):
        result = office.gateway.run_ctl("mailbox", arguments[0], office.mailbox.id, *arguments[1:],
                                        text=made + "\n" + OWN + "\n")
        check(result.returncode == 2, f"a secret on the command line: {arguments}: {result.returncode} {result.stdout}")
    check(office.row() == before, "a secret on the command line was taken")
    told("password", lines=(made, OWN))
    test.count("the same in words, and nothing taken from a command line")


# ---- the keys ----

def put_back(office, copy, columns):
    """What somebody does who can write to the data folder and has a copy of it from before."""
    office.gateway.stop()
    old = sqlite3.connect(copy)
    new = sqlite3.connect(office.gateway.data / "lettergate.db")
    with contextlib.closing(old), contextlib.closing(new):
        row = old.execute(f"SELECT {', '.join(columns)} FROM mailboxes").fetchone()
        kept = new.execute(f"SELECT {', '.join(columns)} FROM mailboxes").fetchone()
        setting = ", ".join(f"{column} = ?" for column in columns)
        with new:
            new.execute(f"UPDATE mailboxes SET {setting}", row)
    office.gateway.start()
    return setting, kept


def take_back(office, setting, kept):
    office.gateway.stop()
    new = sqlite3.connect(office.gateway.data / "lettergate.db")
    with contextlib.closing(new), new:
        new.execute(f"UPDATE mailboxes SET {setting}", kept)
    office.gateway.start()


def copy_of(office, path):
    database = sqlite3.connect(f"file:{office.gateway.data}/lettergate.db?mode=ro", uri=True)
    copy = sqlite3.connect(path)
    with contextlib.closing(database), contextlib.closing(copy):
        database.backup(copy)
    return path


def new_keys(test, office):
    first, code = office.mailbox.password, office.mailbox.recovery_code
    office.send(3)
    copy = copy_of(office, test.work / "stolen.db")
    office.ctl("password", lines=(first, OWN))
    with office.session(OWN) as running, Sender(office.gateway.ports["smtp"], office.context) as sender:
        # Its recipient, and with it the key, is known before the rekey; its content comes after.
        crossing = next(iter(office.maker.canonical(1)))
        sender.envelope("alice@sender.example", office.mailbox.address)
        sender.must(354, sender.docmd("DATA"))
        answer = office.ctl("rekey", lines=(OWN,))
        check(answer["changed"] == office.mailbox.id and answer["generation"] == 2 and answer["note"], f"rekey: {answer}")
        check(CODE.fullmatch(answer["recovery_code"]) and answer["recovery_code"] != code, f"rekey: {answer}")
        sender.send(by_data(crossing.data))
        sender.must(250, sender.getreply())
        office.waiting.append(crossing)
        office.send()
        check(running.stat()[0] == 3, "a session that runs lists mail of the new key")
        compare(office.waiting[:3], [running.retrieve(number) for number in (1, 2, 3)], "the session beside a rekey")
        running.quit()
    office.collect(OWN, "old and new mail behind a rekey")
    office.refused("nor its recovery code", "password", lines=(code, OTHER))
    again = office.ctl("rekey", lines=(OWN,))
    check(again["generation"] == 3, f"a second rekey: {again}")
    office.refused("nor its recovery code", "password", lines=(answer["recovery_code"], OTHER))
    office.send()
    office.ctl("password", lines=(again["recovery_code"], OTHER))
    office.gateway.stop()
    office.gateway.start()
    office.collect(OTHER, "mail of three keys, behind a restart")
    test.count("mail of three keys collected with one login")

    # The old password opens the wraps of the copy. The keys in them are not those of the mailbox any more.
    undo = put_back(office, copy, ["password_wrap", "recovery_wrap"])
    office.cannot_log_in(OTHER, "the password, with the old wrap put back")
    office.cannot_log_in(first, "the old password with its old wrap", "[SYS/TEMP]")
    office.refused("not those of the mailbox", "rekey", lines=(first,))
    office.refused("not those of the mailbox", "password", lines=(code, OWN))
    take_back(office, *undo)
    office.collect(OTHER, "with the right wrap again")
    test.count("an old password with an old wrap opens nothing")


def under_load(test, office):
    """Mail arrives and is collected all the time: whichever key it is sealed to, a login that lists it opens it."""
    sent, collected, refused, ending = [], [], [], threading.Event()

    def send():
        with Sender(office.gateway.ports["smtp"], office.context) as sender:
            while not ending.wait(0.02):
                message = office.maker.make(Maker.tiny)
                sender.send_data("alice@sender.example", office.mailbox.address, message.data)
                sent.append(message)

    def collect():
        try:
            with office.session(office.mailbox.password) as collector:
                numbers = list(collector.list())
                pieces = [collector.retrieve(number) for number in numbers]
                collector.delete(*numbers)
                collector.quit()
                collected.extend(pieces)
        except Refused as error:
            check("new keys" in str(error), f"while keys change: {error}")
            refused.append(error)

    def collect_on():
        while not ending.is_set():
            collect()

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        tasks = [pool.submit(send), pool.submit(collect_on)]
        try:
            for _ in range(REKEYS):
                office.ctl("rekey", lines=(office.mailbox.password,))
        finally:
            ending.set()
        for task in tasks:
            task.result()
    collect()
    compare(sent, collected, f"{REKEYS} rekeys under load")
    check(not office.gateway.status()["problems"], f"problems: {office.gateway.status()['problems']}")
    test.count(f"{len(sent)} messages through {REKEYS} rekeys, {len(refused)} logins put off")


def without_code(test, office):
    office.ctl("recovery", "withdraw", lines=(office.mailbox.password,))
    answer = office.ctl("rekey", lines=(office.mailbox.password,))
    check("recovery_code" not in answer and "note" not in answer, f"rekey of a mailbox without a code: {answer}")
    plain = office.gateway.run_ctl("mailbox", "rekey", office.mailbox.id, text=office.mailbox.password + "\n")
    check(plain.returncode == 0 and "generation: 3" in plain.stdout, plain.stdout + plain.stderr)
    test.count("a rekey without a recovery code")


def until_the_last(test, office):
    """Generations are bounded; the last one works."""
    office.send(1)
    for generation in range(office.row()[0] + 1, 33):
        check(office.ctl("rekey", lines=(office.mailbox.password,))["generation"] == generation, "a generation is missing")
    office.send(1)
    office.refused("create a new mailbox", "rekey", lines=(office.mailbox.password,))
    office.collect(office.mailbox.password, "mail of the first and the last of 32 keys")
    test.count("32 generations of keys")


# ---- the terminal ----

def on_a_terminal(gateway, arguments, answers):
    """What lettergatectl shows while it is answered as by a person, and its exit status."""
    command = [str(gateway.bin / "lettergatectl"), "--data", str(gateway.data), *arguments]
    child, terminal = pty.fork()
    if child == 0:
        os.execve(command[0], command, gateway.environment)
    shown, place = b"", 0
    try:
        for prompt, answer in answers:
            end = time.monotonic() + 60
            while prompt.encode() + b": " not in shown[place:]:
                check(time.monotonic() < end, f"no prompt {prompt!r}: {shown!r}")
                shown += os.read(terminal, 4096)
            place = len(shown)
            os.write(terminal, answer.encode() + b"\n")
        with contextlib.suppress(OSError):
            while piece := os.read(terminal, 4096):
                shown += piece
    finally:
        os.close(terminal)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return shown.decode("utf-8", "replace"), status


def terminal(test, office):
    first = office.mailbox.password
    questions = ("Password or recovery code", "New password", "New password, again")
    shown, status = on_a_terminal(office.gateway, ("mailbox", "password", office.mailbox.id),
                                  zip(questions, (first, OWN, OWN)))
    check(status == 0, f"mailbox password on a terminal: {status}: {shown}")
    check(first not in shown and OWN not in shown, f"the terminal shows a password: {shown}")
    office.session(OWN).quit()
    shown, status = on_a_terminal(office.gateway, ("mailbox", "password", office.mailbox.id),
                                  zip(questions, (OWN, OTHER, OTHER + "!")))
    check(status == 1 and "not the same" in shown, f"two that differ: {status}: {shown}")
    office.session(OWN).quit()
    shown, status = on_a_terminal(office.gateway, ("mailbox", "password", "--generate", office.mailbox.id),
                                  zip(questions[:1], (OWN,)))
    made = GENERATED.search(shown)
    check(status == 0 and made and "New password" not in shown, f"--generate on a terminal: {status}: {shown}")
    office.session(made.group(0)).quit()
    test.count("asked for on a terminal, without an echo, a new one twice")


# ---- guessing ----

def guessing(test, office):
    """Over the control socket as slow as by a login, also with many at once."""
    began = time.monotonic()
    answers = []
    while time.monotonic() - began < 12 or len(answers) < 4:
        result = office.gateway.run_ctl("mailbox", "rekey", office.mailbox.id, text="a guess\n")
        check(result.returncode == 1, f"a guess: {result.returncode}")
        answers.append("wait" if "wait" in result.stderr else result.stderr)
    tried = len(answers) - answers.count("wait")
    # Three are free; then a second passes, two, four, eight.
    check(4 <= tried <= 7, f"{tried} guesses in 12 seconds, {answers.count('wait')} were told to wait")
    # The gateway is not held up by it, and logins are another matter.
    check(office.gateway.status()["state"], "no status")
    office.session(office.mailbox.password).quit()
    office.ctl("password", lines=(office.mailbox.password, OWN))
    office.session(OWN).quit()
    test.count(f"{tried} guesses in 12 s over the control socket")


def main(test):
    # Started anew for each part: what one guesses does not slow the next.
    for name, parts in (("changes", (password, wrong_ones, recovery_codes, as_text)), ("keys", (new_keys,)),
                        ("load", (under_load,)), ("terminal", (terminal,)),
                        ("last", (without_code, until_the_last)), ("guessing", (guessing,))):
        office = Office(test, name)
        for part in parts:
            if not office.gateway.process:
                office.gateway.start()
            part(test, office)
            office.gateway.stop()


run(main)
