"""Logging in to a mailbox: AUTH, the hand-over from a session that fell silent, and what guessing costs.

The whole of 127.0.0.0/8 is this computer, so the archive and those who guess come from different addresses.
"""

import base64
import contextlib
import os
import pathlib
import threading
import time

import peers
from collector import Collector, Refused, client_context, collect_all, compare
from harness import Failure, Gateway, check, run, wait_for
from messages import Maker, Message
from senders import Sender

TAKEOVER = 2  # seconds; timeouts.pop3-takeover
PATIENCE = 20  # for what takes next to no time on a machine that is not busy


def base64_of(*parts):
    return base64.b64encode("\0".join(parts).encode()).decode()


def open_session(gateway, context, source=None, timeout=120):
    return Collector(gateway.ports["pop3s"], context, source=source, timeout=timeout)


def refusal(collector, *commands):
    """What the last of the commands is refused with; the others are answered +OK or +."""
    for command in commands[:-1]:
        collector.send(command)
        line = collector.line()
        check(line.startswith(b"+"), f"{command}: {line!r}")
    try:
        collector.command(commands[-1])
    except Refused as refused:
        return str(refused)
    raise Failure(f"{commands[-1]} is not refused")


def send(gateway, context, mailbox, *messages):
    with Sender(gateway.ports["smtp"], context) as sender:
        for message in messages:
            sender.send_data("alice@sender.example", mailbox.address, message.data)
    return list(messages)


# ---- AUTH ----

def auth_by_hand(test, gateway, context, mailbox):
    at_home = f"{mailbox.id}@elsewhere.example"
    ways = (
        [f"AUTH PLAIN {base64_of('', mailbox.id, mailbox.password)}"],
        [f"AUTH PLAIN {base64_of(at_home, at_home, mailbox.password)}"],
        ["AUTH PLAIN", base64_of("", mailbox.address, mailbox.password)],
        ["AUTH LOGIN", base64_of(mailbox.id), base64_of(mailbox.password)],
        [f"AUTH LOGIN {base64_of(mailbox.address)}", base64_of(mailbox.password)],
        [f"USER {mailbox.address}", f"PASS {mailbox.password}"],
    )
    for commands in ways:
        with open_session(gateway, context) as collector:
            for command in commands[:-1]:
                collector.send(command)
                check(collector.line().startswith(b"+"), command)
            collector.command(commands[-1])
            check(collector.stat() == (0, 0), "STAT behind the login")
            collector.command("CAPA")
            offered = [line.decode() for line in collector.listing()]
            check("SASL PLAIN LOGIN" in offered and "EXPIRE NEVER" in offered and "UTF8 USER" in offered
                  and any(line.startswith("IMPLEMENTATION Lettergate-") for line in offered), f"CAPA: {offered}")
            collector.quit()
    with open_session(gateway, context) as collector:
        collector.command("UTF8")
        said = refusal(collector, f"AUTH PLAIN {base64_of('mbx-other', mailbox.id, mailbox.password)}")
        check("[AUTH]" in said, said)
        check("-ERR" in refusal(collector, "AUTH PLAIN", "*"), "a cancelled exchange")
        check("-ERR" in refusal(collector, "AUTH PLAIN !"), "what is no base64")
        check("[AUTH]" in refusal(collector, f"AUTH PLAIN {base64_of('', mailbox.id, 'wrong')}"), "wrong password")
        check("-ERR" in refusal(collector, "STAT"), "STAT without a login")
    with Collector(gateway.ports["pop3"], context, starttls=True) as collector:
        collector.command(ways[0][0])
        collector.quit()
    test.count(f"AUTH: {len(ways) + 1} ways in, and none with what is wrong")


