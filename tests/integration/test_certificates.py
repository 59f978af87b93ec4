"""TLS as `openssl s_client` sees it: which versions and suites are taken and refused, which certificate answers to
which name, and how a certificate is exchanged while the gateway runs and sessions are open."""

import re
import shutil
import socket
import subprocess

from collector import Collector, client_context
from harness import CannotRun, check, run

# Old versions and suites are switched off in Debian's openssl.cnf, and must be offered to be refused.
EVERYTHING = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"


def openssl(*arguments, data=b"", statuses=(0,)):
    if not shutil.which("openssl"):
        raise CannotRun("there is no openssl program")
    result = subprocess.run(["openssl", *map(str, arguments)], input=data, capture_output=True, timeout=60)
    check(statuses is None or result.returncode in statuses,
          f"openssl {arguments[0]}: {result.returncode}\n{result.stderr.decode(errors='replace')}")
    return (result.stdout + result.stderr).decode(errors="replace")


def meet(gateway, *options, service="pop3s", data=b""):
    """What s_client prints about a handshake, whether or not it comes about."""
    starttls = ("-starttls", "smtp") if service in ("smtp", "submission") else ()
    if service == "pop3":
        starttls = ("-starttls", "pop3")
    return openssl("s_client", "-connect", f"127.0.0.1:{gateway.ports[service]}", *starttls, *options, data=data,
                   statuses=None)


def agreed(text):
    """(version, suite) or None."""
    found = re.search(r"^New, (\S+), Cipher is (\S+)", text, re.M)
    return found.groups() if found and found.group(2) != "(NONE)" else None


# ---- versions and suites ----

TAKEN = (
    (("-tls1_3",), "TLS_AES_256_GCM_SHA384"),
    (("-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"), "TLS_CHACHA20_POLY1305_SHA256"),
    (("-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"), "TLS_AES_128_GCM_SHA256"),
    (("-tls1_2",), "ECDHE-ECDSA-AES256-GCM-SHA384"),
    *((("-tls1_2", "-cipher", suite), suite) for suite in (
        "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305",
        "DHE-RSA-AES256-GCM-SHA384", "DHE-RSA-AES128-GCM-SHA256")),
)

REFUSED = (
    ("-tls1", "-cipher", EVERYTHING),
    ("-tls1_1", "-cipher", EVERYTHING),
    *(("-tls1_2", "-cipher", f"{suite}:@SECLEVEL=0") for suite in (
        "ECDHE-ECDSA-AES256-SHA384", "ECDHE-RSA-AES256-SHA384", "ECDHE-RSA-AES128-SHA", "DHE-RSA-AES256-SHA256",
        "AES256-GCM-SHA384", "AES128-SHA", "DHE-RSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES256-CCM8",
        "ADH-AES256-GCM-SHA384", "AECDH-AES256-SHA", "ECDHE-RSA-NULL-SHA", "CAMELLIA256-SHA")),
)


def suites(test, gateway):
    authority = ("-CAfile", gateway.authority(), "-verify_return_error", "-verify_hostname", "localhost")
    for service in ("pop3s", "smtp"):
        for options, wanted in TAKEN:
            text = meet(gateway, *options, *authority, service=service)
            check((agreed(text) or ("", ""))[1] == wanted, f"{service} {options}: {agreed(text)}, not {wanted}\n{text}")
            check("Verify return code: 0 (ok)" in text or "Verification: OK" in text, f"{service}: not verified\n{text}")
            check("Compression: NONE" in text, f"{service}: compression\n{text}")
            if options[0] == "-tls1_2":
                check("Secure Renegotiation IS supported" in text, f"{service}: RFC 5746 is missing\n{text}")
            if wanted.startswith("DHE"):
                bits = re.search(r"Server Temp Key: DH, (\d+) bits", text)
                check(bits and int(bits.group(1)) >= 2048, f"{service}: weak DH\n{text}")
    for service in ("pop3s", "smtp"):
        for options in REFUSED:
            text = meet(gateway, *options, service=service)
            check(not agreed(text), f"{service} {options} is taken: {agreed(text)}")
            # It was offered, and the gateway said no: this is no test of the client's own refusal.
            check("alert" in text or "handshake failure" in text, f"{service} {options}: no alert\n{text}")
    test.count(f"{len(TAKEN)} ways to agree taken, {len(REFUSED)} refused, on pop3s and smtp")


