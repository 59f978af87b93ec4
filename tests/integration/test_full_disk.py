"""Disks that are really full: a small ext4 and a small tmpfs. Mail servers fill it until they are put off with 452, the
collector empties it, receiving resumes; then somebody else fills it to the last block, so that even deleting needs the
ballast; the gateway is killed and started there. What was answered 250 is there once; what was deleted stays deleted.

Mounting needs the administrator, or a user namespace, in which there is the tmpfs alone."""

import errno
import os
import random
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True

from collector import Collector, client_context, collect_all, compare
from harness import LONG, CannotRun, Failure, Gateway, check, run, wait_for
from messages import ID_FIELD
from senders import Refusal, Sender

MIB = 1 << 20
DISK = 288 * MIB
RESERVE = 24 * MIB
BALLAST = 64 * MIB
LETTER = 6 * MIB
INSIDE = "LETTERGATE_TEST_INSIDE"  # set in the user namespace


class Letter:
    """What compare() wants of a message. It does not compress and is the same each time it is asked for."""

    def __init__(self, name, size):
        self.id = name
        self.kind = f"{size} octets"
        self.size = size

    @property
    def data(self):
        line = random.Random(self.id).randbytes(38).hex().encode() + b"\r\n"
        return ID_FIELD + self.id.encode() + b"\r\n\r\n" + line * (self.size // len(line))

    def expected(self):
        return self.data


class Office:
    def __init__(self, test, disk, name):
        self.disk = disk
        self.gateway = Gateway(test.bin, test.work, {"storage.reserve": str(RESERVE),
                                                     "storage.keep-collected-days": "0"}, name)
        self.gateway.data = disk / "data"
        test.cleanups.callback(self.gateway.close)
        self.gateway.start()
        self.mailbox = self.gateway.create_mailbox()
        self.context = client_context(self.gateway.authority())
        self.accepted = []
        self.doubtful = []  # the connection went before the answer came
        self.count = 0

    def letter(self, size):
        self.count += 1
        return Letter(f"{self.gateway.log_path.stem}-{self.count}", size)

    def free(self):
        facts = os.statvfs(self.disk)
        return facts.f_bavail * facts.f_frsize if os.geteuid() else facts.f_bfree * facts.f_frsize

    def problem(self, name="store"):
        return next((row for row in self.gateway.status()["problems"] if row["id"] == name), None)

    def has_ballast(self):
        path = self.gateway.data / "ballast"
        return path.exists() and path.stat().st_size == BALLAST


# ---- senders ----


def by_data(office, letter):
    with Sender(office.gateway.ports["smtp"], office.context) as sender:
        sender.send_data("a@sender.example", office.mailbox.address, letter.data)


def by_bdat(office, letter):
    with Sender(office.gateway.ports["smtps"], office.context, implicit_tls=True) as sender:
        sender.send_bdat("a@sender.example", office.mailbox.address, letter.data, 1 << 20)


def by_curl(office, letter):
    """A sender that announces the size, and knows nothing of this test."""
    result = subprocess.run(
        ["curl", "--silent", "--show-error", "--verbose", "--cacert", office.gateway.log_path.with_name("authority.pem"),
         "--ssl-reqd", f"smtp://localhost:{office.gateway.ports['smtp']}", "--connect-to",
         f"localhost:{office.gateway.ports['smtp']}:127.0.0.1:{office.gateway.ports['smtp']}",
         "--mail-from", "a@sender.example", "--mail-rcpt", office.mailbox.address, "--upload-file", "-", "--max-time", "120"],
        input=letter.data, capture_output=True, timeout=150)
    if result.returncode == 0:
        return
    replies = [line[2:].decode("utf-8", "replace") for line in result.stderr.splitlines() if line[:3] in (b"< 4", b"< 5")]
    check(replies, f"curl ended with {result.returncode}: {result.stderr[-600:]}")
    raise Refusal(int(replies[-1][:3]), replies[-1][4:].encode())


def send(office, sender, size):
    """True: it was accepted; false: it was put off as it must be on a full disk."""
    letter = office.letter(size)
    try:
        sender(office, letter)
    except Refusal as refusal:
        check(refusal.code == 452 and "4.3.1" in str(refusal), f"a full disk answers: {refusal}")
        return False
    office.accepted.append(letter)
    return True


def fill_by_mail(office, most):
    """Sends until no sender gets anything in any more, `most` octets at most."""
    senders = [by_data, by_bdat] + ([by_curl] if shutil.which("curl") else [])
    sizes = [LETTER, 40_000, 700_000]
    sent = turn = 0
    active = list(senders)
    while active and sent < most:
        sender, size = active[turn % len(active)], sizes[turn % len(sizes)]
        turn += 1
        if send(office, sender, size):
            sent += size
        elif not send(office, sender, 2000):  # not even something small
            active.remove(sender)
    return sent, not active


# ---- somebody else ----


def fill_to_the_last_block(office, name="other"):
    """Until not one octet more is taken, from the administrator either. (What ext4 keeps to itself is free in words.)"""
    path = office.disk / name
    with open(path, "ab", buffering=0) as other:
        for size in (MIB, 4096, 512, 1):
            try:
                while True:
                    other.write(b"x" * size)
            except OSError as error:
                check(error.errno == errno.ENOSPC, f"filling the disk: {error}")
    return path


# ---- the days ----


def ordinary_day(test, office):
    """Filled by mail, emptied by the collector."""
    wait_for("the ballast", office.has_ballast, 30)
    sent, is_full = fill_by_mail(office, DISK)
    check(is_full, f"{sent} octets went into {DISK}")
    check(sent > 80 * MIB, f"the disk is full after {sent} octets")
    check(office.free() > RESERVE - 4 * MIB, f"of the reserve {office.free()} octets are left")
    check(office.has_ballast(), "the ballast was given up although deleting was not in need")
    problem = wait_for("the problem", office.problem)
    check("full" in problem["text"], f"the problem: {problem}")
    with Sender(office.gateway.ports["smtp"], office.context) as sender:
        code, text = sender.docmd("MAIL", f"FROM:<a@sender.example> SIZE={LETTER}")
        if code == 250:
            code, text = sender.docmd("RCPT", f"TO:<{office.mailbox.address}>")
        check(code == 452 and text.startswith(b"4.3.1"), f"announced, a letter is answered {code} {text}")
    # It is written while senders are turned away; the same session goes on.
    with Sender(office.gateway.ports["smtps"], office.context, implicit_tls=True) as sender:
        for _ in range(3):
            try:
                sender.send_data("a@sender.example", office.mailbox.address, office.letter(2000).data)
                raise Failure("mail is taken although the disk is full")
            except Refusal as refusal:
                check(refusal.code == 452, f"a full disk answers: {refusal}")
                sender.rset()
    collected = collect_all(office.gateway, office.mailbox, office.context, batch=4)
    compare(office.accepted, collected, "after the disk was full")
    count, office.accepted = len(collected), []
    began = time.monotonic()
    wait_for("mail to be taken again", lambda: send(office, by_data, LETTER), 60, 0.2)
    wait_for("the problem to end", lambda: not office.problem(), 60)
    test.count(f"{office.gateway.log_path.stem}: {sent // MIB} MiB in {count} letters until 452, collected, receiving "
               f"again after {time.monotonic() - began:.1f} s")


def worst_day(test, office):
    """To the last block, by somebody else."""
    gateway = office.gateway
    for number in range(24):
        check(send(office, by_bdat if number % 2 else by_data, 1_000_000 if number % 3 else 30_000), "there is room")
    # The database's log goes when the gateway ends: then even a deletion finds no block.
    gateway.stop()
    gateway.start()
    other = fill_to_the_last_block(office)
    check(office.has_ballast(), "there is no ballast")
    for sender in (by_data, by_bdat):
        check(not send(office, sender, 300_000), "mail is taken although nothing is free")
        check(not send(office, sender, 2000), "mail is taken although nothing is free")
    refused = gateway.run_ctl("mailbox", "create", "--name", "No room")
    check(refused.returncode == 1 and "full" in refused.stderr, f"mailbox create: {refused}")
    check(office.has_ballast(), "something else than deleting used the ballast")

    # A crash there.
    gateway.kill()
    gateway.start()
    check(not send(office, by_data, 2000), "mail is taken although nothing is free")
    wait_for("the problem", office.problem)

    half = len(office.accepted) // 2
    with Collector(gateway.ports["pop3s"], office.context) as collector:
        collector.login(office.mailbox.id, office.mailbox.password)
        sizes = collector.list()
        check(len(sizes) == len(office.accepted), f"{len(sizes)} letters wait of {len(office.accepted)}")
        got = [collector.retrieve(number) for number in sorted(sizes)[:half]]
        collector.delete(*sorted(sizes)[:half])
        collector.quit()
    compare(office.accepted[:half], got, "collected from a disk without a free block")
    office.accepted = office.accepted[half:]
    check(not office.has_ballast(), "the deletion did not need the ballast: this shows nothing")

    # What was deleted stays deleted, and all else is there: after a crash, too.
    fill_to_the_last_block(office, "more")
    gateway.kill()
    gateway.start()
    compare(office.accepted, collect_all(gateway, office.mailbox, office.context), "after a crash without the ballast")
    office.accepted = []
    other.unlink()
    (office.disk / "more").unlink()
    wait_for("mail to be taken again", lambda: send(office, by_data, LETTER), 60, 0.2)
    wait_for("the ballast", office.has_ballast, 60)
    wait_for("the problem to end", lambda: not office.problem(), 60)
    compare(office.accepted, collect_all(gateway, office.mailbox, office.context), "when there is room again")
    office.accepted = []
    test.count(f"{gateway.log_path.stem}: without a free block {half} letters collected and deleted, two crashes, nothing lost")


# ---- disks ----


def must(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    check(result.returncode == 0, f"{' '.join(map(str, command))}: {result.stderr}")


def unmount(path):
    subprocess.run(["umount", str(path)], capture_output=True)


def mount_tmpfs(test):
    disk = test.work / "tmpfs"
    disk.mkdir()
    must("mount", "-t", "tmpfs", "-o", f"size={DISK},mode=0700", "none", str(disk))
    test.cleanups.callback(unmount, disk)
    return disk


def mount_ext4(test):
    """None: no loop devices here."""
    image, disk = test.work / "ext4.image", test.work / "ext4"
    disk.mkdir()
    with open(image, "wb") as file:
        file.truncate(DISK)
    must("mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", str(image))
    if subprocess.run(["mount", "-o", "loop", str(image), str(disk)], capture_output=True).returncode != 0:
        return None
    test.cleanups.callback(unmount, disk)
    return disk


def is_able_to_mount(work):
    probe = work / "probe"
    probe.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(probe)], capture_output=True).returncode == 0
    if done:
        unmount(probe)
    return done


def main(test):
    if not is_able_to_mount(test.work):
        raise CannotRun("nothing can be mounted here: it takes the administrator or a user namespace (unshare -rm)")
    offices = [("tmpfs", mount_tmpfs(test))]
    if os.environ.get(INSIDE) is None and shutil.which("mkfs.ext4"):
        disk = mount_ext4(test)
        if disk:
            offices.insert(0, ("ext4", disk))
    for name, disk in offices:
        office = Office(test, disk, name)
        for _ in range(3 if LONG else 1):
            if LONG or disk == offices[0][1]:
                ordinary_day(test, office)
            else:
                wait_for("the ballast", office.has_ballast, 30)
            worst_day(test, office)
        office.gateway.stop()


def enter_namespace():
    """A user who is no administrator becomes one in a namespace, where a tmpfs may be mounted."""
    if os.geteuid() == 0 or os.environ.get(INSIDE) is not None or not shutil.which("unshare"):
        return
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode == 0:
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "-rm", sys.executable, "-B", *sys.argv])


if __name__ == "__main__":
    enter_namespace()
    run(main)