def auth_by_curl(test, gateway, authority, context):
    mailbox = gateway.create_mailbox("curl")
    maker = Maker("logins-curl")
    sent = send(gateway, context, mailbox, *(message for message in maker.canonical(3)))
    configuration = test.work / "curlrc"
    configuration.write_text(f'user = "{mailbox.id}:{peers.quoted(mailbox.password)}"\ncacert = "{authority}"\n')
    configuration.chmod(0o600)
    for mechanism, initial in (("PLAIN", True), ("PLAIN", False), ("LOGIN", True), ("LOGIN", False)):
        collected = []
        for number in range(1, len(sent) + 1):
            result = peers.run(["curl", "--verbose", "--silent", "--show-error", "--config", configuration,
                                "--login-options", f"AUTH={mechanism}", *(["--sasl-ir"] if initial else []),
                                f"pop3s://localhost:{gateway.ports['pop3s']}/{number}"],
                               dict(os.environ, HOME=str(test.work)))
            told = result.stderr if isinstance(result.stderr, str) else result.stderr.decode("utf-8", "replace")
            check(f"> AUTH {mechanism}" in told, f"curl did not use AUTH {mechanism}:\n{told}")
            collected.append(result.stdout)
        compare(sent, collected, f"curl with {mechanism}")
    test.count("curl: AUTH PLAIN and AUTH LOGIN, with and without an initial response")


# ---- the hand-over ----

def must_be_in_use(gateway, context, mailbox, when):
    with open_session(gateway, context) as collector:
        collector.command(f"USER {mailbox.id}")
        said = refusal(collector, f"PASS {mailbox.password}")
        check("[IN-USE]" in said, f"{when}: {said}")


def take_over(gateway, context, mailbox):
    """Logs in as soon as that is possible."""
    def try_it():
        collector = open_session(gateway, context)
        try:
            return collector.login(mailbox.id, mailbox.password)
        except Refused as refused:
            collector.socket.close()
            check("[IN-USE]" in str(refused), str(refused))
            return None

    return wait_for("the other session to fall silent for long enough", try_it, PATIENCE, 0.2)


@contextlib.contextmanager
def kept_up(step, every):
    """Meanwhile the session is anything but silent, however long a login takes on a busy machine."""
    ending, troubles = threading.Event(), []

    def keep_up():
        try:
            while not ending.wait(every):
                step()
        except Exception as trouble:
            troubles.append(trouble)

    thread = threading.Thread(target=keep_up)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()
    check(not troubles, f"the session that is kept up: {troubles}")


def talking(session):
    return kept_up(lambda: session.command("NOOP"), 0.2)


def silent_session(test, gateway, context, mailbox, sent):
    with open_session(gateway, context).login(mailbox.id, mailbox.password) as crashed:
        crashed.delete(1)
        began = time.monotonic()
        # Talking keeps it, silence does not.
        with talking(crashed):
            while time.monotonic() < began + TAKEOVER + 1:
                must_be_in_use(gateway, context, mailbox, "while the first session talks")
        began = time.monotonic()
        with take_over(gateway, context, mailbox) as second:
            check(time.monotonic() - began > TAKEOVER - 0.5, "the first session was ended too early")
            check(second.stat()[0] == len(sent), "the first session deleted something")
            check("[SYS/TEMP]" in refusal(crashed, "QUIT"), "the first session is not told")
            try:
                crashed.line()
            except (Failure, OSError):
                pass
            else:
                raise Failure("the first session goes on")
            with talking(second):
                must_be_in_use(gateway, context, mailbox, "behind a take-over")
            second.quit()
    check(gateway.mailbox_status(mailbox)["waiting"] == len(sent), "the session that was ended deleted something")
    test.count("a silent session is taken over, and deletes nothing")


def dropped_session(test, gateway, context, mailbox, sent):
    """What is marked stays when the connection goes without QUIT, and the next login need not wait."""
    with open_session(gateway, context).login(mailbox.id, mailbox.password) as dropped:
        dropped.delete(*range(1, len(sent) + 1))
        check(dropped.stat()[0] == 0, "DELE marks nothing")
    began = time.monotonic()
    with take_over(gateway, context, mailbox) as second:
        check(time.monotonic() - began < PATIENCE, "a dropped connection keeps its mailbox")
        check(second.stat()[0] == len(sent), "a dropped connection deleted something")
        second.quit()
    test.count("a dropped connection deletes nothing")