def no_renegotiation(test, gateway):
    text = meet(gateway, "-tls1_2", "-crlf", data=b"R\n")
    check("RENEGOTIATING" in text and "no renegotiation" in text, f"renegotiation:\n{text}")
    test.count("renegotiation: refused")


def tickets(test, gateway, work):
    """A ticket shortens the next handshake, and is worth nothing to the next run of the gateway."""
    ticket = work / "ticket.pem"

    def reused(version):
        options = ("-sess_in", ticket) if ticket.exists() else ("-sess_out", ticket)
        return "Reused, TLS" in meet(gateway, version, "-ign_eof", *options, data=b"QUIT\r\n")

    for version in ("-tls1_2", "-tls1_3"):
        ticket.unlink(missing_ok=True)
        port = gateway.ports["pop3s"]
        check(not reused(version), f"{version}: the first handshake is a resumption")
        check(reused(version), f"{version}: the ticket is not taken")
        gateway.stop()
        gateway.settings["listen.pop3s"] = f"127.0.0.1:{port}"
        gateway.start()
        check(not reused(version), f"{version}: a ticket outlives the gateway")
    test.count("tickets: taken, and not by the next run")


# ---- an authority of somebody else ----


class Other:
    """A root, an authority below it, and what it issues."""

    def __init__(self, work):
        self.work = work / "other"
        self.work.mkdir()
        self.make("root", "/CN=Other root", issuer=None, extensions="basicConstraints=critical,CA:true\n")
        self.make("middle", "/CN=Other intermediate", issuer="root",
                  extensions="basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign\n")

    def path(self, name):
        return self.work / name

    def text(self, *names):
        return "".join(self.path(name).read_text() for name in names)

    def make(self, name, subject, issuer, extensions, key=("ec", "-pkeyopt", "ec_paramgen_curve:P-256"), days=90):
        config = self.path(f"{name}.cnf")
        config.write_text(extensions)
        openssl("req", "-newkey", *key, "-nodes", "-keyout", self.path(f"{name}.key"), "-subj", subject, "-out",
                self.path(f"{name}.csr"))
        signing = ("-CA", self.path(f"{issuer}.pem"), "-CAkey", self.path(f"{issuer}.key"), "-CAcreateserial") \
            if issuer else ("-signkey", self.path(f"{name}.key"))
        openssl("x509", "-req", "-in", self.path(f"{name}.csr"), *signing, "-days", days, "-extfile", config, "-out",
                self.path(f"{name}.pem"))
        return self.path(f"{name}.pem")

    def server(self, name, host, **options):
        self.make(name, f"/CN={host}", "middle", f"subjectAltName=DNS:{host},DNS:*.web.example.org\n", **options)
        self.path(f"{name}-chain.pem").write_text(self.text(f"{name}.pem", "middle.pem", "root.pem"))
        return self.path(f"{name}-chain.pem"), self.path(f"{name}.key")


def fingerprint(text):
    """Of the first certificate in it."""
    return openssl("x509", "-noout", "-fingerprint", "-sha256", data=text.encode()).split("=", 1)[1].strip()


def answering(gateway, name, *options, service="pop3s"):
    """The fingerprint of the certificate that a client gets which asks for `name`."""
    return fingerprint(meet(gateway, *(("-servername", name) if name else ("-noservername",)), *options,
                            service=service))


def rows(gateway):
    return {row["certificate"]: row for row in gateway.ctl("certificate", "show")}


def refused(gateway, *arguments, says, text=None):
    folder = gateway.data / "tls"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    result = gateway.run_ctl("certificate", "import", *map(str, arguments), text=text)
    check(result.returncode == 1 and says in result.stderr and not result.stdout,
          f"import {arguments}: {result.returncode}, {result.stderr!r}, not {says!r}")
    check({path.name: path.read_bytes() for path in folder.iterdir()} == before, "a refused import changed something")


