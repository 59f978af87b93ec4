"""Every command of lettergatectl: its exit status, what it prints where, and the shape of its JSON; and the command
line of lettergated. The shapes are the ones that scripts rely on."""

import os
import re
import shutil
import stat
import subprocess
import tempfile

from collector import Collector, Refused, client_context
from harness import SOURCE, Failure, Gateway, check, run
from messages import ID_FIELD
from senders import Refusal, Sender

FINE, REFUSED, USAGE, NOT_RUNNING = 0, 1, 2, 3
MAILBOX_ID = re.compile(r"mbx-[0-9a-f]{32}")
NOBODY = "mbx-" + "0" * 32


def must(gateway, status, *arguments, text=None, as_json=True):
    """Runs it and checks the exit status, and that errors, and nothing but errors, are on standard error."""
    result = gateway.run_ctl(*arguments, text=text, as_json=as_json)
    shown = f"lettergatectl {' '.join(arguments)}"
    check(result.returncode == status,
          f"{shown}: exit status {result.returncode}, not {status}\n{result.stdout}{result.stderr}")
    if status != FINE:
        check(result.stdout == "", f"{shown} failed and printed on standard output: {result.stdout}")
        check(result.stderr.strip(), f"{shown} failed without a word")
        check(not re.search(r"\b(errno|0x[0-9a-f]{6,}|assert)", result.stderr), f"no words for a person: {result.stderr}")
    must.count += 1
    return result


must.count = 0


def has(row, what, **types):
    for key, kind in types.items():
        check(key in row, f"{what} has no {key}: {row}")
        value = row[key]
        check(isinstance(value, kind) and not (kind is int and isinstance(value, bool)),
              f"{what}: {key} is {value!r}")


def status_shape(gateway, mailbox):
    status = gateway.status()
    has(status, "status", state=str, version=str, uptime_s=(int, float), listeners=list, mailboxes=list,
        accounts=list, storage=dict, problems=list)
    check(re.fullmatch(r"\d+\.\d+\.\d+", status["version"]), f"version: {status['version']}")
    check({row["service"] for row in status["listeners"]} == set(Gateway.SERVICES),
          f"listeners: {status['listeners']}")
    for row in status["listeners"]:
        has(row, "a listener", service=str, address=str, port=int)
        check("tls" in row and row["port"] > 0, f"a listener: {row}")
    has(status["storage"], "storage", used_bytes=int, free_bytes=int, commits=int, deliveries=int)
    for row in status["problems"]:
        has(row, "a problem", id=str, severity=str, text=str, remedy=str)
        check("since" in row, f"a problem without since: {row}")
    row = gateway.mailbox_status(mailbox)
    has(row, "a mailbox in status", id=str, name=str, status=str, waiting=int, waiting_bytes=int, received=int,
        collected=int)
    check("last_received" in row and "last_collected" in row, f"a mailbox in status: {row}")
    check((row["status"], row["waiting"], row["received"]) == ("active", 0, 0), f"a new mailbox: {row}")
    must(gateway, FINE, "status", as_json=False)
    # For a monitoring system: 0 fine, 1 warning, 2 critical.
    severities = {problem["severity"] for problem in status["problems"]}
    wanted = 0 if not severities else 1 if severities == {"warning"} else 2
    checked = gateway.run_ctl("status", "--check")
    check(checked.returncode == wanted, f"status --check: {checked.returncode}, the problems are {severities or 'none'}")
    line = f"LETTERGATE {('OK', 'WARNING', 'CRITICAL')[wanted]} - "
    check(re.fullmatch(re.escape(line) + r"[^|\n]+ \| problems=\d+ waiting=\d+ waiting_bytes=\d+B free_bytes=\d+B\n",
                       checked.stdout), f"status --check prints: {checked.stdout}")
    check(gateway.run_ctl("status", "--check", as_json=True).stdout.startswith("{"), "--json status --check")


