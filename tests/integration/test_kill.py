"""The process is killed at random moments while several senders and a collector work. Every acknowledged
message is there once per acknowledgement; what was sent and not answered may be there or not. What a QUIT
that was answered deleted stays deleted."""

import random
import threading
import time

from collector import Collector, client_context, collect_all, below_trace, test_id
from harness import LONG, Failure, check, run
from messages import Maker
from senders import Refusal, Sender

KILLS = 300 if LONG else 50
SENDERS = 4
SEED = 20261124


class Sending(threading.Thread):
    """Sends until the gateway is gone, and remembers what was acknowledged and what was only sent."""

    def __init__(self, port, context, mailbox, maker, acknowledged, unanswered):
        super().__init__(daemon=True)
        self.port, self.context, self.mailbox, self.maker = port, context, mailbox, maker
        self.acknowledged, self.unanswered = acknowledged, unanswered
        self.trouble = None

    def run(self):
        try:
            with Sender(self.port, self.context, implicit_tls=True, timeout=30) as sender:
                while True:
                    kind = self.maker.random.choice((Maker.tiny, Maker.plain, Maker.attachment, Maker.dots))
                    message = self.maker.make(kind)
                    self.unanswered[message.id] = message
                    try:
                        if self.maker.number % 3:
                            sender.send_data("a@sender.example", self.mailbox.address, message.data)
                        else:
                            sender.send_bdat("a@sender.example", self.mailbox.address, message.data, 50_000)
                    except Refusal as refusal:
                        if refusal.code in (421, -1):
                            return
                        raise
                    self.acknowledged[message.id] = self.unanswered.pop(message.id)
        except (OSError, EOFError, ValueError):
            pass  # the kill
        except Exception as trouble:
            # smtplib tells a lost connection in its own exceptions too.
            if type(trouble).__module__ != "smtplib":
                self.trouble = trouble


class Collecting(threading.Thread):
    """Takes some messages away, and knows afterwards which deletions were acknowledged."""

    def __init__(self, port, context, mailbox, taken, doubtful):
        super().__init__(daemon=True)
        self.port, self.context, self.mailbox = port, context, mailbox
        self.taken, self.doubtful = taken, doubtful
        self.trouble = None

    def run(self):
        try:
            while True:
                group = {}
                with Collector(self.port, self.context, timeout=30) as collector:
                    collector.login(self.mailbox.id, self.mailbox.password)
                    for number in sorted(collector.list())[:10]:
                        data = collector.retrieve(number)
                        group[test_id(data)] = data
                        collector.delete(number)
                    for name, data in group.items():
                        self.doubtful.setdefault(name, data)
                    collector.quit()
                for name, data in group.items():
                    check(name not in self.taken, f"{name} came again after its deletion was acknowledged")
                    self.taken[name] = data
                    self.doubtful.pop(name, None)
        except (OSError, EOFError):
            pass
        except Failure as trouble:
            if "closed the connection" not in str(trouble):
                self.trouble = trouble


def main(test):
    chance = random.Random(SEED)
    gateway = test.gateway()
    mailbox = gateway.create_mailbox("Kill")
    context = client_context(gateway.authority())
    makers = [Maker(f"kill-{number}") for number in range(SENDERS)]
    acknowledged, unanswered, taken, doubtful = {}, {}, {}, {}
    for kill in range(KILLS):
        workers = [Sending(gateway.ports["smtps"], context, mailbox, maker, acknowledged, unanswered)
                   for maker in makers]
        if kill % 3 == 2:
            workers.append(Collecting(gateway.ports["pop3s"], context, mailbox, taken, doubtful))
        for worker in workers:
            worker.start()
        time.sleep(chance.uniform(0.02, 1.2))
        gateway.kill()
        for worker in workers:
            worker.join(60)
            check(not worker.is_alive(), "a client still waits for a gateway that is gone")
            if worker.trouble:
                raise worker.trouble
        gateway.start()

    rest = {}
    for data in collect_all(gateway, mailbox, context):
        name = test_id(data)
        check(name not in rest, f"{name} is there twice")
        check(name not in taken, f"{name} is there again after its deletion was acknowledged")
        rest[name] = data
    for name, message in acknowledged.items():
        # A deletion that was not answered may have been made.
        data = taken.get(name) or rest.get(name) or doubtful.get(name)
        check(data, f"{name} was acknowledged and is not there")
        check(below_trace(data) == message.expected(), f"{name} came back changed")
    for name in (*rest, *taken):
        check(name in acknowledged or name in unanswered, f"{name} was never sent")
    problems = [row for row in gateway.status()["problems"] if row["severity"] not in ("info", "notice")]
    row = gateway.mailbox_status(mailbox)
    check(row["received"] == row["waiting"] + row["collected"] and row["waiting"] == 0, f"the counts are off: {row}")
    check(row["received"] >= len(acknowledged), f"received {row['received']}, acknowledged {len(acknowledged)}")
    check(len(acknowledged) > KILLS, f"only {len(acknowledged)} messages were acknowledged: no load")
    gateway.stop()
    there = sum(name in rest or name in taken for name in unanswered)
    test.count(f"{KILLS} kills, {len(acknowledged)} messages acknowledged and all there once")
    test.count(f"{len(unanswered)} sent and not answered, of which {there} were kept; "
               f"{len(taken)} collected on the way; problems told: {len(problems)}")


run(main)