def names(test, gateway, other):
    """SNI (RFC 6066 3), on implicit TLS and behind STARTTLS."""
    own = {row["sha256"] for name, row in rows(gateway).items() if name.startswith("server-")}
    chain, key = other.server("mail", "mail.example.org")
    for service in ("pop3s", "smtp"):
        check(answering(gateway, "mail.example.org", service=service) in own, "an unknown name is not answered")
    answer = gateway.ctl("certificate", "import", "--cert", str(chain), "--key", str(key))
    imported = answer["certificate"]["sha256"]
    check(imported == fingerprint(other.text("mail.pem")), f"imported: {answer}")
    check(len(answer["warnings"]) == 1 and "is not for" in answer["warnings"][0], f"warnings: {answer['warnings']}")
    check(rows(gateway)["imported"]["names"] == "mail.example.org, *.web.example.org", f"show: {rows(gateway)}")
    for service in ("pop3s", "smtp"):
        for name in ("mail.example.org", "a.web.example.org", "unknown.example", None):
            check(answering(gateway, name, service=service) == imported, f"{service}, {name}: not the imported one")
        for version in ("-tls1_2", "-tls1_3"):
            check(answering(gateway, "localhost", version, service=service) in own, f"{service}: localhost")
        # Who trusts the other authority verifies, which needs the one between.
        text = meet(gateway, "-CAfile", other.path("root.pem"), "-servername", "mail.example.org",
                    "-verify_hostname", "mail.example.org", "-verify_return_error", service=service)
        check("Verification: OK" in text, f"{service}: the chain is not complete\n{text}")
        # An old Exchange knows RSA alone.
        text = meet(gateway, "-tls1_2", "-cipher", "DHE-RSA-AES256-GCM-SHA384", service=service)
        check(fingerprint(text) in own and agreed(text), f"{service}: DHE-RSA beside an ECDSA import\n{text}")
    test.count("server names: the matching certificate, else the imported one")
    return imported


def exchange(test, gateway, other, mailbox):
    """New sessions get the new certificate at once, and those that run notice nothing."""
    chain, key = other.server("next", "mail.example.org", key=("rsa:2048",))
    context = client_context(gateway.authority())
    with Collector(gateway.ports["pop3s"], context) as old, \
            Collector(gateway.ports["pop3"], context, starttls=True) as other_old, \
            socket.create_connection(("127.0.0.1", gateway.ports["smtp"]), 30) as late:
        old.login(mailbox.id, mailbox.password)
        check(late.recv(4096).startswith(b"220 "), "no greeting")
        imported = gateway.ctl("certificate", "import", "--cert", str(chain), "--key", str(key))["certificate"]
        check(answering(gateway, "mail.example.org") == imported["sha256"], "the new one is not used at once")
        check(imported["key"] == "RSA 2048", f"{imported}")
        # Connected before, encrypted after: a new TLS session.
        late.sendall(b"EHLO late.example\r\n")
        late.recv(4096)
        late.sendall(b"STARTTLS\r\n")
        check(late.recv(4096).startswith(b"220 "), "STARTTLS is refused")
        trusting = client_context(other.path("root.pem"))
        with trusting.wrap_socket(late, server_hostname="mail.example.org") as secured:
            secured.sendall(b"EHLO late.example\r\n")
            check(secured.recv(4096).startswith(b"250"), "no dialogue behind STARTTLS")
        for _ in range(3):
            old.command("NOOP")
            gateway.ctl("certificate", "generate")
        old.command("STAT")
        old.quit()
        other_old.command(f"USER {mailbox.id}")
        other_old.command(f"PASS {mailbox.password}")
        other_old.quit()
    gateway.stop()
    gateway.start()
    check(answering(gateway, "mail.example.org") == imported["sha256"], "a restart forgets the import")
    hostname = gateway.ctl("settings", "get", "hostname")["value"]
    for name in (hostname, "mail.example.org"):
        gateway.ctl("settings", "set", "hostname", name)
        check(gateway.ctl("selftest")["ok"], f"the self-test fails beside an imported certificate, as {name}")
        told = [row for row in gateway.status()["problems"] if row["id"].startswith("certificate")]
        check(not told, f"as {name}: {told}")
    again = gateway.ctl("certificate", "import", "--cert", str(chain), "--key", str(key))
    check(again["warnings"] == [], f"warnings: {again['warnings']}")
    gateway.ctl("settings", "set", "hostname", hostname)
    test.count("exchanged while sessions ran, which went on")


def wrong_files(test, gateway, other):
    chain, key = other.path("next-chain.pem"), other.path("next.key")
    short = other.path("short.pem")
    short.write_text(other.text("next.pem", "root.pem"))
    late = other.server("late", "mail.example.org", days=-1)
    weak = other.server("weak", "mail.example.org", key=("rsa:1024",))
    locked = other.path("locked.key")
    openssl("pkey", "-in", key, "-aes256", "-passout", "pass:geheim", "-out", locked)
    count = 0
    for arguments, says in (
            (("--cert", chain, "--key", other.path("mail.key")), "the key belongs to none of the certificates"),
            (("--cert", short, "--key", key), 'issued by "CN=Other intermediate", whose certificate is missing'),
            (("--cert", late[0], "--key", late[1]), "expired on"),
            (("--cert", weak[0], "--key", weak[1]), "the key has 1024 bits"),
            (("--cert", chain), "there is no private key"),
            (("--cert", key), "there is no certificate"),
            (("--cert", gateway.bin / "lettergatectl"), ""),
            (("--cert", other.path("missing.pem"), "--key", key), "missing.pem"),
            (("--cert", chain, "--key", locked), "protected by a passphrase")):
        refused(gateway, *arguments, says=says)
        count += 1
    refused(gateway, "--cert", chain, "--key", locked, "--passphrase-stdin", says="does not open", text="wrong\n")
    check(gateway.run_ctl("certificate", "import").returncode == 2, "an import of nothing is no usage error")
    test.count(f"{count + 1} wrong imports refused in words, nothing changed")
    return locked


