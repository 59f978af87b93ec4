"""Types the example of README.md: the fenced block below the heading "Thirty seconds with curl", line by line
in a shell, with a gateway and a mailbox in place of the shown ones."""

import re
import subprocess

from harness import SOURCE, check, run


def example():
    text = (SOURCE / "README.md").read_text()
    found = re.search(r"^#+ Thirty seconds with curl$.*?^```sh\n(.*?)^```$", text, re.M | re.S)
    check(found, "README.md has no example below 'Thirty seconds with curl'")
    block = found.group(1)
    check("-k" not in block.split() and "--insecure" not in block, "the example does not check the certificate")
    check(block.count("--cacert") >= 2, "the example does not name the certificate authority")
    return block


def main(test):
    block = example()
    gateway = test.gateway()
    mailbox = gateway.create_mailbox("README")
    assignments = dict(re.findall(r"^(address|password|smtps|pop3s)=(.*)$", block, re.M))
    check(set(assignments) == {"address", "password", "smtps", "pop3s"}, f"the example sets {set(assignments)}")
    values = {"address": mailbox.address, "password": mailbox.password,
              "smtps": gateway.ports["smtps"], "pop3s": gateway.ports["pop3s"]}
    for name, value in values.items():
        quoted = "'" + str(value).replace("'", "'\\''") + "'"
        block = re.sub(rf"^{name}=.*$", lambda _: f"{name}={quoted}", block, flags=re.M)
    # The example's programs and data folder are those of ./dev run; the test has its own.
    block = block.replace("build/release/bin/lettergatectl", f"'{gateway.bin}/lettergatectl' --data '{gateway.data}'")
    result = subprocess.run(["bash", "-eu"], input=block, capture_output=True, text=True, timeout=120,
                            cwd=test.work, env=dict(gateway.environment, HOME=str(test.work), LC_ALL="C.UTF-8"))
    check(result.returncode == 0, f"the example ended with {result.returncode}:\n{result.stdout}{result.stderr}")
    check("Subject: Hello" in result.stdout and "Return-Path:" in result.stdout,
          f"the example did not show the message:\n{result.stdout}{result.stderr}")
    row = gateway.mailbox_status(mailbox)
    check(row["received"] == 1, f"the example sent {row['received']} messages")
    gateway.stop()
    test.count(f"the example's {len(block.splitlines())} lines send and collect a message")


run(main)
