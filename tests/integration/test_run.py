"""`./dev run` as a person starts it: a first start makes a mailbox and passes its self-test, a second start
makes none, Ctrl-C stops it with everything it started; the user's own data folder is not touched when another
is named; without the right to install it says what to type."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

from harness import Failure, SOURCE, check, run, stop_process, wait_for
from peers import must_be_reachable

LISTENERS = [word for service in ("smtp", "smtps", "submission", "pop3", "pop3s")
             for word in ("--set", f"listen.{service}=127.0.0.1:0")]


def listing(folder):
    """Every path below it, with size and time of change."""
    return sorted((str(path), path.lstat().st_size, path.lstat().st_mtime_ns)
                  for path in pathlib.Path(folder).rglob("*"))


def descendants(process_id):
    found = []
    for thread in pathlib.Path(f"/proc/{process_id}/task").glob("*/children"):
        for child in map(int, thread.read_text().split()):
            found += [child, *descendants(child)]
    return found


def start(data, environment):
    """Runs until the gateway is up or gone; returns the exit status after Ctrl-C, and what was printed."""
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
        family = descendants(process.pid)
        check(family, "./dev run says that the gateway is up, and has started no process")
        os.killpg(process.pid, signal.SIGINT)  # what Ctrl-C does: the whole foreground group gets it
        status = process.wait(60)
        said += process.stdout.read() or b""
        for process_id in family:
            wait_for(f"process {process_id} to end with ./dev run",
                     lambda: not pathlib.Path(f"/proc/{process_id}").exists(), 10)
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
    runtime = tempfile.mkdtemp(prefix="lettergate-")  # sockets want short paths
    test.cleanups.callback(shutil.rmtree, runtime, ignore_errors=True)
    own = test.work / "home/share/lettergate"
    own.mkdir(parents=True)
    (own / "lettergate.db").write_text("the user's own mail\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LETTERGATE_")}
    environment |= {"HOME": str(test.work / "home"), "XDG_DATA_HOME": str(own.parent), "XDG_RUNTIME_DIR": runtime}
    before = listing(own.parent)
    data = test.work / "data"
    status, said = start(data, environment)
    check(status == 0, f"after SIGINT the exit status is {status}:\n{said}")
    for wanted in (r"mbx-[0-9a-f]{32}@", r"(?i)password", r"(?i)recovery", r"(?i)self-?test"):
        check(re.search(wanted, said), f"the first start does not show {wanted}:\n{said}")
    status, again = start(data, environment)
    check(status == 0, f"the second start ended with {status}:\n{again}")
    check("recovery code are shown" not in again, f"the second start made a mailbox:\n{again}")
    check(re.search(r"mbx-[0-9a-f]{32}@", said).group(0)[:-1] in again, "the mailbox is gone at the second start")
    check(listing(own.parent) == before and (data / "lettergate.db").exists(),
          f"the user's own data folder was touched: {set(listing(own.parent)) ^ set(before)}")
    test.count("first start, self-test, stop; second start, self-test, stop")
    without_rights(test)
    shutil.rmtree(data)


run(main)
