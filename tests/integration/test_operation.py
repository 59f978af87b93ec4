"""A gateway in operation: settings that act at once, listeners that move, ports that others hold, the log file and
its turns, the alert program. All with the programs as they are, and without a restart between."""

import json
import os
import pathlib
import re
import socket
import stat
import subprocess
import sys

sys.dont_write_bytecode = True

from collector import client_context
from harness import Failure, check, run, wait_for
from messages import ID_FIELD
from senders import Refusal, Sender

MASKED = re.compile(r"127\.0\.0\.x")
ADDRESS = re.compile(r"127\.0\.0\.1")


def setting(gateway, key, value, restart=False):
    """Sets it; what the answer says is what `settings get` says after."""
    answer = gateway.ctl("settings", "set", key, value)
    check(answer["key"] == key and answer["needs_restart"] is restart, f"settings set {key}: {answer}")
    check(gateway.ctl("settings", "get", key)["value"] == answer["value"], f"settings get {key}")
    setting.count += 1
    return answer["value"]


setting.count = 0


def refused(gateway, key, value):
    result = gateway.run_ctl("settings", "set", key, value)
    check(result.returncode == 1, f"settings set {key} {value}: exit status {result.returncode}")
    return result.stderr


def port_of(gateway, service):
    return [row["port"] for row in gateway.status()["listeners"] if row["service"] == service]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def greeting(port):
    with socket.create_connection(("127.0.0.1", port), 30) as one:
        one.settimeout(30)
        return one.recv(1000)


def rest_of(connection):
    """Up to its end."""
    connection.settimeout(20)
    said = b""
    while piece := connection.recv(1000):
        said += piece
    return said


def is_closed(port):
    try:
        greeting(port)
    except ConnectionRefusedError:
        return True
    return False


def every_setting(gateway):
    """Each takes the value that it has, and says the same about a restart as the list."""
    rows = gateway.ctl("settings", "list")
    for row in rows:
        if not row["key"].startswith("listen."):
            setting(gateway, row["key"], row["value"], row["needs_restart"])
    check([row["key"] for row in rows if row["needs_restart"]] == ["workers"], f"needs_restart: {rows}")


def live_values(gateway, mailbox, context):
    setting(gateway, "smtp.max-message-size", "64K")
    with Sender(gateway.ports["smtp"]) as sender:
        check(int(sender.esmtp_features["size"]) == 65536, f"SIZE: {sender.esmtp_features}")
    setting(gateway, "smtp.max-message-size", "200M")

    # Two connections: a third takes the place of the one that has been silent for longest; three have room.
    setting(gateway, "limits.sessions", "2")
    with socket.create_connection(("127.0.0.1", gateway.ports["smtp"]), 30) as one, \
            socket.create_connection(("127.0.0.1", gateway.ports["smtp"]), 30) as two:
        check(one.recv(3) == b"220" and two.recv(3) == b"220", "two sessions of two")
        check(greeting(gateway.ports["smtp"])[:3] == b"220", "a third session of two")
        check(b"\r\n421 4.3.2 " in rest_of(one), "the first session of two goes on")
        setting(gateway, "limits.sessions", "3")
        with socket.create_connection(("127.0.0.1", gateway.ports["smtp"]), 30) as three:
            check(three.recv(3) == b"220", "a second session of three")
            check(greeting(gateway.ports["smtp"])[:3] == b"220", "a third session of three")
            two.sendall(b"QUIT\r\n")
            check(b"\r\n221 " in rest_of(two), "the first session of three had to go")
    setting(gateway, "limits.sessions", "1000")

    # A silent session ends sooner.
    setting(gateway, "timeouts.smtp", "1s")
    with socket.create_connection(("127.0.0.1", gateway.ports["smtp"]), 30) as one:
        said = rest_of(one)
        check(b"\r\n421 " in said, f"a silent session is ended with {said}")
    setting(gateway, "timeouts.smtp", "5m")

    with Sender(gateway.ports["smtps"], context, implicit_tls=True) as sender:
        sender.send_data("a@sender.example", mailbox.address, ID_FIELD + b"operation-1\r\n\r\nx\r\n")


