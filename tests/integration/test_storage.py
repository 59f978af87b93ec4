"""Files that no mailbox names come back into their mailboxes; and the store is moved to another folder and back, while
mail comes, and killed in the middle of it: whatever was acknowledged is there, in one place."""

import json
import os
import random
import shutil
import subprocess
import threading
import time

from collector import client_context, collect_all, compare
from harness import LONG, Failure, check, run, wait_for
from messages import Maker
from senders import Sender

LARGE = 150_000  # octets: in a file of its own
KILLS = 25 if LONG else 4


def refused(gateway, *arguments, says):
    result = gateway.run_ctl(*arguments)
    check(result.returncode == 1 and says in result.stderr,
          f"{arguments}: exit status {result.returncode}, {says!r} is not in {result.stderr!r}")


def send(gateway, context, addresses, messages):
    with Sender(gateway.ports["smtps"], context, implicit_tls=True) as sender:
        for message in messages:
            sender.send_data("a@sender.example", addresses, message.data)
    return messages


def large(maker, count):
    return [maker.make(lambda self: self.attachment(LARGE + 1000 * self.number)) for _ in range(count)]


def lost(gateway):
    return sorted(path.name for path in (gateway.data / "bodies" / "lost").iterdir())


def must_verify(gateway, *boxes):
    for box in boxes:
        check(gateway.ctl("ledger", "verify", box.id)["ok"], f"the ledger of {box.id} differs")


# ---- recover ----


def recovering(test, gateway, context):
    one, two, gone = (gateway.create_mailbox(name) for name in ("One", "Two", "Gone"))
    maker = Maker("lost")
    check(gateway.ctl("storage", "recover") == {"ok": True, "found": 0, "returned": 0, "added": 0, "left": 0,
                                                "reasons": []}, "recover without anything lost")
    kept = send(gateway, context, [one.address], large(maker, 2))
    gateway.stop()
    shutil.copy(gateway.data / "lettergate.db", test.work / "earlier.db")
    gateway.start()
    # What these have is forgotten by an index that is put back.
    alone = send(gateway, context, [one.address], large(maker, 3))
    shared = send(gateway, context, [one.address, two.address], large(maker, 1))
    foreign = send(gateway, context, [gone.address], large(maker, 1))
    gateway.stop()
    shutil.copy(test.work / "earlier.db", gateway.data / "lettergate.db")
    gateway.start()
    check(len(lost(gateway)) == 5, f"in bodies/lost: {lost(gateway)}")
    gateway.ctl("mailbox", "suspend", gone.id)
    gateway.ctl("mailbox", "delete", gone.id, "--yes")
    gateway.ctl("mailbox", "suspend", two.id)
    places = gateway.data / "bodies" / "lost"
    (places / ("f" * 32)).write_bytes(b"no mail, or so it seems" * 20)
    (places / "notes.txt").write_text("not ours")
    shutil.copy(places / lost(gateway)[0], places / ("e" * 32))

    result = gateway.run_ctl("storage", "recover", as_json=True)
    report = json.loads(result.stdout)
    check(result.returncode == 1 and report["found"] == 7 and report["added"] == 3 and report["left"] == 4, f"{report}")
    for words in ("is suspended", "not here", "not a stored message", "called like another"):
        check(any(words in text for text in report["reasons"]), f"{words!r} is not among {report['reasons']}")
    gateway.ctl("mailbox", "resume", two.id)
    report = json.loads(gateway.run_ctl("storage", "recover", as_json=True).stdout)
    check(report["added"] == 2 and report["left"] == 3 and report["returned"] == 0, f"{report}")
    check(len(lost(gateway)) == 4 and "notes.txt" in lost(gateway), f"in bodies/lost: {lost(gateway)}")
    must_verify(gateway, one, two)
    exported = gateway.ctl("ledger", "export", one.id, "--to", str(test.work / "one.csv"), text=one.password + "\n")
    check(exported["rows"] == 6 and exported["unopened"] == 0, f"{exported}")
    compare(kept + alone + shared, collect_all(gateway, one, context, delete=False), "found again")
    compare(shared, collect_all(gateway, two, context), "found again, the other mailbox")
    must_verify(gateway, one, two)
    check(len(foreign) == 1 and not any(name in lost(gateway) for name in os.listdir(gateway.data / "bodies")), "twice")
    for name in lost(gateway):
        (places / name).unlink()
    test.count("5 copies found again, 4 kinds of files left where they are")
    return one, kept + alone + shared


def returning(test, gateway, context, box, messages):
    """A message that lacks its bytes is set aside, until they are found."""
    gateway.stop()
    bodies = gateway.data / "bodies"
    name = sorted(path.name for path in bodies.iterdir() if path.is_file())[0]
    (bodies / name).rename(bodies / "lost" / name)
    gateway.start()
    check(lost(gateway) == [name], "a start touches what is lost")
    wait_for("the problem of the damaged message", lambda: damaged(gateway, context, box), 20)
    check(len(collect_all(gateway, box, context, delete=False)) == len(messages) - 1, "the others")
    report = gateway.ctl("storage", "recover")
    check(report["returned"] == 1 and report["added"] == 0 and not lost(gateway), f"{report}")
    check(not problems(gateway, f"damaged-message {box.id}"), "the problem stays")
    compare(messages, collect_all(gateway, box, context, delete=False), "given back")
    must_verify(gateway, box)
    test.count("a message whose file went astray is whole again")


def problems(gateway, prefix):
    return [row for row in gateway.status()["problems"] if row["id"].startswith(prefix)]


def damaged(gateway, context, box):
    try:
        collect_all(gateway, box, context, delete=False)
    except (Failure, OSError):
        pass
    return problems(gateway, f"damaged-message {box.id}")