def reading_session(test, gateway, context, mailbox):
    """A client that reads a long message is not silent; one that has stopped reading is."""
    with Collector(gateway.ports["pop3s"], context, timeout=60) as reader:
        reader.login(mailbox.id, mailbox.password)
        number = max(reader.list().items(), key=lambda row: row[1])[0]
        reader.send(f"RETR {number}")
        check(reader.line().startswith(b"+OK"), "RETR is refused")
        read = 0

        def read_some():
            nonlocal read
            for _ in range(2):  # a record of TLS each
                size = len(reader.socket.recv(65536))
                check(size, "the connection of a client that reads was closed")
                read += size

        began = time.monotonic()
        with kept_up(read_some, 0.05):
            while time.monotonic() < began + 2 * TAKEOVER + 1:
                before = read
                must_be_in_use(gateway, context, mailbox, f"while a message is read, after {before} octets")
                wait_for("more of the message", lambda: read > before, PATIENCE)
        with take_over(gateway, context, mailbox) as second:
            second.quit()
        # Cut off: what comes now may be what was under way, but no end of the message.
        tail = b""
        try:
            while chunk := reader.socket.recv(262144):
                tail = (tail + chunk)[-16:]
        except OSError:
            pass
        check(not tail.endswith(b"\r\n.\r\n"), "a message that was cut off looks whole")
    test.count("a client that reads keeps its session, one that stopped does not")


# ---- guessing ----

def guess(gateway, context, name, source, password="a wrong password"):
    """How long the refusal of one wrong password takes, and its words."""
    with open_session(gateway, context, source) as collector:
        collector.command(f"USER {name}")
        began = time.monotonic()
        try:
            collector.command(f"PASS {password}")
        except Refused as refused:
            return time.monotonic() - began, str(refused)
    raise Failure("a wrong password is taken")