def hostname(gateway):
    before = gateway.ctl("settings", "get", "hostname")["value"]
    fingerprints = {row["sha256"] for row in certificates(gateway)}
    name = setting(gateway, "hostname", "Below." + before)
    check(name == "below." + before, f"hostname: {name}")
    check(greeting(gateway.ports["smtp"]).startswith(b"220 " + name.encode() + b" "), "the greeting has the old name")
    fresh = [row for row in certificates(gateway) if row["sha256"] not in fingerprints]
    check(len(fresh) == 2 and all(name in row["names"] for row in fresh), f"certificates: {fresh}")
    # New sessions get the new certificate; the authority that programs trust is the same.
    context = client_context(gateway.authority())
    with socket.create_connection(("127.0.0.1", gateway.ports["pop3s"]), 30) as one:
        with context.wrap_socket(one, server_hostname=name) as secure:
            check(secure.recv(3) == b"+OK", "POP3 under the new name")
    # A name for which the authority may not vouch: it is used, and a problem says what is missing.
    setting(gateway, "hostname", "elsewhere.example")
    check(greeting(gateway.ports["smtp"]).startswith(b"220 elsewhere.example "), "the greeting has the old name")
    problem = find_problem(gateway, "certificate-name")
    check(problem and "elsewhere.example" in problem["text"], f"problems: {gateway.status()['problems']}")
    setting(gateway, "hostname", before)
    check(not find_problem(gateway, "certificate-name"), "the problem outlives its cause")


def certificates(gateway):
    rows = gateway.ctl("certificate", "show")
    rows = rows if isinstance(rows, list) else rows["certificates"]
    check(len(rows) >= 3, f"certificate show: {rows}")
    return rows


def find_problem(gateway, name):
    for row in gateway.status()["problems"]:
        if row["id"] == name:
            return row
    return None


def listeners(gateway, test):
    old = gateway.ports["smtp"]
    new = free_port()
    with socket.create_connection(("127.0.0.1", old), 30) as one:
        one.settimeout(30)
        check(one.recv(1000)[:3] == b"220", "a session before the change")
        setting(gateway, "listen.smtp", f"127.0.0.1:{new}")
        check(port_of(gateway, "smtp") == [new], f"status: {gateway.status()['listeners']}")
        check(greeting(new)[:3] == b"220", "the new port")
        check(is_closed(old), "the old port is still open")
        one.sendall(b"NOOP\r\n")  # what was there goes on
        check(one.recv(1000)[:3] == b"250", "a session ends when listeners change")
    setting(gateway, "listen.smtp", f"0.0.0.0:{new}")
    check(greeting(new)[:3] == b"220", "the same port at all addresses")
    setting(gateway, "listen.smtp", f"127.0.0.1:{new}")
    gateway.ports["smtp"] = new

    # Somebody else's port: they are named, and nothing changes.
    script = ("import socket, time; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); "
              "print(s.getsockname()[1], flush=True); time.sleep(600)")
    holder = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    test.cleanups.callback(holder.wait)
    test.cleanups.callback(holder.kill)
    taken = int(holder.stdout.readline())
    name = pathlib.Path(f"/proc/{holder.pid}/comm").read_text().strip()
    text = refused(gateway, "listen.smtp", f"127.0.0.1:{free_port()} 127.0.0.1:{taken}")
    check(f"port {taken} on 127.0.0.1 is held by {name} (process {holder.pid})" in text, f"the holder: {text}")
    check("lettergatectl settings set listen.smtp" in text, f"no way out: {text}")
    check(port_of(gateway, "smtp") == [new] and greeting(new)[:3] == b"220", "the refused change had an effect")
    check(gateway.ctl("settings", "get", "listen.smtp")["value"] == f"127.0.0.1:{new}", "the refused value is saved")

    # The same at a start: a problem, not the end.
    gateway.stop()
    gateway.settings["listen.submission"] = f"127.0.0.1:{taken}"
    gateway.start()
    problem = find_problem(gateway, f"listen.submission 127.0.0.1:{taken}")
    check(problem and problem["severity"] == "critical" and f"held by {name} (process {holder.pid})" in problem["text"]
          and "lettergatectl settings set listen.submission" in problem["remedy"], f"the problem: {problem}")
    holder.kill()
    holder.wait()
    setting(gateway, "listen.submission", f"127.0.0.1:{taken}")
    check(greeting(taken)[:3] == b"220", "the freed port is not used")
    check(not find_problem(gateway, problem["id"]), "the problem outlives its cause")
    del gateway.settings["listen.submission"]