# ---- move ----


class Sending(threading.Thread):
    """Sends until it is stopped, over starts of the gateway; knows what was acknowledged."""

    def __init__(self, gateway, authority, box, seed):
        super().__init__(daemon=True)
        self.gateway, self.context, self.box = gateway, client_context(authority), box
        self.maker = Maker(seed)
        self.acknowledged, self.doubtful = [], []
        self.stop = False

    def run(self):
        while not self.stop:
            message = None
            try:
                with Sender(self.gateway.ports["smtps"], self.context, implicit_tls=True) as sender:
                    while not self.stop:
                        kind = self.maker.random.choice((Maker.plain, Maker.attachment))
                        message = self.maker.make(kind)
                        sender.send_data("a@sender.example", self.box.address, message.data)
                        self.acknowledged.append(message)
                        message = None
            except Exception:
                # It is down, or starts again on another port.
                if message:
                    self.doubtful.append(message)
                time.sleep(0.05)


def find_ports(gateway):
    gateway.ports = {row["service"]: row["port"] for row in gateway.status()["listeners"]}


def move(gateway, path):
    report = gateway.ctl("storage", "move", str(path))
    find_ports(gateway)
    return report


def must_be_in(gateway, place, *others):
    check((place / "lettergate.db").exists() and (place / "bodies").is_dir(), f"the store is not in {place}")
    for other in others:
        left = [name for name in ("lettergate.db", "lettergate.db-wal", "bodies", "ballast", "moving") if (other / name).exists()]
        check(not left, f"{left} in {other}")
    check(not (gateway.data / "storage.move").exists() and not (place / "moving").exists(), "the move did not end")


def refusals(test, gateway):
    full = test.work / "full"
    full.mkdir()
    (full / "something").write_text("x")
    refused(gateway, "storage", "move", "relative/path", says="no whole path")
    refused(gateway, "storage", "move", str(full), says="not empty")
    refused(gateway, "storage", "move", str(gateway.data), says="already")
    refused(gateway, "storage", "move", str(gateway.data / "bodies" / "x"), says="lies in the folder")
    refused(gateway, "storage", "move", "/proc/lettergate", says="creating the folder")
    refused(gateway, "storage", "move", str(full / "something" / "x"), says="not a folder")
    check(os.listdir(full) == ["something"], "a refused move left something")
    test.count("6 places that cannot be moved to are refused")


def moving(test, gateway, authority, box, messages):
    place = test.work / "disk" / "mail"
    data = gateway.data
    context = client_context(authority)
    sending = Sending(gateway, authority, box, "moving")
    sending.start()
    wait_for("mail", lambda: len(sending.acknowledged) > 5)
    report = move(gateway, place)
    check(report["from"] == str(data) and report["to"] == str(place), f"{report}")
    must_be_in(gateway, place, data)
    count = len(sending.acknowledged)
    wait_for("mail after the move", lambda: len(sending.acknowledged) > count + 3)
    sending.stop = True
    sending.join(60)
    must = messages + sending.acknowledged
    got = collect_all(gateway, box, context, delete=False)
    compare(must, with_ids(got, must), "after the move")
    must_verify(gateway, box)
    # A start finds it, and does not begin anew where a disk is missing.
    gateway.stop()
    gateway.start()
    place.rename(place.with_name("unmounted"))
    gateway.stop()
    ended = subprocess.run([str(gateway.bin / "lettergated"), "--data", str(data)], capture_output=True, text=True,
                           timeout=60, env=gateway.environment)
    check(ended.returncode != 0 and "mount that disk" in ended.stderr, f"without its disk: {ended}")
    check(not (data / "lettergate.db").exists() and not place.exists(), "a store was begun anew")
    place.with_name("unmounted").rename(place)
    gateway.start()
    move(gateway, data)
    must_be_in(gateway, data, place)
    check(not (data / "storage").exists() and not place.exists(), "what the move left")
    compare(must, with_ids(collect_all(gateway, box, context, delete=False), must), "after the move back")
    test.count(f"{len(must)} messages moved there and back while mail came")
    return must


def with_ids(got, messages):
    wanted = {message.id for message in messages}
    return [data for data in got if data.split(b"X-Test-Id: ", 1)[-1].split(b"\r\n", 1)[0].decode("latin-1") in wanted]


def killed(test, gateway, context, box, must):
    """The process dies in the middle of it; the next start ends or gives up what was begun."""
    chance = random.Random(7)
    places = [gateway.data, test.work / "other"]
    moved = 0
    for _ in range(KILLS):
        here = next(place for place in places if (place / "lettergate.db").exists())
        there = next(place for place in places if place != here)
        asking = subprocess.Popen([str(gateway.bin / "lettergatectl"), "--data", str(gateway.data), "storage", "move", str(there)],
                                  env=gateway.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.01, 0.4))
        gateway.kill()
        asking.kill()
        asking.wait()
        gateway.start()
        stores = [place for place in places if (place / "lettergate.db").exists()]
        check(len(stores) == 1, f"stores in {stores} after a kill")
        moved += stores[0] != here
        compare(must, with_ids(collect_all(gateway, box, context, delete=False), must), "after a kill")
    must_verify(gateway, box)
    test.count(f"{KILLS} kills in the middle of a move, {moved} of which had moved")


def main(test):
    gateway = test.gateway()
    authority = gateway.authority()
    context = client_context(authority)
    box, messages = recovering(test, gateway, context)
    returning(test, gateway, context, box, messages)
    refusals(test, gateway)
    must = moving(test, gateway, authority, box, messages)
    killed(test, gateway, context, box, must)


if __name__ == "__main__":
    run(main)
