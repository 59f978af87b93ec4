"""Who may deliver what to whom, on the wire: aliases, domains, locks and their answers, the envelope in the copies,
room, limits and time. The last part opens 2,000 silent connections."""

import contextlib
import json
import re
import resource
import socket
import threading
import time

from collector import client_context, collect_all
from harness import Failure, Gateway, check, run, wait_for
from messages import ID_FIELD
from senders import by_data
from wire import Wire

LINE = b"z" * 998 + b"\r\n"
REPORT = b"X-OriginatorOrg: %s\r\nSubject: report\r\n\r\nx\r\n"


class Client(Wire):
    """A mail server that has said EHLO under TLS."""

    def __init__(self, gateway, source=None):
        super().__init__(gateway.ports["smtp"], source)
        greeting = self.reply()
        check(greeting.startswith("220 "), f"the greeting: {greeting}")
        self.ask("EHLO sender.example", "250")
        self.ask("STARTTLS", "220")
        self.secure(gateway.context)
        self.features = self.ask("EHLO sender.example", "250")

    def mail(self, parameters=""):
        self.ask(f"MAIL FROM:<alice@sender.example>{parameters}", "250")

    def rcpt(self, recipient, wanted="250"):
        return self.ask(f"RCPT TO:<{recipient}>", wanted)

    def data(self, content, wanted="250"):
        self.ask("DATA", "354")
        self.say(by_data(content))
        answer = self.reply()
        check(answer.startswith(wanted), f"the end of DATA: {answer}, not {wanted}")
        return answer

    def send(self, recipients, content, wanted="250", parameters=""):
        self.mail(parameters)
        for recipient in recipients:
            self.rcpt(recipient)
        return self.data(content, wanted)


def letter(text):
    return ID_FIELD + text.encode() + b"\r\n\r\nx\r\n"


def edit(gateway, mailbox, *words):
    return gateway.ctl("mailbox", "edit", mailbox.id, *words)