def log_text(gateway):
    path = gateway.data / "log" / "lettergate.log"
    return path.read_text() if path.exists() else ""


def log_lines(gateway, event):
    return [line for line in log_text(gateway).splitlines() if f" event={event} " in line + " "]


def logging(gateway):
    folder = gateway.data / "log"
    check(stat.S_IMODE(folder.stat().st_mode) == 0o700, "the log folder is open to others")
    wait_for("the log file", lambda: log_lines(gateway, "gateway.started"))
    for line in log_text(gateway).splitlines():
        check(re.match(r"time=20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ level=(error|warning|info|debug) event=[a-z0-9.-]+", line),
              f"a line of the log: {line}")

    # A peer's address, and the address that a letter names.
    def plaintext(number):
        with Sender(gateway.ports["smtp"]) as sender:
            try:
                sender.envelope(f"carol{number}@people.example", "x@y.example")
            except Refusal:
                pass
            except Failure:
                pass
        return [line for line in log_text(gateway).splitlines() if "people.example" in line]

    setting(gateway, "log.mask-addresses", "on")
    setting(gateway, "log.level", "debug")
    before = len(log_text(gateway))
    greeting(gateway.ports["smtp"])
    wait_for("a masked address", lambda: MASKED.search(log_text(gateway)[before:]))
    plaintext(1)
    line = wait_for("the masked sender", lambda: [one for one in log_text(gateway).splitlines() if "@people.example" in one])
    check("c\u2026@people.example" in line[0] and "carol" not in log_text(gateway), f"the sender: {line[0]}")
    check(not ADDRESS.search(log_text(gateway)[before:]), "an address that is not masked")
    setting(gateway, "log.mask-addresses", "off")
    greeting(gateway.ports["smtp"])
    wait_for("an address", lambda: ADDRESS.search(log_text(gateway)[before:]))

    # Turns: the old ones go.
    setting(gateway, "log.keep", "2")
    setting(gateway, "log.max-size", "64K")
    names = {"lettergate.log", "lettergate.log.1", "lettergate.log.2"}
    for _ in range(60):
        for _ in range(60):
            greeting(gateway.ports["smtp"])
        if {path.name for path in folder.iterdir()} == names:
            break
    check({path.name for path in folder.iterdir()} == names, f"log files: {sorted(os.listdir(folder))}")
    for path in folder.iterdir():
        check(path.stat().st_size <= 65536, f"{path.name} has {path.stat().st_size} octets")
        check(path.stat().st_mode & 0o077 == 0, f"{path.name} is open to others")
    setting(gateway, "log.level", "info")

    # Off and on.
    setting(gateway, "log.file", "off")
    size = (folder / "lettergate.log").stat().st_size
    gateway.create_mailbox("unlogged")
    check((folder / "lettergate.log").stat().st_size == size, "a file that is off grows")
    setting(gateway, "log.file", "on")
    gateway.create_mailbox("logged")
    wait_for("a line", lambda: (folder / "lettergate.log").stat().st_size > size)

    # A folder that is none: a problem, and everything else goes on.
    setting(gateway, "log.file", "off")
    os.rename(folder, folder.with_name("log.old"))
    folder.write_text("in the way")
    setting(gateway, "log.file", "on")
    gateway.create_mailbox("in spite of the log")
    wait_for("the problem", lambda: find_problem(gateway, "log-file"))
    folder.unlink()
    setting(gateway, "log.file", "off")
    setting(gateway, "log.file", "on")
    check(not find_problem(gateway, "log-file"), "the problem outlives its cause")
    wait_for("the log in its place", lambda: log_lines(gateway, "settings.changed"))


