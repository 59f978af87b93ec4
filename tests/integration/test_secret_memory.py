"""As many POP3 sessions as limits.sessions allows by default find room in locked memory, which grows for them and goes
back when they are gone. Where the system lets nothing be locked, the gateway works and says so."""

import contextlib
import os
import pathlib
import re
import resource
import shutil
import socket
import tempfile

from collector import Collector, client_context
from harness import Gateway, check, run, wait_for

SESSIONS = 1000
SLAB_KIB = 256  # engine/crypto/include/crypto/secret.h
MOST_SLABS = 32
SESSION_KIB = 3  # at least
LIMIT_KIB = 64


class Memory:
    def __init__(self, gateway):
        self.gateway = gateway

    def locked(self):
        return self.gateway.resident_kib("VmLck")

    def problems(self):
        return [row["id"] for row in self.gateway.status()["problems"]]


def open_session(port, context):
    """Much smaller than a Collector: a thousand of them are kept."""
    session = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 120), server_hostname="localhost")
    banner = session.recv(4096)
    check(banner.startswith(b"+OK"), f"greeted with {banner!r}")
    return session


def many_sessions(test):
    gateway = test.gateway(**{"limits_sessions": SESSIONS, "limits_sessions-per-address": SESSIONS})
    mailbox = gateway.create_mailbox("Memory")
    context = client_context(gateway.authority())
    memory = Memory(gateway)
    at_rest = memory.locked()
    # A sanitizer's mlock() does nothing.
    is_locking = at_rest > 0
    check(not is_locking or SLAB_KIB <= at_rest < 2 * SLAB_KIB, f"at rest {at_rest} KiB are locked")

    with contextlib.ExitStack() as sessions:
        for _ in range(SESSIONS - 1):
            sessions.enter_context(contextlib.closing(open_session(gateway.ports["pop3s"], context)))
        # Beside all of them a login has room for the password and the keys.
        with Collector(gateway.ports["pop3s"], context) as collector:
            collector.login(mailbox.id, mailbox.password)
            most = memory.locked()
            check(not is_locking or SESSIONS * SESSION_KIB < most <= MOST_SLABS * SLAB_KIB,
                  f"with {SESSIONS} sessions {most} KiB are locked")
            check("memory-lock" not in memory.problems(), f"problems: {memory.problems()}")
            collector.quit()
    wait_for("locked memory to go back", lambda: memory.locked() == at_rest, 60)
    log = gateway.log_path.read_text()
    check(not re.search(r"event=pop3.refused", log), "a session was refused")
    gateway.stop()
    test.count(f"{SESSIONS} POP3 sessions: {at_rest} KiB are locked at rest, {most} KiB with them")
    return is_locking


class Restricted(Gateway):
    """As a user without rights, who may lock less than a slab: root may lock whatever the limit says."""

    def __init__(self, test, folder):
        command = ["prlimit", f"--memlock={LIMIT_KIB * 1024}:{LIMIT_KIB * 1024}"]
        super().__init__(folder, folder)
        if os.geteuid() == 0:
            command += ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
            for path in (folder, self.runtime):
                os.chown(path, 65534, 65534)
        for name in ("lettergated", "lettergatectl"):
            shutil.copy(test.bin / name, folder / f"{name}.real")
            wrapper = folder / name
            wrapper.write_text(f"#!/bin/sh\nexec {' '.join(command)} {folder}/{name}.real \"$@\"\n")
            wrapper.chmod(0o755)


def without_locks(test):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lettergate-"))  # where any user can run it
    test.cleanups.callback(shutil.rmtree, folder, ignore_errors=True)
    gateway = Restricted(test, folder)
    test.cleanups.callback(gateway.close)
    gateway.start()
    mailbox = gateway.create_mailbox("Unlocked")
    check(gateway.resident_kib("VmLck") == 0, "the limit has no effect")
    told, = wait_for("the problem", lambda: [row for row in gateway.status()["problems"]
                                             if row["id"] == "memory-lock"])
    check(told["severity"] == "warning" and "swap" in told["text"] and "LimitMEMLOCK" in told["remedy"],
          f"the problem: {told}")
    with Collector(gateway.ports["pop3s"], client_context(gateway.authority())) as collector:
        collector.login(mailbox.id, mailbox.password).quit()
    gateway.stop()
    test.count(f"with {LIMIT_KIB} KiB that may be locked the gateway works and warns")


def main(test):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 2 * SESSIONS)), hard))
    if many_sessions(test):
        without_locks(test)


run(main)