def must_fail(gateway, *words):
    result = gateway.run_ctl(*words)
    check(result.returncode == 1, f"{words}: exit status {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stderr


# ---- recipients ----


def recipients(test, gateway):
    mailbox, other = gateway.create_mailbox("Office"), gateway.create_mailbox("Other")
    host = mailbox.address.split("@")[1]
    gateway.ctl("settings", "set", "domains", "office.example branch.example")
    shown = edit(gateway, mailbox, "--alias", "Archive@Office.example", "--alias", "journal@elsewhere.example",
                 "--name", "Office 2", "--description", "")
    check(shown["aliases"] == ["archive@office.example", "journal@elsewhere.example"], f"aliases: {shown}")
    check(shown["name"] == "Office 2" and shown["description"] == "", f"edit: {shown}")
    check("taken" in must_fail(gateway, "mailbox", "edit", other.id, "--alias", "ARCHIVE@office.example"), "no words")
    for wrong in ("archive", "mbx-archive@office.example", "two@words @x.example"):
        must_fail(gateway, "mailbox", "edit", other.id, "--alias", wrong)
    nobody = "mbx-" + "0" * 32
    with Client(gateway) as client:
        client.mail()
        for accepted in (mailbox.address, mailbox.id.upper() + "@any.example", "ARCHIVE@office.EXAMPLE",
                         "journal@elsewhere.example"):
            client.rcpt(accepted)
        for wrong, wanted in ((f"{nobody}@{host}", "550 5.1.1"), (f"{nobody}@any.example", "550 5.1.1"),
                              (f"someone@{host}", "550 5.1.1"), ("archive@branch.example", "550 5.1.1"),
                              ("someone@OFFICE.example", "550 5.1.1"), ("someone@elsewhere.example", "550 5.7.1"),
                              (f"someone@sub.{host}", "550 5.7.1")):
            client.rcpt(wrong, wanted)
        client.data(letter("recipients"))
    check(gateway.mailbox_status(mailbox)["waiting"] == 1, "four addresses of one mailbox are not one copy")
    gateway.ctl("mailbox", "suspend", mailbox.id)
    with Client(gateway) as client:
        client.mail()
        client.rcpt("archive@office.example", "450 4.2.1")
    gateway.ctl("mailbox", "resume", mailbox.id)
    # An alias that is taken away leads nowhere, and may be another's then.
    edit(gateway, mailbox, "--alias", "")
    edit(gateway, other, "--alias", "archive@office.example")
    with Client(gateway) as client:
        client.send(["archive@office.example"], letter("moved"))
        client.mail()
        client.rcpt("journal@elsewhere.example", "550 5.7.1")
    check(gateway.mailbox_status(other)["waiting"] == 1, "an alias did not move")
    test.count("aliases, domains, 450 and 550")


def too_large(test, gateway):
    """By what is announced, and by what comes; the session goes on."""
    mailbox = gateway.create_mailbox("Large")
    gateway.ctl("settings", "set", "smtp.max-message-size", "64K")
    large = letter("too large") + LINE * 66
    with Client(gateway) as client:
        check("\n250-SIZE 65536\n" in client.features, f"features: {client.features}")
        client.ask("MAIL FROM:<alice@sender.example> SIZE=65537", "552 5.3.4")
        client.send([mailbox.address], large, "552 5.3.4")
        client.mail()
        client.rcpt(mailbox.address)
        client.say(b"BDAT %d LAST\r\n" % len(large) + large)
        check(client.reply().startswith("552 5.3.4"), "BDAT of a message that is too large")
        client.send([mailbox.address], letter("small enough") + LINE * 64, parameters=" SIZE=65536")
    check(gateway.mailbox_status(mailbox)["received"] == 1, "the count of what came in")
    gateway.ctl("settings", "set", "smtp.max-message-size", "200M")
    test.count("552 for what is too large")


def envelope_of(data):
    found = re.search(rb"^X-Envelope-To:((?:[^\r\n]|\r\n[ \t])*)", data, re.M)
    return re.findall(rb"<([^>]*)>", found.group(1)) if found else None


QUOTED = ('"First"@office.example', r'"\bl\ind"@OFFICE.example', r'"two\ words"@office.example', '"ID"@any.example')


def envelope(test, gateway):
    first, second, third = (gateway.create_mailbox(name) for name in ("First", "Second", "Third"))
    edit(gateway, first, "--alias", "first@office.example", "--alias", "blind@office.example", "--alias", "müller@office.example",
         "--alias", '"two words"@office.example')
    check(edit(gateway, third, "--envelope-headers", "off")["envelope_headers"] == "off", "the switch")
    many = [f"{first.id}@branch{number}.example" for number in range(100)]
    with Client(gateway) as client:
        client.send(["First@office.example", second.address, "blind@office.example", third.address, first.address,
                     "blind@office.example"], letter("envelope"))
        client.send(["müller@office.example"], letter("utf8"), parameters=" SMTPUTF8")
        client.send(many, letter("many"))
        # Quotes that need not be there (RFC 5321 4.1.2), others, and the null sender.
        client.ask("MAIL FROM:<>", "250")
        for recipient in QUOTED:
            client.rcpt(recipient.replace("ID", first.id))
        client.rcpt('"first "@office.example', "550 5.1.1")
        client.data(letter("quoted"))
        # What its trace fields cannot hold is for another transaction.
        client.mail()
        refused = None
        for number in range(400):
            client.say(f"RCPT TO:<{first.id}@a-domain-of-some-length-{number}.example>\r\n")
            refused = client.reply()
            if not refused.startswith("250"):
                break
        check(number > 150 and refused.startswith("452 4.5.3"), f"after {number}: {refused}")
        client.rcpt(second.address)
        client.data(letter("full"))
    got = [collect_all(gateway, mailbox, gateway.context) for mailbox in (first, second, third)]
    check(envelope_of(got[0][0]) == [b"First@office.example", b"blind@office.example", first.address.encode()],
          f"the first mailbox has: {got[0][0][:900]}")
    check(envelope_of(got[1][0]) == [second.address.encode()] and b"first@" not in got[1][0].lower(),
          f"the second mailbox has: {got[1][0][:900]}")
    check(b"X-Envelope" not in got[2][0], f"the third mailbox has: {got[2][0][:900]}")
    check(b"X-Envelope-From: <alice@sender.example>\r\n" in got[0][0], "no X-Envelope-From")
    check(b"with ESMTPS" in got[0][0] and b"with UTF8SMTPS" in got[0][1], f"protocols: {got[0][1][:600]}")
    check(envelope_of(got[0][1]) == ["müller@office.example".encode()], "UTF-8 in the envelope")
    check(envelope_of(got[0][2]) == [address.encode() for address in many], "a hundred recipients of one mailbox")
    check(got[0][3].startswith(b"Return-Path: <>\r\n") and b"\r\nX-Envelope-From: <>\r\n" in got[0][3],
          f"the null sender: {got[0][3][:600]}")
    check(envelope_of(got[0][3]) == [recipient.replace("ID", first.id).encode() for recipient in QUOTED],
          "quoted recipients in the envelope")
    check(len(envelope_of(got[0][4])) == number, "as many as were accepted")
    test.count(f"envelopes of three mailboxes, {number} recipients at most")


def ten(test, gateway):
    mailboxes = [gateway.create_mailbox(f"Box {number}") for number in range(11)]
    with Client(gateway) as client:
        check("LIMITS RCPTMAX=10" in client.features, f"features: {client.features}")
        client.mail()
        for mailbox in mailboxes[:10]:
            client.rcpt(mailbox.address)
        client.rcpt(mailboxes[10].address, "452 4.5.3")
        client.rcpt(mailboxes[3].id + "@any.example")
        client.data(letter("ten"))
        gateway.ctl("settings", "set", "limits.recipients", "2")
        with Client(gateway) as another:
            check("LIMITS RCPTMAX=2" in another.features, f"features: {another.features}")
            another.mail()
            for mailbox, wanted in zip(mailboxes, ("250", "250", "452 4.5.3")):
                another.rcpt(mailbox.address, wanted)
        gateway.ctl("settings", "set", "limits.recipients", "10")
    for mailbox in mailboxes:
        waiting = gateway.mailbox_status(mailbox)["waiting"]
        check(waiting == (mailbox is not mailboxes[10]), f"{mailbox.id} has {waiting}")
    test.count("10 mailboxes in one transaction")


def room(test, gateway):
    """Other programs use the disk, too, so what is left is counted in gigabytes."""
    mailbox = gateway.create_mailbox("Room")
    gateway.ctl("settings", "set", "smtp.max-message-size", "2G")
    gateway.ctl("settings", "set", "storage.reserve", "1024G")
    with Client(gateway) as client:
        client.mail()
        client.rcpt(mailbox.address, "452 4.3.1")
        client.rcpt("someone@elsewhere.example", "550 5.7.1")
        # The announced size counts.
        free = gateway.status()["storage"]["free_bytes"]
        gateway.ctl("settings", "set", "storage.reserve", f"{free // 2**20 - 1024}M")
        wait_for("room", lambda: accepts(client, mailbox.address))
        client.ask("RSET", "250")
        client.mail(f" SIZE={2 << 30}")
        client.rcpt(mailbox.address, "452 4.3.1")
        client.ask("RSET", "250")
        client.send([mailbox.address], letter("room"), parameters=" SIZE=1000")
        client.mail()
        client.rcpt(mailbox.address)
        gateway.ctl("settings", "set", "storage.reserve", "1024G")
        client.ask("DATA", "452 4.3.1")
        gateway.ctl("settings", "set", "storage.reserve", "0")
        wait_for("room", lambda: accepts(client, mailbox.address))
    gateway.ctl("settings", "set", "smtp.max-message-size", "200M")
    test.count("room at RCPT and DATA")


def accepts(client, recipient):
    client.ask("RSET", "250")
    client.mail()
    client.say(f"RCPT TO:<{recipient}>\r\n")
    return client.reply().startswith("250")


# ---- locks ----


def problem(gateway, name):
    return next((row for row in gateway.status()["problems"] if row["id"] == name), None)


def act(gateway, row, label):
    """As a front end does: the method of the action, by its command."""
    action = next(action for action in row["actions"] if action["label"].startswith(label))
    command = next(method["command"] for method in gateway.ctl("methods") if method["name"] == action["method"])
    words = [word for key, value in action["params"].items() if key != "id" for word in (f"--{key}", value)]
    return gateway.ctl(*command.split(), action["params"]["id"], *words)


class Notified(threading.Thread):
    """Who has subscribed to notifications, as a front end does."""

    def __init__(self, gateway):
        super().__init__(daemon=True)
        path, = gateway.runtime.glob("lettergate/*.sock")
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile("rb")
        self.socket.sendall(b'{"jsonrpc":"2.0","id":1,"method":"subscribe"}\n')
        check("result" in json.loads(self.lines.readline()), "subscribe")
        self.topics = set()
        self.start()

    def run(self):
        with contextlib.suppress(OSError, ValueError):
            for line in self.lines:
                self.topics.update(json.loads(line).get("params", {}).get("topics", ()))

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.join()
        self.lines.close()
        self.socket.close()


def checked(gateway):
    """What a monitoring system learns: the exit status, and how many problems there are."""
    result = gateway.run_ctl("status", "--check")
    return result.returncode, int(re.search(r"\| problems=(\d+) ", result.stdout).group(1))


def network_lock(test, gateway):
    mailbox = gateway.create_mailbox("Locked")
    shown = edit(gateway, mailbox, "--networks", "microsoft365, 127.0.0.1")
    check(shown["networks"] == "microsoft365 127.0.0.1", f"networks: {shown}")
    must_fail(gateway, "mailbox", "edit", mailbox.id, "--networks", "127.0.0.1/8")
    with Client(gateway) as client:
        client.send([mailbox.address], letter("inside"))
    status, problems = checked(gateway)
    for number, label in ((2, "Allow"), (3, "Refuse")):
        source = f"127.0.0.{number}"
        name = f"lock {mailbox.id} network {source}"
        with Client(gateway, source) as client:
            notified = Notified(gateway)
            client.mail()
            client.rcpt(mailbox.address, "451 4.7.1")
            wait_for("the notification of the problem", lambda: "problems" in notified.topics)
            notified.close()
        check(checked(gateway) == (max(status, 1), problems + 1), f"status --check: {checked(gateway)}")
        row = problem(gateway, name)
        check(row and '"Locked"' in row["text"] and [action["label"] for action in row["actions"]] ==
              [f"Allow {source}", f"Refuse {source}"], f"the problem: {row}")
        act(gateway, row, label)
        check(problem(gateway, name) is None, f"{label} did not solve it")
        check(checked(gateway) == (status, problems), f"status --check: {checked(gateway)}")
    gateway.stop()
    gateway.start()
    with Client(gateway, "127.0.0.2") as client:
        client.send([mailbox.address], letter("allowed"))
    with Client(gateway, "127.0.0.3") as client:
        client.mail()
        client.rcpt(mailbox.address, "550 5.7.1")
    with Client(gateway, "127.0.0.4") as client:
        client.mail()
        client.rcpt(mailbox.address, "451 4.7.1")
    shown = gateway.ctl("mailbox", "show", mailbox.id)
    check((shown["networks_allowed"], shown["networks_refused"]) == ("127.0.0.2", "127.0.0.3"), f"show: {shown}")
    # Taken away, the lock asks nothing; what a person refused stays refused.
    edit(gateway, mailbox, "--networks", "")
    check(problem(gateway, f"lock {mailbox.id} network 127.0.0.4") is None, "the problem of no lock stands")
    with Client(gateway, "127.0.0.4") as client:
        client.send([mailbox.address], letter("open"))
    with Client(gateway, "127.0.0.3") as client:
        client.mail()
        client.rcpt(mailbox.address, "550 5.7.1")
    check(gateway.mailbox_status(mailbox)["waiting"] == 3, "the count of what came in")
    test.count("a lock on networks: 451, allow, refuse, 550")


def tenant_lock(test, gateway):
    mailbox, other = gateway.create_mailbox("Reports"), gateway.create_mailbox("Beside")
    with Client(gateway) as client:
        client.send([mailbox.address], letter("none"))
        client.send([mailbox.address], b"x-originatororg:\r\n\tContoso.onmicrosoft.com\r\n\r\nx\r\n")
        client.send([mailbox.address], REPORT % b"later.example")
    wait_for("the tenant to be shown",
             lambda: gateway.ctl("mailbox", "show", mailbox.id)["tenant_seen"] == "contoso.onmicrosoft.com")
    gateway.stop()
    gateway.start()
    check(gateway.ctl("mailbox", "show", mailbox.id)["tenant_seen"] == "contoso.onmicrosoft.com", "it is forgotten")
    shown = edit(gateway, mailbox, "--tenant", "contoso.onmicrosoft.com")
    check((shown["tenant"], shown["tenant_seen"]) == ("contoso.onmicrosoft.com", ""), f"edit: {shown}")
    with Client(gateway) as client:
        client.send([mailbox.address], REPORT % b"CONTOSO.onmicrosoft.com")
        big = REPORT % b"fabrikam.example" + b"y" * 2000000 + b"\r\n"
        client.send([mailbox.address], big, "451 4.7.1")
        client.send([mailbox.address], REPORT % b"tailspin.example", "451 4.7.1")
        client.send([mailbox.address], letter("no tenant"), "451 4.7.1")
        # In the body it says nothing; a header without a body has an end, too.
        client.send([mailbox.address], b"Subject: x\r\n\r\n" + REPORT % b"contoso.onmicrosoft.com", "451 4.7.1")
        client.send([mailbox.address], b"X-OriginatorOrg: contoso.onmicrosoft.com\r\n")
        client.send([mailbox.address], b"Subject: only a header\r\n", "451 4.7.1")
        # One answer is for all recipients, so others are not mixed with it.
        client.mail()
        client.rcpt(mailbox.address)
        client.rcpt(other.address, "452 4.5.3")
        client.rcpt(mailbox.id + "@any.example")
        client.ask("RSET", "250")
        client.mail()
        client.rcpt(other.address)
        client.rcpt(mailbox.address, "452 4.5.3")
    none = problem(gateway, f"lock {mailbox.id} no-tenant 127.0.0.1")
    check(none and [action["label"] for action in none["actions"]] == ["Allow 127.0.0.1", "Refuse 127.0.0.1"],
          f"without a tenant: {none}")
    for source, label in (("127.0.0.2", "Allow"), ("127.0.0.3", "Refuse")):
        name = f"lock {mailbox.id} no-tenant {source}"
        with Client(gateway, source) as client:
            client.send([mailbox.address], letter("no tenant"), "451 4.7.1")
        act(gateway, problem(gateway, name), label)
        check(problem(gateway, name) is None, f"{label} did not solve it")
    with Client(gateway, "127.0.0.2") as client:
        client.send([mailbox.address], letter("no tenant"))
        client.send([mailbox.address], REPORT % b"unknown.example", "451 4.7.1")
    with Client(gateway, "127.0.0.3") as client:
        client.mail()
        client.rcpt(mailbox.address, "550 5.7.1")
    for tenant, label in (("fabrikam.example", "Allow"), ("tailspin.example", "Refuse")):
        name = f"lock {mailbox.id} tenant {tenant}"
        row = problem(gateway, name)
        check(row and "127.0.0.1" in row["text"], f"the problem: {row}")
        act(gateway, row, label)
        check(problem(gateway, name) is None, f"{label} did not solve it")
    with Client(gateway) as client:
        client.send([mailbox.address], REPORT % b"fabrikam.example")
        client.send([mailbox.address], REPORT % b"tailspin.example", "550 5.7.1")
        client.send([other.address], letter("goes on"))
    check(gateway.mailbox_status(mailbox)["waiting"] == 7, "the count of what came in")
    edit(gateway, mailbox, "--tenant", "")
    check(problem(gateway, none["id"]) is None, "the problem of no lock stands")
    test.count("a lock on a tenant: seen, confirmed, 451, allow, refuse, 550")


# ---- limits ----


def commands_and_sessions(test, gateway):
    gateway.ctl("settings", "set", "limits.commands", "12")
    mailbox = gateway.create_mailbox("Commands")
    with Client(gateway) as client:
        client.send([mailbox.address], letter("commands"))
        for _ in range(12):
            client.ask("NOOP", "250")
        client.ask("NOOP", "421 4.7.0")
    gateway.ctl("settings", "set", "limits.commands", "1000")
    gateway.ctl("settings", "set", "limits.errors", "4")
    with Client(gateway) as client:
        for line in ("NONSENSE", "EXPN staff", "VRFY", "AUTH PLAIN AGEAYg=="):
            client.ask(line, "5")
            client.ask("NOOP", "250")
        client.ask("NONSENSE", "421 4.7.0")
    gateway.ctl("settings", "set", "limits.errors", "20")
    gateway.ctl("settings", "set", "limits.sessions-per-address", "3")
    held = [Client(gateway, "127.0.0.9") for _ in range(3)]
    with Wire(gateway.ports["smtp"], "127.0.0.9") as fourth:
        answer = fourth.reply()
        check(answer.startswith("421 4.7.0"), f"the fourth of an address: {answer}")
    with Client(gateway, "127.0.0.10") as another:
        another.ask("NOOP", "250")
    for client in held:
        client.ask("QUIT", "221")
        client.socket.close()
    wait_for("room for the address", lambda: greeted(gateway, "127.0.0.9"))
    gateway.ctl("settings", "set", "limits.sessions-per-address", "50")
    # Who has a recipient keeps the place; who has none gives way.
    gateway.ctl("settings", "set", "limits.sessions", "3")
    held = [Client(gateway) for _ in range(3)]
    for client in held[:2]:
        client.mail()
        client.rcpt(mailbox.address)
    held.append(Client(gateway))
    check(held[2].reply().startswith("421 4.3.2"), "the one that gives way")
    held[3].mail()
    held[3].rcpt(mailbox.address)
    for port, wanted in (("smtp", "421 4.3.2"), ("submission", "421 4.3.2"), ("pop3", "-ERR [SYS/TEMP]")):
        with Wire(gateway.ports[port]) as late:
            answer = late.line()
            check(answer.startswith(wanted), f"one more than limits.sessions: {answer}")
    for client in (held[0], held[1], held[3]):
        client.data(letter("held"))
        client.socket.close()
    gateway.ctl("settings", "set", "limits.sessions", "1000")
    test.count("limits.commands, limits.errors, limits.sessions and limits.sessions-per-address")


def greeted(gateway, source):
    with Wire(gateway.ports["smtp"], source) as client:
        return client.reply().startswith("220")


def begin(gateway, mailbox, parameters=""):
    client = Client(gateway)
    client.mail(parameters)
    client.rcpt(mailbox.address)
    client.ask("DATA", "354")
    return client


def finish(client, wanted):
    client.say("\r\n.\r\n")
    answer = client.reply()
    check(answer.startswith(wanted), f"the end of DATA: {answer}, not {wanted}")


def bytes_in_flight(test, gateway):
    gateway.ctl("settings", "set", "limits.bytes-in-flight", "2M")
    mailbox, probe = gateway.create_mailbox("Flight"), gateway.create_mailbox("Probe")
    # Alone, a message may have any size.
    with Client(gateway) as client:
        client.send([mailbox.address], LINE * 5000, parameters=" SIZE=5000000")
    with begin(gateway, mailbox) as first:
        first.say(LINE * 1500)
        with Client(gateway) as second:
            wait_for("the first to be counted", lambda: is_refused(second, probe))
            second.send([mailbox.address], LINE * 100, parameters=" SIZE=100000")
        # What announced nothing and grows too large gives way.
        with begin(gateway, mailbox) as third:
            third.say(LINE * 1500)
            finish(third, "452 4.3.1")
            third.send([mailbox.address], LINE * 100)
        first.say(LINE * 100)
        finish(first, "250")
    gateway.ctl("settings", "set", "limits.bytes-in-flight", "512M")
    check(gateway.mailbox_status(mailbox)["waiting"] == 4, "the count of what came in")
    test.count("limits.bytes-in-flight")


def is_refused(client, mailbox):
    client.mail(" SIZE=1000000")
    client.rcpt(mailbox.address)
    client.say("DATA\r\n")
    answer = client.reply()
    if answer.startswith("354"):
        client.say(".\r\n")
        client.reply()
    return answer.startswith("452 4.3.1")


class Slow(threading.Thread):
    """A message that comes at a steady rate."""

    def __init__(self, gateway, mailbox, octets, seconds):
        super().__init__()
        self.client = begin(gateway, mailbox)
        self.octets, self.seconds = octets, seconds
        self.answer = self.took = None

    def run(self):
        began = time.monotonic()
        self.client.socket.settimeout(1)
        try:
            while time.monotonic() - began < self.seconds:
                self.client.say(b"s" * (self.octets - 2) + b"\r\n")
                try:
                    self.answer = self.client.reply()
                    break
                except TimeoutError:
                    pass
            else:
                self.client.socket.settimeout(30)
                self.client.say(".\r\n")
                self.answer = self.client.reply()
        except (OSError, EOFError) as error:
            self.answer = repr(error)
        self.took = time.monotonic() - began
        self.client.socket.close()


def slow_messages(test):
    """On a gateway of their own, beside everything else: a minute has to pass."""
    gateway = Gateway(test.bin, test.work, {"smtp.min-rate": "1K"}, "slow")
    test.cleanups.callback(gateway.close)
    gateway.start()
    gateway.context = client_context(gateway.authority())
    mailbox = gateway.create_mailbox("Slow")
    slow = [Slow(gateway, mailbox, 20, 100), Slow(gateway, mailbox, 3000, 62)]
    for thread in slow:
        thread.start()

    def judge():
        for thread in slow:
            thread.join(120)
        check(slow[0].answer.startswith("421 4.4.2") and 55 < slow[0].took < 75,
              f"20 octets a second: {slow[0].answer} after {slow[0].took} s")
        check(slow[1].answer.startswith("250"), f"3,000 octets a second: {slow[1].answer}")
        check("event=smtp.too-slow " in gateway.log_tail(1 << 20), "the log tells nothing of a message that is too slow")
        gateway.stop()
        test.count("a slow message is cut after a minute, another one is not")

    return judge


# ---- silence ----


def pressure(test, gateway):
    """While connections are scarce those that say nothing have less time."""
    for key, value in (("timeouts.smtp", "6s"), ("timeouts.smtp-pressure", "1s"), ("limits.sessions", "8")):
        gateway.ctl("settings", "set", key, value)
    mailbox = gateway.create_mailbox("Pressure")
    with Client(gateway) as calm:
        check(calm.is_silent(2.5), "a session without need was ended early")
        calm.ask("NOOP", "250")
        began = time.monotonic()
        check(calm.reply().startswith("421 4.4.2"), "the end of silence")
        check(4.5 < time.monotonic() - began < 12, f"silence ended after {time.monotonic() - began} s, not 6")
    sender = Client(gateway)
    sender.mail()
    sender.rcpt(mailbox.address)
    silent = [Wire(gateway.ports["smtp"]) for _ in range(6)]
    for client in silent:
        client.reply()
    began = time.monotonic()
    last = silent[0].reply()
    check(last.startswith("421 4.4.2") and time.monotonic() - began < 3.5,
          f"a silent session while connections are scarce: {last} after {time.monotonic() - began} s")
    time.sleep(max(0, began + 3.5 - time.monotonic()))
    sender.data(letter("pressure"))
    for client in (sender, *silent):
        client.socket.close()
    for key, value in (("timeouts.smtp", "5m"), ("timeouts.smtp-pressure", "30s"), ("limits.sessions", "1000")):
        gateway.ctl("settings", "set", key, value)
    test.count("timeouts.smtp-pressure")


def silent(test, gateway):
    """2,000 connections that say nothing, from 40 addresses, to every listener; and they keep coming."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    mailbox = gateway.create_mailbox("Flood")
    ports = [gateway.ports[name] for name in ("smtp", "smtps", "submission", "pop3", "pop3s")]
    held, ended = [], threading.Event()

    def flood(number, count):
        for i in range(count):
            if ended.is_set():
                return
            held.append(Wire(ports[i % 5], f"127.0.{number % 40 + 1}.1"))
            if number >= 40:
                time.sleep(0.01)

    for number in range(40):
        flood(number, 50)
    check(len(held) == 2000, f"{len(held)} connections")
    more = threading.Thread(target=flood, args=(40, 3000))
    more.start()
    try:
        took = []
        for number in range(5):
            began = time.monotonic()
            with Client(gateway) as client:
                client.send([mailbox.address], letter(f"flood-{number}"))
            took.append(time.monotonic() - began)
    finally:
        ended.set()
        more.join()
    check(max(took) < 15, f"a sender took {max(took)} s")
    got = collect_all(gateway, mailbox, gateway.context)
    check(len(got) == 5, f"{len(got)} of 5 messages came through the flood")
    for client in held:
        client.socket.close()
    wait_for("the gateway to be calm", lambda: greeted(gateway, "127.0.0.1"))
    test.count(f"{len(held)} silent connections, a sender needs {max(took):.1f} s at most")


def main(test):
    gateway = test.gateway()
    gateway.context = client_context(gateway.authority())
    judge_slow = slow_messages(test)
    for part in (recipients, too_large, envelope, ten, room, commands_and_sessions, bytes_in_flight, network_lock,
                 tenant_lock, pressure, silent):
        part(test, gateway)
    judge_slow()
    log = gateway.log_tail(1 << 20)
    for event in ("smtp.gave-way", "mailbox.tenant-seen", "mailbox.allowed", "mailbox.refused"):
        if f"event={event} " not in log:
            raise Failure(f"the log tells nothing of {event}")
    gateway.stop()


run(main)