def journal(gateway, test):
    """As a service: priorities and no times on standard error."""
    gateway.stop()
    with open(test.work / "journal", "wb") as stream:
        facts = os.fstat(stream.fileno())
        command = [str(gateway.bin / "lettergated"), "--data", str(gateway.data)]
        for service in gateway.SERVICES:
            command += ["--set", f"listen.{service}=127.0.0.1:0"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stream,
                                   env=dict(gateway.environment, JOURNAL_STREAM=f"{facts.st_dev}:{facts.st_ino}"))
        try:
            check(process.stdout.readline() == b"ready\n", "lettergated under a journal")
        finally:
            process.terminate()
            process.wait(60)
            process.stdout.close()
    lines = (test.work / "journal").read_text().splitlines()
    check(any(line.startswith("<6>level=info event=gateway.started ") for line in lines), f"the journal: {lines}")
    check(all(re.match(r"<[3467]>level=", line) for line in lines), f"the journal: {lines}")
    gateway.start()


def alerts(gateway, test):
    told = test.work / "told"
    program = test.work / "alert program"
    program.write_text("#!/bin/sh\n{ cat; echo; } >> \"$1\"\nenv >> \"$1.env\"\n")
    program.chmod(0o700)
    text = refused(gateway, "alerts.command", "mail admin@example.com")
    check("whole path of a program" in text, f"a relative program: {text}")
    setting(gateway, "alerts.command", f"'{program}' '{told}'")

    def events(name):
        rows = [json.loads(line) for line in told.read_text().splitlines()] if told.exists() else []
        return [row["event"] for row in rows if row["id"] == name]

    setting(gateway, "hostname", "elsewhere.example")
    wait_for("the alert", lambda: events("certificate-name") == ["raised"], 60)
    row = [json.loads(line) for line in told.read_text().splitlines()][-1]
    check(set(row) == {"event", "gateway", "id", "severity", "text", "remedy", "since"}, f"the alert: {row}")
    setting(gateway, "hostname", "localhost")
    wait_for("the end of the alert", lambda: events("certificate-name") == ["raised", "resolved"], 60)
    environment = pathlib.Path(f"{told}.env").read_text()
    check("XDG_RUNTIME_DIR" not in environment and "PATH=" in environment, f"the environment: {environment}")

    program.write_text("#!/bin/sh\nexit 7\n")
    setting(gateway, "hostname", "elsewhere.example")
    problem = wait_for("the problem of the alert", lambda: find_problem(gateway, "alerts.command"), 60)
    check("exit status 7" in problem["text"], f"the problem: {problem}")
    setting(gateway, "alerts.command", "")
    wait_for("its end", lambda: not find_problem(gateway, "alerts.command"), 60)


def main(test):
    gateway = test.gateway()
    mailbox = gateway.create_mailbox()
    context = client_context(gateway.authority())
    every_setting(gateway)
    live_values(gateway, mailbox, context)
    hostname(gateway)
    listeners(gateway, test)
    logging(gateway)
    journal(gateway, test)
    alerts(gateway, test)
    # No secret was ever written down.
    for path in [gateway.log_path, *(gateway.data / "log").iterdir(), *(gateway.data / "log.old").iterdir()]:
        check(mailbox.password not in path.read_text() and mailbox.recovery_code not in path.read_text(),
              f"a secret is in {path}")
    gateway.stop()
    test.count(f"{setting.count} settings changed while it ran")


run(main)
