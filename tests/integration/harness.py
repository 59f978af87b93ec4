"""The gateway under test: started on a fresh data folder and free ports, asked through lettergatectl, and
gone at the end, by process id, whatever happened.

Every wait has an end. What a failed test leaves (data folder, logs) stays in build/PRESET/integration/NAME.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

SOURCE = pathlib.Path(__file__).resolve().parents[2]
LONG = os.environ.get("LETTERGATE_LONG", "") not in ("", "0")
SKIPPED = 77


class Failure(Exception):
    """The program under test did what it must not."""


class CannotRun(Exception):
    """This machine lacks what the test needs."""


def check(condition, text):
    if not condition:
        raise Failure(text)


def wait_for(what, condition, seconds=30, every=0.05):
    """Returns the first true value of condition(); fails after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"waited {seconds} s in vain for {what}")
        time.sleep(every)


def stop_process(process, seconds=30):
    """Asks it to end, and ends it. Returns the exit status."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise Failure(f"process {process.args[0]} did not end within {seconds} s of SIGTERM")
    return process.returncode


class Mailbox:
    def __init__(self, facts):
        self.id = facts["id"]
        self.address = facts["address"]
        self.password = facts["password"]
        self.recovery_code = facts["recovery_code"]


class CtlError(Failure):
    def __init__(self, arguments, result):
        super().__init__(f"lettergatectl {' '.join(arguments)}: exit status {result.returncode}\n"
                         f"{result.stdout}{result.stderr}")
        self.status = result.returncode
        self.text = result.stderr


class Gateway:
    """One data folder and the lettergated that runs on it, which may be started again and again."""

    SERVICES = ("smtp", "smtps", "submission", "pop3", "pop3s")
    HOST = "localhost"  # in every certificate of the gateway, as 127.0.0.1 is

    def __init__(self, bin_folder, work, settings=(), name="data"):
        self.bin = pathlib.Path(bin_folder)
        self.data = work / name
        self.log_path = work / f"{name}.log"
        self.settings = dict(settings)
        self.prefix = []  # a program that runs both of ours, with its arguments
        self.process = None
        self.start_s = None  # from the call to the line `ready`
        self.ports = {}
        self.runtime = pathlib.Path(tempfile.mkdtemp(prefix="lettergate-"))  # sockets want short paths
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=str(self.runtime), HOME=str(work))
        self.environment.pop("LETTERGATE_DATA", None)

    def start(self, seconds=60):
        check(self.process is None, "the harness started a gateway twice")
        command = self.prefix + [str(self.bin / "lettergated"), "--data", str(self.data)]
        for service in self.SERVICES:
            command += ["--set", f"listen.{service}=127.0.0.1:0"]
        for key, value in self.settings.items():
            command += ["--set", f"{key}={value}"]
        began = time.monotonic()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                            stderr=log, env=self.environment)
        os.set_blocking(self.process.stdout.fileno(), False)
        said = b""

        def is_ready():
            nonlocal said
            said += self.process.stdout.read() or b""
            if b"ready\n" in said:
                return True
            check(self.process.poll() is None, f"lettergated ended with {self.process.returncode} before "
                                               f"it was ready; {self.log_path}:\n{self.log_tail()}")
            return False

        wait_for("the line `ready`", is_ready, seconds, 0.002)
        self.start_s = time.monotonic() - began
        self.ports = {row["service"]: row["port"] for row in self.status()["listeners"]}
        return self

    def stop(self):
        if self.process is None:
            return
        process, self.process = self.process, None
        try:
            status = stop_process(process, 60)
        finally:
            process.stdout.close()
        check(status == 0, f"lettergated ended with {status} after SIGTERM:\n{self.log_tail()}")

    def kill(self):
        process, self.process = self.process, None
        process.kill()
        process.wait()
        process.stdout.close()

    def close(self):
        try:
            self.stop()
        finally:
            shutil.rmtree(self.runtime, ignore_errors=True)

    def log_tail(self, size=6000):
        text = self.log_path.read_bytes()[-size:] if self.log_path.exists() else b""
        return text.decode("utf-8", "replace")

    def run_ctl(self, *arguments, text=None, as_json=False):
        """lettergatectl as it is: the finished process, whatever its exit status."""
        command = self.prefix + [str(self.bin / "lettergatectl"), "--data", str(self.data)]
        if as_json:
            command.append("--json")
        return subprocess.run(command + list(arguments), input=text if text is not None else "",
                              capture_output=True, text=True, timeout=120, env=self.environment)

    def ctl(self, *arguments, text=None):
        """The JSON value that lettergatectl prints."""
        result = self.run_ctl(*arguments, text=text, as_json=True)
        if result.returncode != 0:
            raise CtlError(arguments, result)
        try:
            return json.loads(result.stdout)
        except ValueError:
            raise Failure(f"lettergatectl --json {' '.join(arguments)} did not print one JSON value:\n"
                          f"{result.stdout}") from None

    def status(self):
        return self.ctl("status")

    def mailbox_status(self, mailbox):
        for row in self.status()["mailboxes"]:
            if row["id"] == mailbox.id:
                return row
        raise Failure(f"status does not list {mailbox.id}")

    def create_mailbox(self, name="Journal"):
        return Mailbox(self.ctl("mailbox", "create", "--name", name))

    def authority(self):
        """A file with the PEM text of this installation's certificate authority."""
        path = self.log_path.with_name("authority.pem")
        result = self.run_ctl("certificate", "show", "--ca")
        check(result.returncode == 0, f"certificate show --ca: {result.stderr}")
        pem = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", result.stdout, re.S)
        check(pem, f"certificate show --ca printed no certificate:\n{result.stdout}")
        path.write_text(pem.group(0))
        return path

    def resident_kib(self, field="VmRSS"):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{field}:\s*(\d+) kB", text, re.M).group(1))