def mailbox_commands(gateway):
    facts = gateway.ctl("mailbox", "create", "--name", "Kanzlei Grüß & Söhne", "--description", "all mail")
    has(facts, "mailbox create", id=str, address=str, password=str, recovery_code=str)
    check(MAILBOX_ID.fullmatch(facts["id"]), f"id: {facts['id']}")
    check(facts["address"].startswith(facts["id"] + "@") and len(facts["address"]) > 37, f"address: {facts['address']}")
    check(len(facts["password"]) >= 20 and len(facts["recovery_code"]) >= 26, "a short secret")
    name = facts["id"]

    rows = gateway.ctl("mailbox", "list")
    check(isinstance(rows, list) and [row["id"] for row in rows].count(name) == 1, f"mailbox list: {rows}")
    shown = gateway.ctl("mailbox", "show", name)
    check((shown["id"], shown["name"], shown["status"]) == (name, "Kanzlei Grüß & Söhne", "active"), f"show: {shown}")
    for secret in (facts["password"], facts["recovery_code"]):
        check(secret not in str(rows) + str(shown), "a secret is shown a second time")

    plain = must(gateway, FINE, "mailbox", "create", "--name", "plain", as_json=False).stdout
    second = MAILBOX_ID.search(plain)
    check(second, f"mailbox create prints no id: {plain}")
    check(second.group(0) in must(gateway, FINE, "mailbox", "list", as_json=False).stdout, "list lacks a mailbox")

    given = "correct horse battery staple 42"
    own = gateway.ctl("mailbox", "create", "--name", "own", "--password-stdin", text=given + "\n")
    context = client_context(gateway.authority())
    with Collector(gateway.ports["pop3s"], context) as collector:
        collector.login(own["id"], given).quit()

    for wrong in ((), ("--name",), ("--name", "x", "--colour", "red"), ("x",)):
        must(gateway, USAGE, "mailbox", "create", *wrong)
    for wrong in ("", "x" * 201, "two\nlines"):
        must(gateway, REFUSED, "mailbox", "create", "--name", wrong)
    must(gateway, REFUSED, "mailbox", "create", "--name", "empty", "--password-stdin", text="\n")
    for command in ("show", "suspend", "resume"):
        must(gateway, REFUSED, "mailbox", command, NOBODY)
        must(gateway, REFUSED, "mailbox", command, "not-an-id")
        must(gateway, USAGE, "mailbox", command)
    check(len(gateway.ctl("mailbox", "list")) == 3, "a refused mailbox was made")
    return facts, context


def suspending(gateway, facts, context):
    name = facts["id"]

    def send():
        with Sender(gateway.ports["smtps"], context, implicit_tls=True) as sender:
            sender.send_data("a@sender.example", facts["address"], ID_FIELD + b"cli-1\r\n\r\nx\r\n")

    send()
    must(gateway, FINE, "mailbox", "suspend", name)
    check(gateway.ctl("mailbox", "show", name)["status"] == "suspended", "suspend has no effect")
    try:
        send()
    except Refusal as refusal:
        check(400 <= refusal.code < 500, f"a suspended mailbox is a passing trouble, not {refusal}")
    else:
        raise Failure("a suspended mailbox takes mail")
    with Collector(gateway.ports["pop3s"], context) as collector:  # collecting goes on
        check(collector.login(name, facts["password"]).stat()[0] == 1, "a suspended mailbox hands nothing out")
        collector.quit()
    must(gateway, FINE, "mailbox", "suspend", name)  # again: it is so already
    must(gateway, FINE, "mailbox", "resume", name)
    check(gateway.ctl("mailbox", "show", name)["status"] == "active", "resume has no effect")
    send()

    # Deleting: suspended first, and with --yes.
    must(gateway, REFUSED, "mailbox", "delete", name, "--yes")
    must(gateway, FINE, "mailbox", "suspend", name)
    must(gateway, USAGE, "mailbox", "delete", name)
    check(gateway.ctl("mailbox", "show", name)["waiting"] == 2, "the refused deletions had an effect")
    must(gateway, FINE, "mailbox", "delete", name, "--yes")
    must(gateway, REFUSED, "mailbox", "show", name)
    must(gateway, REFUSED, "mailbox", "delete", name, "--yes")
    check(name not in str(gateway.status()["mailboxes"]), "a deleted mailbox is in status")
    try:
        send()
    except Refusal as refusal:
        check(refusal.code == 550, f"a deleted mailbox: {refusal}")
    else:
        raise Failure("a deleted mailbox takes mail")
    try:
        with Collector(gateway.ports["pop3s"], context) as collector:
            collector.login(name, facts["password"])
    except Refused:
        pass
    else:
        raise Failure("a deleted mailbox can be logged in to")