def cpu_seconds(gateway):
    fields = pathlib.Path(f"/proc/{gateway.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def alike(test, gateway, context):
    """Whether a mailbox exists, and whether it takes mail, cannot be told from the work or the words of a refusal. The
    work, since on a busy machine everything takes its time."""
    known = [gateway.create_mailbox(f"known {number}").id for number in range(3)]
    gateway.ctl("mailbox", "suspend", known[2])
    # Two failures for each: the fourth would be slowed.
    names = {"known": known * 2, "unknown": [f"mbx-{number:032x}" for number in range(6)],
             "no id": [f"info-{number}" for number in range(6)]}
    work = {kind: [] for kind in names}
    words = set()
    for number in range(6):
        for place, (kind, of_kind) in enumerate(names.items()):
            before = cpu_seconds(gateway)
            words.add(guess(gateway, context, of_kind[number], f"127.0.5.{3 * number + place + 1}")[1])
            work[kind].append(cpu_seconds(gateway) - before)
    check(len(words) == 1, f"refusals differ: {words}")
    least = {kind: min(seconds) for kind, seconds in work.items()}
    check(max(least.values()) < 1.6 * min(least.values()), f"refusals cost {work}")
    test.count("refusals of known and unknown names cost the same: " +
               ", ".join(f"{kind} {1000 * seconds:.0f} ms" for kind, seconds in least.items()))


def slowed(test, gateway, context, mailbox, archive_mailbox):
    """From ever other addresses at one name that exists and one that does not, and from one address at ever other
    names: three at a time, each slowed alike."""
    waits = {"exists": [], "unknown": [], "address": []}
    words = set()
    troubles = []

    def work(kind, name_of, source_of):
        try:
            for number in range(6):
                seconds, said = guess(gateway, context, name_of(number), source_of(number))
                waits[kind].append(seconds)
                words.add(said)
        except Exception as trouble:
            troubles.append(trouble)

    threads = [threading.Thread(target=work, args=arguments) for arguments in (
        ("exists", lambda n: f"{mailbox.id}@d{n}.example", lambda n: f"127.0.2.{n + 1}"),
        ("unknown", lambda n: "mbx-" + "ab" * 16, lambda n: f"127.0.3.{n + 1}"),
        ("address", lambda n: f"name-{n}", lambda n: "127.0.4.1"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(not troubles, str(troubles[:1]))
    for kind, seconds in waits.items():
        for number, least in ((3, 1), (4, 2), (5, 4)):
            check(seconds[number] >= least, f"{kind}: refusal {number + 1} came after {seconds[number]:.2f} s, "
                                            f"not after {least}")
        # Less the time of the hashing, which is there each time.
        check(seconds[5] - min(seconds[:3]) >= 3, f"{kind}: the first three are slowed, too: {seconds}")
    check(len(words) == 1, f"refusals differ: {words}")
    # The next failure would wait eight seconds; the archive's password does not.
    began = time.monotonic()
    with open_session(gateway, context).login(mailbox.id, mailbox.password) as collector:
        took = time.monotonic() - began
        collector.quit()
    hashing = min(min(seconds) for seconds in waits.values())
    check(took < 5 + hashing, f"guesses from elsewhere delay the archive by {took:.1f} s")
    # From the slowed address right takes as long as wrong.
    with open_session(gateway, context, "127.0.4.1") as collector:
        collector.command(f"USER {archive_mailbox.id}")
        began = time.monotonic()
        collector.command(f"PASS {archive_mailbox.password}")
        took_there = time.monotonic() - began
        collector.quit()
    check(took_there >= 8, f"a slowed address hears after {took_there:.1f} s that a password is right")
    told = [row for row in gateway.status()["problems"] if row["id"] == "login-attack 127.0.4.1"]
    check(len(told) == 1 and "127.0.4.1" in told[0]["text"] and told[0]["remedy"], f"problems: {told}")
    check(not [row for row in gateway.status()["problems"] if row["id"].startswith("login-attack 127.0.2.")],
          "a problem names an address that failed once")
    test.count("guesses wait 1, 2, 4 s by name and by address, whether a mailbox exists or not; the archive waited "
               f"{took:.1f} s")


def ended_while_waiting(test, gateway, context):
    """A client that does not wait for its refusal, and a gateway that stops before one is due."""
    hasty = open_session(gateway, context, "127.0.4.1")
    hasty.command("USER nobody")
    hasty.send("PASS a wrong password")
    time.sleep(1)
    hasty.socket.close()
    waiting = open_session(gateway, context, "127.0.4.1")
    waiting.command("USER nobody")
    waiting.send("PASS a wrong password")
    time.sleep(1)
    began = time.monotonic()
    gateway.stop()
    check(time.monotonic() - began < PATIENCE, "the gateway waits for a refusal that is not due yet")
    waiting.socket.close()
    test.count("clients and the gateway may go while an answer waits")


def start(test):
    gateway = Gateway(test.bin, test.work, {"workers": "4", "timeouts.pop3-takeover": f"{TAKEOVER}s",
                                            "limits.login-failures": "5"})
    test.cleanups.callback(gateway.close)
    return gateway.start()


def main(test):
    gateway = start(test)
    default = gateway.ctl("settings", "get", "timeouts.pop3-takeover")["default"]
    check(default == "1m", f"a session is taken over after {default}")
    authority = gateway.authority()
    context = client_context(authority)
    empty = gateway.create_mailbox("Empty")
    auth_by_hand(test, gateway, context, empty)
    auth_by_curl(test, gateway, authority, context)
    mailbox = gateway.create_mailbox("Hand-over")
    maker = Maker("logins")
    sent = send(gateway, context, mailbox, *maker.canonical(3))
    silent_session(test, gateway, context, mailbox, sent)
    dropped_session(test, gateway, context, mailbox, sent)
    maker.number += 1
    sent += send(gateway, context, mailbox, Message(maker.number, "long", maker.attachment(48 << 20), maker.secret))
    reading_session(test, gateway, context, mailbox)
    compare(sent, collect_all(gateway, mailbox, context), "after every hand-over")
    alike(test, gateway, context)
    slowed(test, gateway, context, mailbox, empty)
    ended_while_waiting(test, gateway, context)


run(main)
