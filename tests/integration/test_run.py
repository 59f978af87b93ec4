"""`./dev run` as a person starts it: a first start makes a mailbox and passes its self-test, a second start
makes none, a signal stops it; without the right to install it says what to type."""

import os
import re
import shutil
import signal
import subprocess
import time

from harness import Failure, SOURCE, check, run, stop_process
from peers import must_be_reachable

LISTENERS = [word for service in ("smtp", "smtps", "submission", "pop3", "pop3s")
             for word in ("--set", f"listen.{service}=127.0.0.1:0")]


def start(test, data):
    """Runs until the gateway is up or gone; returns the exit status after SIGINT, and what was printed."""
    environment = dict(os.environ, XDG_RUNTIME_DIR=str(test.work / "r"))
    process = subprocess.Popen([SOURCE / "dev", "run", "--data", data, *LISTENERS], cwd="/", env=environment,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               start_new_session=True,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    said = b""
    end = time.monotonic() + 600
    os.set_blocking(process.stdout.fileno(), False)
    try:
        while b"The gateway is up." not in said:
            check(time.monotonic() < end, "./dev run is not up after 600 s:\n" + said.decode("utf-8", "replace"))
            piece = process.stdout.read()
            said += piece or b""
            if not piece and process.poll() is not None:
                raise Failure(f"./dev run ended with {process.returncode}:\n" + said.decode("utf-8", "replace"))
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        status = process.wait(60)
    finally:
        stop_process(process)
        process.stdout.close()
    return status, said.decode("utf-8", "replace")


def without_rights(test):
    """A user who may not install, on a machine that lacks packages."""
    must_be_reachable(SOURCE / "dev")
    must_be_reachable(test.work / "tools")
    tools = test.work / "tools"
    tools.mkdir()
    for name, text in (("dpkg-query", "exit 1"), ("sudo", "exit 1")):
        (tools / name).write_text(f"#!/bin/sh\n{text}\n")
        (tools / name).chmod(0o755)
    command = [SOURCE / "dev", "run"]
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
    result = subprocess.run(command, env=dict(os.environ, PATH=f"{tools}:{os.environ['PATH']}"), capture_output=True,
                            text=True, timeout=60, stdin=subprocess.DEVNULL)
    check(result.returncode == 1, f"./dev run without rights ended with {result.returncode}")
    check("apt-get install" in result.stderr and "libsodium-dev" in result.stderr,
          f"the apt line is not shown:\n{result.stderr}")
    check("libcmocka" not in result.stderr and "clang" not in result.stderr, "./dev run asks for test packages")
    test.count("without the right to install: the apt line")


def main(test):
    (test.work / "r").mkdir(mode=0o700)
    data = test.work / "data"
    status, said = start(test, data)
    check(status == 0, f"after SIGINT the exit status is {status}:\n{said}")
    for wanted in (r"mbx-[0-9a-f]{32}@", r"(?i)password", r"(?i)recovery", r"(?i)self-?test"):
        check(re.search(wanted, said), f"the first start does not show {wanted}:\n{said}")
    status, again = start(test, data)
    check(status == 0, f"the second start ended with {status}:\n{again}")
    check("recovery code are shown" not in again, f"the second start made a mailbox:\n{again}")
    check(re.search(r"mbx-[0-9a-f]{32}@", said).group(0)[:-1] in again, "the mailbox is gone at the second start")
    test.count("first start, self-test, stop; second start, self-test, stop")
    without_rights(test)
    shutil.rmtree(data)


run(main)