class Test:
    """What a test's main gets: a folder to work in, and what it counted."""

    def __init__(self, name, bin_folder):
        self.name = name
        self.bin = pathlib.Path(bin_folder).resolve()
        self.work = self.bin.parent / "integration" / name
        self.counts = []
        self.cleanups = contextlib.ExitStack()
        if self.work.exists():
            shutil.rmtree(self.work)
        self.work.mkdir(parents=True)

    def gateway(self, **settings):
        gateway = Gateway(self.bin, self.work, {k.replace("_", "."): v for k, v in settings.items()})
        self.cleanups.callback(gateway.close)
        return gateway.start()

    def count(self, text):
        self.counts.append(text)
        print(f"{self.name}: {text}", flush=True)


def must_be_able():
    """Whether "cannot run here" is a failure: in CI, as root, everything can be had."""
    return bool(os.environ.get("CI")) and os.geteuid() == 0


def run(main, name=None):
    """The frame of every test script: `test_NAME.py BIN`."""
    name = name or pathlib.Path(sys.argv[0]).stem.removeprefix("test_")
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} FOLDER-WITH-THE-PROGRAMS")
    test = Test(name, sys.argv[1])
    # ctest ends a test that takes too long with SIGTERM; the processes below must not stay behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    began = time.monotonic()
    status = 1
    try:
        with test.cleanups:
            main(test)
        check(test.counts, "the test counted nothing")
        status = 0
    except CannotRun as reason:
        print(f"{name} CANNOT RUN HERE: {reason}")
        status = 1 if must_be_able() else SKIPPED
    except Failure as failure:
        # A failure of the test often makes the end of the gateway fail too: the first one is the cause.
        first = failure
        while isinstance(first.__context__, (Failure, OSError)):
            first = first.__context__
        print(f"{name} FAILED: {first}")
        traceback.print_tb(first.__traceback__)
        if first is not failure:
            print(f"{name}, and after that: {failure}")
    except Exception:
        print(f"{name} FAILED:")
        traceback.print_exc(file=sys.stdout)
    if status == 0:
        shutil.rmtree(test.work, ignore_errors=True)
        print(f"{name}: passed in {time.monotonic() - began:.1f} s; " + "; ".join(test.counts))
    else:
        for log in sorted(test.work.glob("*.log")):
            text = log.read_bytes()[-4000:].decode("utf-8", "replace")
            print(f"---- the end of {log}\n{text}")
        print(f"---- kept: {test.work}")
    sys.exit(status)