def settings_commands(gateway):
    rows = gateway.ctl("settings", "list")
    check(isinstance(rows, (list, dict)), f"settings list: {rows}")
    for key in ("hostname", "listen.smtp", "smtp.max-message-size", "workers", "log.level"):
        check(key in str(rows), f"settings list lacks {key}")

    def value(key):
        got = gateway.ctl("settings", "get", key)
        return got["value"] if isinstance(got, dict) else got

    check("200" in str(value("smtp.max-message-size")), f"the default: {value('smtp.max-message-size')}")
    must(gateway, FINE, "settings", "set", "smtp.max-message-size", "100M")
    check(value("smtp.max-message-size") == "100M", f"after set: {value('smtp.max-message-size')}")
    gateway.stop()
    gateway.start()
    check(value("smtp.max-message-size") == "100M", "a setting does not outlive the gateway")
    with Sender(gateway.ports["smtp"]) as sender:
        check(int(sender.esmtp_features["size"]) == 100 << 20, f"SIZE: {sender.esmtp_features['size']}")
    for key, text in (("smtp.max-message-size", "1"), ("smtp.max-message-size", "much"), ("workers", "-1"),
                      ("listen.smtp", "example.com:25"), ("listen.smtp", "127.0.0.1:70000"), ("log.level", "loud"),
                      ("no.such-key", "1")):
        before = gateway.run_ctl("settings", "list").stdout
        must(gateway, REFUSED, "settings", "set", key, text)
        check(gateway.run_ctl("settings", "list").stdout == before, f"the refused {key}={text} changed something")
    must(gateway, REFUSED, "settings", "get", "no.such-key")
    must(gateway, USAGE, "settings", "get")
    must(gateway, USAGE, "settings", "set", "workers")
    must(gateway, USAGE, "settings")
    must(gateway, FINE, "settings", "list", as_json=False)
    must(gateway, FINE, "settings", "get", "workers", as_json=False)


def other_commands(gateway):
    methods = gateway.ctl("methods")
    check(isinstance(methods, list) and len(methods) >= 10, f"methods: {methods}")
    for row in methods:
        check(row["name"] and row["summary"], f"a method without name or summary: {row}")
    must(gateway, FINE, "methods", as_json=False)

    before = gateway.status()
    report = gateway.ctl("selftest")
    check(report["ok"] is True and len(report["steps"]) >= 5, f"selftest: {report}")
    must(gateway, FINE, "selftest", as_json=False)
    after = gateway.status()
    check([row["id"] for row in after["mailboxes"]] == [row["id"] for row in before["mailboxes"]],
          "the self-test left a mailbox behind")
    check([row["received"] for row in after["mailboxes"]] == [row["received"] for row in before["mailboxes"]],
          "the self-test counts as received mail")

    check(isinstance(gateway.ctl("certificate", "show"), (dict, list)), "certificate show")
    must(gateway, FINE, "certificate", "show", as_json=False)
    pem = gateway.run_ctl("certificate", "show", "--ca").stdout
    check(pem.startswith("-----BEGIN CERTIFICATE-----\n") and pem.endswith("-----END CERTIFICATE-----\n")
          and pem.count("BEGIN") == 1, f"certificate show --ca is not one PEM certificate, ready for a file:\n{pem}")
    check("PRIVATE" not in str(gateway.ctl("certificate", "show")), "certificate show gives the key away")

    for wrong in (("frobnicate",), ("mailbox",), ("mailbox", "frobnicate"), ("status", "now"), ("--frobnicate", "status"),
                  ("certificate",), ("selftest", "x", "y")):
        must(gateway, USAGE, *wrong)
    help_text = must(gateway, FINE, "help", as_json=False).stdout
    for command in ("status", "selftest", "methods", "settings", "mailbox", "certificate"):
        check(command in help_text, f"help does not tell of {command}")


def help_pages(gateway):
    """Help of a command, and the pages in docs/, which are what the program prints."""
    for words in (("mailbox", "create"), ("mailbox",), ("status",), ("restart",)):
        shown = must(gateway, FINE, "help", *words, as_json=False).stdout
        check(" ".join(words) in shown, f"help {' '.join(words)}: {shown}")
    check(must(gateway, FINE, "status", "--help", as_json=False).stdout == gateway.run_ctl("help", "status").stdout,
          "status --help is not help status")
    must(gateway, USAGE, "help", "frobnicate", as_json=False)
    for page, words in (("control-api", ()), ("settings", ("settings",))):
        printed = must(gateway, FINE, "help", "--markdown", *words, as_json=False).stdout
        check(printed == (SOURCE / "docs" / f"{page}.md").read_text(), f"docs/{page}.md is not what the program prints")


def restart(gateway, facts):
    """The engine goes and comes back in the same process, with what it keeps and what it was started with."""
    with Sender(gateway.ports["smtp"]) as sender:
        must(gateway, FINE, "restart")
        code, text = sender.getreply()
        check(code == 421, f"an open session is told {code} {text}")
    check(gateway.process.poll() is None, "the process ended instead of starting again")
    check(gateway.log_tail(1 << 20).count("event=gateway.started") >= 2, "the log tells of no second start")
    gateway.ports = {row["service"]: row["port"] for row in gateway.status()["listeners"]}
    check(set(gateway.ports) == set(Gateway.SERVICES), f"the listeners after a restart: {gateway.ports}")
    check(gateway.ctl("mailbox", "show", facts["id"])["id"] == facts["id"], "a mailbox is gone after a restart")
    check("again" in must(gateway, FINE, "restart", as_json=False).stdout, "restart says nothing")
    gateway.ports = {row["service"]: row["port"] for row in gateway.status()["listeners"]}
    must(gateway, FINE, "selftest")
    must(gateway, USAGE, "restart", "now")


