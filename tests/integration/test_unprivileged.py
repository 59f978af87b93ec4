"""A gateway that is no administrator: memory that may not be locked, folders and files that are somebody else's or open
to others, another user at the control socket, ports below 1024, few open files. Each is either said and lived with, or
refused in words that tell the way out; nothing is overwritten for want of a right.

As the administrator the programs run as two users who are nobody; else as the one who calls, and what takes a second user
or a network of its own is left out."""

import json
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import sys

sys.dont_write_bytecode = True

from collector import client_context, collect_all, compare
from harness import CannotRun, Failure, Gateway, check, run, wait_for
from messages import Maker
from senders import Sender

USER, OTHER = 64321, 64322  # of nobody
IS_ROOT = os.geteuid() == 0


def users(*programs):
    return [program for program in programs if shutil.which(program)] == list(programs)


def as_user(user):
    if not IS_ROOT:
        return []
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"]


def limited(**limits):
    return ["prlimit"] + [f"--{name}={value}:{value}" for name, value in limits.items()]


class Site:
    """A folder that both users may pass through; what is in it goes with the test."""

    def __init__(self, test):
        self.test = test
        self.folder = pathlib.Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip())
        test.cleanups.callback(shutil.rmtree, self.folder, True)
        self.folder.chmod(0o755)
        # The build folder may be where no other user gets in.
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        for program in ("lettergated", "lettergatectl"):
            shutil.copy(test.bin / program, self.bin / program)
        self.bin.chmod(0o755)

    def own(self, path, user=USER):
        if IS_ROOT:
            os.chown(path, user, user)
        return path

    def gateway(self, name, prefix=(), user=USER, **settings):
        """Not started."""
        home = self.folder / name
        home.mkdir()
        self.own(home, user)
        gateway = Gateway(self.bin, home, {key.replace("_", "."): value for key, value in settings.items()})
        gateway.log_path = self.test.work / f"{name}.log"
        gateway.prefix = list(prefix) + as_user(user)
        self.own(gateway.runtime, user)
        self.test.cleanups.callback(gateway.close)
        return gateway


def refusal(gateway):
    """What lettergated says that does not start."""
    try:
        gateway.start()
    except Failure:
        # Asked once more, for its own words and its exit status.
        gateway.process.wait(30)
        gateway.process.stdout.close()
        gateway.process = None
        result = subprocess.run(gateway.prefix + [str(gateway.bin / "lettergated"), "--data", str(gateway.data)],
                                capture_output=True, text=True, timeout=60, env=gateway.environment)
        check(result.returncode == 1, f"exit status {result.returncode}: {result.stderr}")
        check("ready" not in result.stdout, "it says that it is ready")
        said = [line for line in result.stderr.splitlines() if line.startswith("lettergated: ")]
        check(len(said) == 1, f"it says: {result.stderr}")
        return said[0]
    raise Failure(f"lettergated starts on {gateway.data}")


def problem(gateway, name):
    return next((row for row in gateway.status()["problems"] if row["id"] == name), None)


def works(gateway, what):
    """A letter in and out."""
    mailbox = gateway.create_mailbox()
    context = client_context(gateway.authority())
    letters = list(Maker(what.replace(" ", "-")).canonical(3))
    with Sender(gateway.ports["smtp"], context) as sender:
        for letter in letters:
            sender.send_data("a@sender.example", mailbox.address, letter.data)
    compare(letters, collect_all(gateway, mailbox, context), what)


def snapshot(folder):
    facts = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        facts[str(path.relative_to(folder))] = (status.st_mode, status.st_uid, status.st_size,
                                                path.read_bytes() if path.is_file() else None)
    return facts


# ---- memory ----


def locked_kib(gateway):
    text = pathlib.Path(f"/proc/{gateway.process.pid}/status").read_text()
    return int(text.split("VmLck:")[1].split()[0])


def memory(test, site):
    free = site.gateway("enough-memory").start()
    is_told = locked_kib(free) > 0  # AddressSanitizer takes mlock(2) away, and says that it worked
    check(not problem(free, "memory-lock"), "memory that is locked is complained about")
    works(free, "with enough memory to lock")
    free.stop()
    for limit in (0, 4096, 40_000):
        gateway = site.gateway(f"memlock-{limit}", limited(memlock=limit)).start()
        works(gateway, f"with {limit} octets to lock")
        found = problem(gateway, "memory-lock")
        if is_told:
            check(found, f"nobody is told that memory is not locked (limit {limit})")
            check("LimitMEMLOCK" in found["remedy"] and found["severity"] == "warning", f"the problem: {found}")
            check(locked_kib(gateway) * 1024 <= limit, f"{locked_kib(gateway)} KiB are locked")
        gateway.stop()
    test.count("3 limits of locked memory" + ("" if is_told else " (this build locks none, so the warning was not seen)"))


