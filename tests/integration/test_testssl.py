"""What testssl.sh finds at an implicit and at a STARTTLS listener. It rates each finding; nothing of severity LOW or
worse may be among them. The long form (LETTERGATE_LONG) makes every check it has at both, which takes minutes; the
short form looks at protocols and kinds of suites at the implicit one.

WARN is not about the gateway: testssl.sh says so what it could not try with the openssl of this machine."""

import json

from harness import LONG, Failure, check, run
from peers import Tree
from peers import run as run_program

BAD = ("LOW", "MEDIUM", "HIGH", "CRITICAL", "FATAL")

# A private authority offers no lists of what it has revoked: a server certificate that is no longer good is
# replaced at its only user, the gateway (docs/internals/certificates.md).
ALLOWED = ("cert_revocation",)

# Found each time, so that a run that came to nothing does not pass.
MUST_SAY = {"SSLv2": "not offered", "SSLv3": "not offered", "TLS1": "not offered", "TLS1_1": "not offered",
            "TLS1_2": "offered", "TLS1_3": "offered", "cipherlist_NULL": "not offered",
            "cipherlist_aNULL": "not offered"}
MUST_SAY_LONG = {**MUST_SAY, "secure_renego": "supported", "secure_client_renego": "not vulnerable",
                 "cert_chain_of_trust": "passed", "ROBOT": "not vulnerable", "cipher_order": "server"}


def examine(test, tree, gateway, service, options):
    report = test.work / f"{service}.json"
    environment = tree.environment(test.work)
    environment["TESTSSL_INSTALL_DIR"] = str(tree.root / "etc/testssl")
    environment["TERM"] = "dumb"
    checks = () if LONG else ("--protocols", "--std")
    # Its exit status counts what it does not like, its own troubles among them: the report is what counts.
    result = run_program(
        ["bash", tree.program("testssl"), "--quiet", "--color", "0", "--warnings", "batch", "--nodns", "none",
         "--ip", "127.0.0.1", "--add-ca", gateway.authority(), "--jsonfile", report, *options, *checks,
         f"localhost:{gateway.ports[service]}"], environment, 1700 if LONG else 500, statuses=None)
    try:
        rows = json.loads(report.read_text())
    except (OSError, ValueError):
        raise Failure(f"{service}: testssl.sh made no report\n{result.stdout[-3000:].decode(errors='replace')}"
                      f"{result.stderr[-2000:].decode(errors='replace')}") from None
    return [(row["id"].split()[0], row["severity"], row["finding"]) for row in rows]


def judge(service, rows):
    bad = [row for row in rows if row[1] in BAD and row[0] not in ALLOWED]
    check(not bad, f"{service}: testssl.sh finds {bad}")
    for name, wanted in (MUST_SAY_LONG if LONG else MUST_SAY).items():
        said = [finding for row, _, finding in rows if row == name]
        check(said and all(finding.startswith(wanted) for finding in said), f"{service}: {name} is {said}, not {wanted}")
    check(any(row[0] == "scanTime" and row[1] == "INFO" for row in rows), f"{service}: testssl.sh did not finish")


def main(test):
    tree = Tree("testssl.sh")
    gateway = test.gateway()
    listeners = (("pop3s", ()), ("smtp", ("--starttls", "smtp")))
    for service, options in listeners if LONG else listeners[:1]:
        rows = examine(test, tree, gateway, service, options)
        judge(service, rows)
        test.count(f"{service}: {len(rows)} findings of testssl.sh, none of severity LOW or worse")
    gateway.stop()


run(main)