def no_gateway(test, gateway):
    """Exit status 3, from every command, and nothing is made in that place."""
    elsewhere = Gateway(test.bin, test.work, name="elsewhere")
    test.cleanups.callback(elsewhere.close)
    for command in (("status",), ("mailbox", "list"), ("selftest",), ("settings", "list"), ("certificate", "show"),
                    ("restart",)):
        must(elsewhere, NOT_RUNNING, *command)
    checked = elsewhere.run_ctl("status", "--check")
    check((checked.returncode, checked.stdout[:21]) == (NOT_RUNNING, "LETTERGATE UNKNOWN - "),
          f"status --check of no gateway: {checked.returncode} {checked.stdout}")
    check(not elsewhere.data.exists(), "asking made a data folder")
    # A socket file that a killed gateway left behind is no gateway.
    gateway.kill()
    must(gateway, NOT_RUNNING, "status")
    gateway.start()


def daemon(test, gateway):
    def start(*arguments):
        result = subprocess.run([str(test.bin / "lettergated"), *arguments], stdin=subprocess.DEVNULL,
                                capture_output=True, text=True, timeout=60, env=gateway.environment)
        check("ready" not in result.stdout.split("\n"), f"lettergated {arguments} became ready")
        check(result.stderr.strip(), f"lettergated {arguments} failed without a word")
        must.count += 1
        return result.returncode, result.stderr

    code, text = start("--data", str(gateway.data))
    check(code == 1 and str(gateway.process.pid) in text or "run" in text, f"a second gateway: {code}, {text}")
    new = str(test.work / "new")
    check(start("--data", new, "--set", "workers=many")[0] in (REFUSED, USAGE), "workers=many")
    check(start("--data", new, "--set", "wrokers=2")[0] in (REFUSED, USAGE), "an unknown setting")
    check(start("--data", new, "--set", "workers")[0] == USAGE, "--set without a value")
    check(start("--frobnicate")[0] == USAGE, "an unknown option")
    check(start("--data")[0] == USAGE, "--data without a folder")
    check(gateway.status()["state"], "the gateway fell over when a second one tried")


def privacy(gateway):
    """The control socket is the key to everything: for its owner alone, in the runtime folder."""
    sockets = [path for path in gateway.runtime.rglob("*") if stat.S_ISSOCK(path.stat().st_mode)]
    check(len(sockets) == 1, f"sockets in the runtime folder: {sockets}")
    check(sockets[0].stat().st_mode & 0o777 == 0o600, f"{sockets[0]} has mode {sockets[0].stat().st_mode & 0o777:o}")
    check(sockets[0].parent.name == "lettergate", f"the socket is {sockets[0]}")
    check(gateway.data.stat().st_mode & 0o077 == 0, "the data folder is open to others")
    if os.geteuid() != 0:
        return
    folder = tempfile.mkdtemp()  # where another user can run it
    try:
        os.chmod(folder, 0o755)
        program = shutil.copy(gateway.bin / "lettergatectl", folder)
        other = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, "--data",
                                str(gateway.data), "--json", "status"], capture_output=True, text=True, timeout=60,
                               stdin=subprocess.DEVNULL, env=gateway.environment)
    finally:
        shutil.rmtree(folder)
    check(other.returncode in (REFUSED, NOT_RUNNING) and not other.stdout,
          f"another user asks the gateway: {other.returncode} {other.stdout}")


def main(test):
    gateway = test.gateway()
    status_shape(gateway, gateway.create_mailbox("Shape"))
    must(gateway, FINE, "mailbox", "suspend", gateway.ctl("mailbox", "list")[0]["id"])
    must(gateway, FINE, "mailbox", "delete", gateway.ctl("mailbox", "list")[0]["id"], "--yes")
    check(gateway.ctl("mailbox", "list") == [], "the list without mailboxes is not []")
    facts, context = mailbox_commands(gateway)
    suspending(gateway, facts, context)
    settings_commands(gateway)
    other_commands(gateway)
    help_pages(gateway)
    restart(gateway, gateway.ctl("mailbox", "create", "--name", "kept"))
    privacy(gateway)
    no_gateway(test, gateway)
    daemon(test, gateway)
    gateway.stop()
    test.count(f"{must.count} command lines with the right exit status and output")


run(main)