# ---- folders and files ----


def folders(test, site):
    count = 0

    def must_refuse(gateway, words, what):
        nonlocal count
        before = snapshot(gateway.data) if gateway.data.exists() else None
        said = refusal(gateway)
        check(all(word in said for word in words), f"{what}: {said}")
        check((snapshot(gateway.data) if gateway.data.exists() else None) == before, f"{what}: something was changed")
        count += 1

    for mode, words in ((0o777, ["other users may write", "chmod"]), (0o770, ["other users may write"]),
                        (0o500, ["ermission denied"])):
        gateway = site.gateway(f"mode-{mode:o}")
        gateway.data.mkdir()
        site.own(gateway.data).chmod(mode)
        must_refuse(gateway, words + [str(gateway.data)], f"a data folder of mode {mode:o}")
    gateway = site.gateway("no-parent")
    gateway.data = pathlib.Path("/proc/lettergate/data")
    must_refuse(gateway, ["/proc/lettergate"], "a folder that cannot be made")
    if not IS_ROOT:
        return count

    for mode in (0o755, 0o700):
        gateway = site.gateway(f"foreign-{mode:o}")
        gateway.data.mkdir()
        site.own(gateway.data, OTHER).chmod(mode)
        must_refuse(gateway, ["another user", str(OTHER), str(gateway.data)], f"another user's folder of mode {mode:o}")

    # What was made by the wrong user: the database, a key, the bodies. Never replaced.
    for name, word in (("lettergate.db", "lettergate.db"), ("tls", "tls"), ("bodies", "bodies"), ("lock", "lock")):
        gateway = site.gateway(f"taken-{name}").start()
        mailbox = gateway.create_mailbox()
        gateway.stop()
        path = gateway.data / name
        os.chown(path, OTHER, OTHER)
        path.chmod(0o700 if path.is_dir() else 0o600)
        said = refusal_or_degraded(gateway)
        check(word in said, f"{name} of another user: {said}")
        site.own(path)
        gateway.start()
        check([row["id"] for row in gateway.ctl("mailbox", "list")] == [mailbox.id], f"{name}: the mailbox is gone")
        works(gateway, f"after {name} was given back")
        gateway.stop()
        count += 1
    for name in sorted(path.name for path in (gateway.data / "tls").iterdir() if "key" in path.suffix + path.name):
        path = gateway.data / "tls" / name
        before = path.read_bytes()
        os.chown(path, OTHER, OTHER)
        said = refusal_or_degraded(gateway)
        check(name in said, f"the key {name} of another user: {said}")
        check(path.read_bytes() == before, f"{name} was replaced because it could not be read")
        site.own(path)
        count += 1
    gateway.start()
    works(gateway, "with its keys")
    gateway.stop()
    return count


def refusal_or_degraded(gateway):
    """Its last words, or the problems with which it goes on."""
    try:
        gateway.start()
    except Failure:
        gateway.process.wait(30)
        gateway.process.stdout.close()
        gateway.process = None
        return gateway.log_tail(1500)
    said = json.dumps(gateway.status()["problems"])
    gateway.stop()
    return said


# ---- peers ----


def peers(test, site):
    """Another user at the control socket."""
    if not IS_ROOT:
        test.count("another user at the control socket: not seen, that takes the administrator")
        return
    gateway = site.gateway("peers").start()
    sockets = list(gateway.runtime.rglob("*.sock"))
    check(len(sockets) == 1 and sockets[0].stat().st_mode & 0o777 == 0o600, f"the sockets: {sockets}")
    check(sockets[0].parent.stat().st_mode & 0o777 == 0o700, "the folder of the socket is open to others")
    os.chmod(gateway.runtime, 0o755)
    stranger = Gateway.__new__(Gateway)
    stranger.__dict__ = dict(gateway.__dict__, prefix=as_user(OTHER), process=None)
    for arguments in (("status",), ("mailbox", "create", "--name", "Stranger"), ("status", "--check")):
        result = stranger.run_ctl(*arguments)
        check(result.returncode in (1, 3) and "belongs to this user alone" in result.stderr,
              f"a stranger's {arguments}: {result}")
        check("mbx-" not in result.stdout, f"a stranger is told: {result.stdout}")
    # By itself, too, with the folders open: the socket's own rights are what counts.
    os.chmod(sockets[0].parent, 0o755)
    knock = ("import socket, sys\ns = socket.socket(socket.AF_UNIX)\n"
             "try:\n s.connect(sys.argv[1])\nexcept PermissionError:\n sys.exit(9)\n")
    result = subprocess.run(as_user(OTHER) + [sys.executable, "-c", knock, str(sockets[0])], timeout=60)
    check(result.returncode == 9, f"a stranger's connection: {result.returncode}")
    # And no other gateway in its place.
    os.chmod(sockets[0].parent, 0o700)
    thief = Gateway(site.bin, site.folder, name="thief")
    thief.log_path, thief.prefix = test.work / "thief.log", as_user(OTHER)
    thief.data.mkdir()
    site.own(thief.data, OTHER)
    thief.environment["XDG_RUNTIME_DIR"] = str(gateway.runtime)
    said = refusal(thief)
    check("ermission denied" in said or "belongs to this user alone" in said, f"in another user's runtime folder: {said}")
    shutil.rmtree(thief.runtime, ignore_errors=True)
    check(len(gateway.ctl("mailbox", "list")) == 0, "a stranger made a mailbox")
    works(gateway, "with a stranger at the door")
    gateway.stop()
    test.count("5 tries of another user at the control socket")


