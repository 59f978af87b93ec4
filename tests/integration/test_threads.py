"""Many sessions at once on several workers: what ThreadSanitizer looks at. Every message comes back once."""

import os
import threading

from collector import Collector, Refused, client_context, collect_all, compare
from harness import LONG, check, run
from messages import Maker
from senders import Sender

SENDERS = 8
EACH = 400 if LONG else 60


def main(test):
    os.environ.setdefault("TSAN_OPTIONS", "halt_on_error=0:exitcode=66")
    gateway = test.gateway(workers="4")
    mailboxes = [gateway.create_mailbox(f"Threads {number}") for number in range(2)]
    context = client_context(gateway.authority())
    sent = {mailbox.id: [] for mailbox in mailboxes}
    troubles = []

    def guarded(work, *arguments):
        try:
            work(*arguments)
        except Exception as trouble:
            troubles.append(trouble)

    def send(number):
        maker = Maker(f"threads-{number}")
        mailbox = mailboxes[number % 2]
        implicit = number % 4 > 1
        service = "smtps" if implicit else ("smtp", "submission")[number % 2]
        for _ in range(3):  # connections
            with Sender(gateway.ports[service], context, implicit) as sender:
                for message in maker.canonical(EACH // 3):
                    (sender.send_bdat if number % 3 == 0 else sender.send_data)(
                        "a@sender.example", mailbox.address, message.data)
                    sent[mailbox.id].append(message)

    ended = threading.Event()

    def look(mailbox):
        while not ended.is_set():
            with Collector(gateway.ports["pop3s"], context) as collector:
                try:
                    collector.login(mailbox.id, mailbox.password)
                except Refused as refused:
                    # Another session has the maildrop, or the hashing threads are busy: both pass.
                    check("[IN-USE]" in str(refused) or "[SYS/TEMP]" in str(refused), str(refused))
                    continue
                for number in list(collector.list())[:5]:
                    collector.retrieve(number)
                collector.quit()

    def control():
        while not ended.wait(0.2):
            gateway.status()
            gateway.ctl("mailbox", "list")

    senders = [threading.Thread(target=guarded, args=(send, number)) for number in range(SENDERS)]
    others = [threading.Thread(target=guarded, args=(look, mailbox)) for mailbox in mailboxes]
    others.append(threading.Thread(target=guarded, args=(control,)))
    for thread in senders + others:
        thread.start()
    for thread in senders:
        thread.join()
    ended.set()
    for thread in others:
        thread.join()
    if troubles:
        raise troubles[0]
    for mailbox in mailboxes:
        compare(sent[mailbox.id], collect_all(gateway, mailbox, context), mailbox.id)
    gateway.stop()
    log = gateway.log_path.read_text(errors="replace")
    check("ThreadSanitizer" not in log, "ThreadSanitizer has something to say:\n" + log[:6000])
    test.count(f"{SENDERS} senders, 2 collectors, control calls: {sum(map(len, sent.values()))} messages, each once")


run(main)