def forms(test, gateway, other, locked):
    """PEM in one file, with a passphrase, and PKCS#12 as OpenSSL and as Windows write it."""
    chain = other.path("next-chain.pem")
    wanted = fingerprint(other.text("next.pem"))
    whole = other.path("whole.pem")
    whole.write_text(other.text("root.pem", "next.key", "next.pem", "middle.pem"))
    more = []
    for name, options in (("new.p12", ()), ("windows.pfx", ("-legacy",))):
        more.append(other.path(name))
        openssl("pkcs12", "-export", *options, "-inkey", other.path("next.key"), "-in", chain, "-passout",
                "pass:geheim", "-out", more[-1])
    for arguments in (("--cert", whole), ("--cert", chain, "--key", locked, "--passphrase-stdin"),
                      *(("--cert", path, "--passphrase-stdin") for path in more)):
        gateway.ctl("certificate", "remove", "--yes")
        check("imported" not in rows(gateway), "it is still there")
        answer = gateway.ctl("certificate", "import", *map(str, arguments), text="geheim\n")
        check(answer["certificate"]["sha256"] == wanted, f"import {arguments}: {answer}")
        check(answering(gateway, "mail.example.org") == wanted, f"import {arguments} is not used")
    check((gateway.data / "tls" / "imported.pem").stat().st_mode & 0o777 == 0o600, "others may read the key")
    test.count("every form of file taken")


def problems(test, gateway, other):
    chain, key = other.server("soon", "mail.example.org", days=10)
    answer = gateway.ctl("certificate", "import", "--cert", str(chain), "--key", str(key))
    check(any("expires within 21 days" in text for text in answer["warnings"]), f"warnings: {answer['warnings']}")
    row = [row for row in gateway.status()["problems"] if row["id"] == "certificate imported"]
    check(row and row[0]["severity"] == "warning" and "expires on" in row[0]["text"], f"problems: {row}")
    gateway.ctl("certificate", "remove", "--yes")
    check(not [row for row in gateway.status()["problems"] if row["id"].startswith("certificate")],
          "a problem outlives its certificate")
    check(gateway.run_ctl("certificate", "remove", "--yes").returncode == 1, "removed twice")
    check(gateway.run_ctl("certificate", "remove").returncode == 2, "removed without --yes")
    test.count("a certificate that expires soon is a problem until it is gone")


def generate(test, gateway):
    before = rows(gateway)
    authority = gateway.authority().read_text()
    gateway.ctl("certificate", "generate")
    after = rows(gateway)
    check(gateway.authority().read_text() == authority, "the authority has changed")
    for name in ("server-ec", "server-rsa"):
        check(before[name]["sha256"] != after[name]["sha256"], f"{name} is the old one")
        check(after[name]["issuer"] == after["authority"]["subject"], f"{name}: {after[name]}")
    check(answering(gateway, "localhost") == after["server-ec"]["sha256"], "the new one is not used")
    with Collector(gateway.ports["pop3s"], client_context(gateway.authority())) as collector:
        collector.quit()
    test.count("new keys under the same authority")


def main(test):
    gateway = test.gateway()
    mailbox = gateway.create_mailbox("Certificates")
    other = Other(test.work)
    suites(test, gateway)
    no_renegotiation(test, gateway)
    names(test, gateway, other)
    exchange(test, gateway, other, mailbox)
    locked = wrong_files(test, gateway, other)
    forms(test, gateway, other, locked)
    problems(test, gateway, other)
    generate(test, gateway)
    tickets(test, gateway, test.work)
    gateway.stop()
    log = gateway.log_path.read_text(errors="replace")
    for secret in ("geheim", "PRIVATE KEY"):
        check(secret not in log, f"the log holds {secret}")


run(main)