# ---- ports ----


def ports(test, site):
    """In a network of its own, where the ports are free and low ones are guarded."""
    if not IS_ROOT or not users("unshare", "ip") or subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode:
        test.count("ports below 1024: not seen, that takes a network of its own")
        return
    apart = ["unshare", "-n", "sh", "-ec",
             "ip link set lo up; echo 1024 >/proc/sys/net/ipv4/ip_unprivileged_port_start; exec \"$@\"", "sh"]
    # First start: what can be bound is chosen, and stays.
    gateway = site.gateway("ports", apart)
    first = listeners_of_first_start(gateway)
    check(first == {"smtp": [2525], "smtps": [2465], "submission": [2587], "pop3": [2110], "pop3s": [2995]},
          f"the first start took {first}")
    # Later: a problem in words, and the rest goes on.
    gateway.settings["listen.smtp"] = "127.0.0.1:25"
    gateway.start()
    found = problem(gateway, "listen.smtp 127.0.0.1:25")
    check(found and found["severity"] == "critical" and "administrator" in found["text"] and "1023" in found["text"] and
          "listen.smtp" in found["remedy"], f"the problem: {found}")
    check(any(row["service"] == "pop3s" for row in gateway.status()["listeners"]), "the other listeners are gone, too")
    refused = gateway.run_ctl("settings", "set", "listen.pop3", "127.0.0.1:110")
    check(refused.returncode == 1 and "administrator" in refused.stderr, f"settings set: {refused}")
    gateway.stop()
    test.count("ports below 1024 at the first start, later, and in a setting")


def listeners_of_first_start(gateway):
    """Without the settings that the harness gives."""
    services, gateway.SERVICES = gateway.SERVICES, ()
    gateway.start()
    found = {}
    for row in gateway.status()["listeners"]:
        found.setdefault(row["service"], []).append(row["port"])
    gateway.stop()
    gateway.SERVICES = services
    return {service: sorted(set(numbers)) for service, numbers in found.items()}


# ---- open files ----


def open_files(test, site):
    """Fewer than the sessions need: said at the start; when all are in use, what is there goes on."""
    gateway = site.gateway("files", limited(nofile=96)).start()
    found = problem(gateway, "open-files")
    check(found and "LimitNOFILE" in found["remedy"], f"the problem: {found}")
    mailbox = gateway.create_mailbox()
    context = client_context(gateway.authority())
    letter = next(iter(Maker("files").canonical(1)))
    with Sender(gateway.ports["smtp"], context) as sender:
        sender.envelope("a@sender.example", mailbox.address)
        crowd = []
        try:
            for _ in range(200):
                crowd.append(socket.create_connection(("127.0.0.1", gateway.ports["pop3"]), 30))
            sender.must(354, sender.docmd("DATA"))
            sender.send(letter.data + b".\r\n")
            sender.must(250, sender.getreply())
        finally:
            for one in crowd:
                one.close()

    def is_well():
        try:
            return collect_all(gateway, mailbox, context)
        except (Failure, OSError):
            return None

    compare([letter], wait_for("room for the collector", is_well, 30), "with 96 open files")
    works(gateway, "when files are free again")
    gateway.stop()
    test.count("200 connections with 96 files")


def main(test):
    needed = ("setpriv", "prlimit") if IS_ROOT else ("prlimit",)
    if not users(*needed):
        raise CannotRun(f"this needs {' and '.join(needed)}")
    if IS_ROOT:
        for user in (USER, OTHER):
            check(user not in [row.pw_uid for row in pwd.getpwall()], f"user {user} is somebody")
    site = Site(test)
    memory(test, site)
    test.count(f"{folders(test, site)} folders and files of the wrong user or mode")
    peers(test, site)
    ports(test, site)
    open_files(test, site)


if __name__ == "__main__":
    run(main)
