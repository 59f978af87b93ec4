"""Mail programs that this project did not write, unpacked from Debian's packages into build/peers and run
from there: nothing is installed, no service starts.

Most run straight from the unpacked tree with their library folder in LD_LIBRARY_PATH. Exim and Dovecot have
compiled-in paths, so they see an overlay of the unpacked usr/ over /usr in a mount namespace of their own.
"""

import contextlib
import fcntl
import glob
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time

from harness import CannotRun, Failure, SOURCE, check, stop_process, wait_for
from senders import by_data

PEERS = SOURCE / "build" / "peers"

# ---- unpacking ----


def apt(arguments, options=(), cwd=None):
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive", LC_ALL="C.UTF-8")
    return subprocess.run([arguments[0], *options, *arguments[1:]], cwd=cwd, env=environment,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900)


def own_lists():
    """Options that keep apt's package lists below build/peers, for a user who may not, or a machine that
    did not, fetch the system's."""
    lists = PEERS / "apt" / "lists"
    cache = PEERS / "apt" / "cache"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    (cache / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    user = pwd.getpwuid(os.geteuid()).pw_name
    return ("-o", f"Dir::State::lists={lists}", "-o", f"Dir::Cache={cache}", "-o", f"APT::Sandbox::User={user}",
            "-o", "Debug::NoLocking=1")


# What a package only recommends, and cannot do its work here without.
NEEDED_TOO = {"swaks": ("libnet-ssleay-perl",)}


def download(package, folder):
    """The package and those of its dependencies that this machine lacks, as .deb files in `folder`."""
    wanted = (package, *NEEDED_TOO.get(package, ()))
    errors = ""
    for attempt in range(2):
        options = ()
        if attempt:
            options = own_lists()
            errors += apt(["apt-get", "update"], options).stderr
        plan = apt(["apt-get", "install", "--simulate", "--no-install-recommends", *wanted], options)
        if plan.returncode == 0:
            names = {*wanted, *re.findall(r"^Inst (\S+)", plan.stdout, re.M)}
            got = apt(["apt-get", "download", *sorted(names)], ("-o", "APT::Sandbox::User=root", *options), folder)
            if got.returncode == 0:
                return
            errors += got.stderr
        errors += plan.stderr
    raise CannotRun(f"apt does not bring the package {package}:\n{errors}")


class Tree:
    """The unpacked files of a package."""

    def __init__(self, package):
        self.package = package
        self.root = PEERS / package
        PEERS.mkdir(parents=True, exist_ok=True)
        if not shutil.which("apt-get"):
            raise CannotRun("the programs that the gateway is tested with come from Debian's packages, and "
                            "this is no Debian system")
        with open(PEERS / f".{package}.lock", "w") as lock:  # tests run side by side
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (self.root / ".complete").exists():
                self.unpack()

    def unpack(self):
        shutil.rmtree(self.root, ignore_errors=True)
        archives = PEERS / "archives" / self.package
        shutil.rmtree(archives, ignore_errors=True)
        archives.mkdir(parents=True)
        self.root.mkdir()
        download(self.package, archives)
        for archive in sorted(archives.glob("*.deb")):
            subprocess.run(["dpkg-deb", "-x", archive, self.root], check=True, timeout=120)
        shutil.rmtree(archives)
        (self.root / ".complete").touch()

    def program(self, name):
        for folder in ("usr/bin", "usr/sbin", "bin", "sbin"):
            if (self.root / folder / name).exists():
                return str(self.root / folder / name)
        raise CannotRun(f"{self.package} has no program {name}")

    def environment(self, work):
        libraries = [*glob.glob(f"{self.root}/usr/lib/*-linux-gnu*"), *glob.glob(f"{self.root}/lib/*-linux-gnu*")]
        perl = [f"{self.root}/usr/share/perl5", *glob.glob(f"{self.root}/usr/share/perl/5*"),
                *glob.glob(f"{self.root}/usr/lib/*-linux-gnu/perl*/5*"),
                *glob.glob(f"{self.root}/usr/lib/*-linux-gnu/perl")]
        return {"PATH": f"{self.root}/usr/sbin:{self.root}/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME": str(work), "LC_ALL": "C.UTF-8", "LD_LIBRARY_PATH": ":".join(libraries),
                "PERL5LIB": ":".join(perl), "PYTHONPATH": f"{self.root}/usr/lib/python3/dist-packages",
                "PYTHONDONTWRITEBYTECODE": "1"}


# ---- small helpers ----


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


def run(command, environment, seconds=120, data=None, statuses=(0,)):
    result = subprocess.run([str(word) for word in command], env=environment, input=data, capture_output=True,
                            timeout=seconds)
    if statuses is not None and result.returncode not in statuses:
        raise Failure(f"{pathlib.Path(str(command[0])).name}: exit status {result.returncode}\n"
                      + (result.stdout[-2000:] + result.stderr[-4000:]).decode("utf-8", "replace"))
    return result


def needs_root(what):
    if os.geteuid() != 0:
        raise CannotRun(f"{what} changes users and mounts, which needs root")


def must_be_reachable(folder):
    """These programs drop root, and their new user must get to their files through every folder above."""
    for parent in folder.parents:
        if not parent.stat().st_mode & 0o001:
            if parent.is_relative_to(SOURCE / "build"):
                parent.chmod(parent.stat().st_mode | 0o011)
            else:
                raise CannotRun(f"other users may not enter {parent}, and the programs that drop root must: "
                                "move the checkout, or chmod a+x that folder")


# ---- Postfix ----


class Postfix:
    """An instance of its own below `work`, which relays everything to one port over verified TLS. It folds lines
    that are longer than `line_limit`; 0: none."""

    def __init__(self, work, port, authority, implicit_tls=False, line_limit=0):
        needs_root("Postfix")
        self.tree = Tree("postfix")
        self.work = work / "postfix"
        self.port = free_port()
        self.process = None
        for folder in ("conf", "queue", "data"):
            (self.work / folder).mkdir(parents=True)
        # What `postfix check` would make; the user "daemon" exists on every Debian system.
        shutil.chown(self.work / "data", "daemon")
        (self.work / "queue/pid").mkdir()
        for folder in ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming",
                       "maildrop", "private", "public", "saved", "trace"):
            (self.work / "queue" / folder).mkdir()
            shutil.chown(self.work / "queue" / folder, "daemon", "mail")
        must_be_reachable(self.work)
        root = self.tree.root
        self.log = work / "postfix.log"
        settings = {
            "compatibility_level": "3.6",
            "mail_owner": "daemon", "setgid_group": "mail", "default_privs": "nobody",
            "queue_directory": self.work / "queue", "data_directory": self.work / "data",
            "daemon_directory": root / "usr/lib/postfix/sbin", "command_directory": root / "usr/sbin",
            "shlib_directory": root / "usr/lib/postfix", "meta_directory": root / "etc/postfix",
            "sendmail_path": root / "usr/sbin/sendmail", "import_environment": "MAIL_CONFIG LD_LIBRARY_PATH LANG=C",
            "maillog_file": self.log, "maillog_file_prefixes": "/",
            "myhostname": "mail.sender.example", "mydestination": "", "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4", "mynetworks": "127.0.0.0/8", "alias_maps": "", "local_recipient_maps": "",
            "smtpd_relay_restrictions": "permit_mynetworks reject", "smtpd_peername_lookup": "no",
            "local_header_rewrite_clients": "", "remote_header_rewrite_domain": "",
            "message_size_limit": "0", "mailbox_size_limit": "0", "smtpd_client_connection_count_limit": "0",
            "smtp_line_length_limit": line_limit, "smtp_host_lookup": "native", "smtp_dns_support_level": "disabled",
            "default_transport": "smtp", "relayhost": f"[localhost]:{port}", "defer_transports": "smtp",
            "smtp_tls_security_level": "verify", "smtp_tls_verify_cert_match": "localhost",
            "smtp_tls_CAfile": authority, "smtp_tls_loglevel": "1",
            "smtp_tls_wrappermode": "yes" if implicit_tls else "no",
            "minimal_backoff_time": "5s", "maximal_backoff_time": "10s", "queue_run_delay": "5s",
            "smtp_destination_concurrency_limit": "10", "smtp_destination_concurrency_failed_cohort_limit": "0",
        }
        (self.work / "conf/main.cf").write_text("".join(f"{k} = {v}\n" for k, v in settings.items()))
        services = [
            f"127.0.0.1:{self.port} inet n - n - - smtpd",
            "pickup unix n - n 60 1 pickup", "cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr", "tlsmgr unix - - n 1000? 1 tlsmgr",
            "rewrite unix - - n - - trivial-rewrite", "bounce unix - - n - 0 bounce", "defer unix - - n - 0 bounce",
            "trace unix - - n - 0 bounce", "verify unix - - n - 1 verify", "flush unix n - n 1000? 0 flush",
            "smtp unix - - n - - smtp", "showq unix n - n - - showq", "error unix - - n - - error",
            "retry unix - - n - - error", "anvil unix - - n - 1 anvil", "scache unix - - n - 1 scache",
            "postlog unix-dgram n - n - 1 postlogd",
        ]
        (self.work / "conf/master.cf").write_text("\n".join(services) + "\n")
        self.environment = self.tree.environment(work)
        self.environment["LD_LIBRARY_PATH"] += f":{root}/usr/lib/postfix"
        self.environment["MAIL_CONFIG"] = str(self.work / "conf")

    def command(self, name, *arguments, **options):
        return run([self.tree.program(name), "-c", self.work / "conf", *arguments], self.environment, **options)

    def start(self):
        self.process = subprocess.Popen(
            [str(self.tree.root / "usr/lib/postfix/sbin/master"), "-c", str(self.work / "conf"), "-d"],
            env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(self.log.with_name("postfix-master.log"), "wb"), start_new_session=True)
        wait_for("Postfix", lambda: answers(self.port) or self.process.poll() is not None, 30)
        check(self.process.poll() is None, "Postfix did not start")

    def release(self):
        """Lets what was queued so far go out."""
        self.command("postconf", "-e", "defer_transports =")
        self.process.send_signal(signal.SIGHUP)
        time.sleep(1)
        self.command("postqueue", "-f")

    def waiting(self):
        return sum(len(files) for queue in ("incoming", "active", "deferred", "maildrop")
                   for _, _, files in os.walk(self.work / "queue" / queue))

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def stop(self):
        if self.process:
            stop_process(self.process)
            # master ends its children with the signal that it got; give the last ones their moment.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGTERM)


# ---- programs in an overlay ----


class Overlay:
    """Runs commands in a mount namespace where /usr has the unpacked files too and /etc has ours."""

    def __init__(self, tree, work, etc):
        needs_root(tree.package)
        self.tree = tree
        self.etc = etc
        self.environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(work), "LC_ALL": "C.UTF-8"}

    def wrap(self, command):
        script = ('set -e; '
                  'mount -t overlay lettergate -o "lowerdir=$1/usr:/usr" /usr; '
                  'mount -t overlay lettergate -o "lowerdir=$2:/etc" /etc; shift 2; exec "$@"')
        return ["unshare", "-m", "sh", "-c", script, "sh", str(self.tree.root), str(self.etc),
                *(str(word) for word in command)]

    def run(self, command, **options):
        return run(self.wrap(command), self.environment, **options)

    def popen(self, command, **options):
        return subprocess.Popen(self.wrap(command), env=self.environment, stdin=subprocess.DEVNULL, **options)


def etc_with_user(folder, *names):
    """passwd and group with users that the packages would have made when installed."""
    folder.mkdir(parents=True)
    passwd = pathlib.Path("/etc/passwd").read_text()
    group = pathlib.Path("/etc/group").read_text()
    for number, name in enumerate(names, 64900):
        passwd += f"{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n"
        group += f"{name}:x:{number}:\n"
    (folder / "passwd").write_text(passwd)
    (folder / "group").write_text(group)


class Exim:
    """Keeps what it gets in its queue until release(), then sends it to one port over verified TLS."""

    def __init__(self, work, port, authority, implicit_tls=False):
        self.work = work / "exim"
        self.port = free_port()
        self.process = None
        etc = self.work / "etc"
        etc_with_user(etc, "Debian-exim")
        self.overlay = Overlay(Tree("exim4-daemon-light"), work, etc)
        (etc / "exim4").mkdir()
        for folder in ("spool", "log"):
            (self.work / folder).mkdir()
            os.chown(self.work / folder, 64900, 64900)
        must_be_reachable(self.work)
        (etc / "exim4/exim4.conf").write_text(f"""\
primary_hostname = mail.sender.example
spool_directory = {self.work}/spool
log_file_path = {self.work}/log/%slog
pid_file_path = {self.work}/exim.pid
log_selector = +all
local_interfaces = <; 127.0.0.1
daemon_smtp_ports = {self.port}
domainlist local_domains =
acl_smtp_rcpt = accept
acl_smtp_data = accept
queue_only = true
queue_run_max = 4
message_size_limit = 0
smtp_accept_max = 50
smtp_accept_max_per_connection = 0
smtp_accept_queue_per_connection = 0
smtp_accept_max_nonmail = 10000
host_lookup =
rfc1413_hosts =
pipelining_advertise_hosts = *
chunking_advertise_hosts = *
tls_advertise_hosts =
disable_ipv6 = true
keep_environment =
received_headers_max = 100
begin routers
gateway:
  driver = manualroute
  domains = *
  route_list = * localhost byname
  self = send
  transport = gateway
begin transports
gateway:
  driver = smtp
  port = {port}
  protocol = {'smtps' if implicit_tls else 'smtp'}
  hosts_require_tls = *
  tls_verify_hosts = *
  tls_verify_cert_hostnames = *
  tls_verify_certificates = {authority}
  hosts_try_chunking = *
  message_linelength_limit = 10000000
begin retry
* * F,1h,5s
""")

    def start(self):
        # Exim wants its configuration to be root's; it drops root itself.
        self.process = self.overlay.popen(["exim4", "-bdf"], stdout=subprocess.DEVNULL,
                                          stderr=open(self.work.with_name("exim-start.log"), "wb"))
        wait_for("Exim", lambda: answers(self.port) or self.process.poll() is not None, 30)
        check(self.process.poll() is None, "Exim did not start: "
              + self.work.with_name("exim-start.log").read_text(errors="replace"))

    def release(self, runners=4, seconds=600):
        """Runs the queue until it is empty."""
        end = time.monotonic() + seconds
        while self.waiting():
            check(time.monotonic() < end, f"Exim's queue still has {self.waiting()} messages:\n"
                  + self.log_text()[-3000:])
            jobs = [self.overlay.popen(["exim4", "-qff"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                    for _ in range(runners)]
            for job in jobs:
                job.wait(seconds)

    def waiting(self):
        return sum(name.endswith("-H") for _, _, files in os.walk(self.work / "spool/input") for name in files)

    def log_text(self):
        return "".join(path.read_text(errors="replace") for path in sorted((self.work / "log").glob("*")))

    def stop(self):
        if self.process:
            stop_process(self.process)


# ---- clients ----


def swaks(work, port, authority, sender, recipients, path, implicit_tls):
    tree = Tree("swaks")
    # Left to itself, swaks ends a message that is already ended once more; so it gets what goes on the wire.
    content = work / "swaks.data"
    content.write_bytes(by_data(pathlib.Path(path).read_bytes()))
    run(["perl", tree.program("swaks"), "--server", "localhost", "--port", port, "--from", sender,
         "--to", ",".join(recipients),
         "--tls-on-connect" if implicit_tls else "--tls", "--tls-verify", "--tls-ca-path", authority,
         "--helo", "swaks.example", "--no-data-fixup", "--data", f"@{content}", "--hide-all"],
        tree.environment(work))


def msmtp(work, port, authority, sender, recipients, path, implicit_tls):
    tree = Tree("msmtp")
    configuration = work / "msmtprc"
    configuration.write_text(f"""\
defaults
host localhost
port {port}
from {sender}
domain msmtp.example
tls on
tls_starttls {'off' if implicit_tls else 'on'}
tls_trust_file {authority}
set_date_header off
set_msgid_header off
set_from_header off
undisclosed_recipients off
remove_bcc_headers off
account default
""")
    configuration.chmod(0o600)
    run([tree.program("msmtp"), "-C", configuration, "--", *recipients], tree.environment(work),
        data=pathlib.Path(path).read_bytes().replace(b"\r\n", b"\n"))


def curl_send(work, port, authority, sender, recipients, path, implicit_tls):
    wanted = [word for recipient in recipients for word in ("--mail-rcpt", recipient)]
    run(["curl", "--silent", "--show-error", "--cacert", authority, "--mail-from", sender, *wanted,
         "--upload-file", path, *([] if implicit_tls else ["--ssl-reqd"]),
         f"smtp{'s' if implicit_tls else ''}://localhost:{port}/curl.example"], dict(os.environ, HOME=str(work)))


def fetchmail(work, port, authority, mailbox, starttls, sink):
    tree = Tree("fetchmail")
    configuration = work / "fetchmailrc"
    tls = "sslproto 'auto'" if starttls else "ssl"
    configuration.write_text(f"""\
set no bouncemail
set invisible
poll localhost protocol POP3 port {port} uidl
  user "{mailbox.id}" password "{quoted(mailbox.password)}"
  {tls} sslcertck sslcertfile "{authority}" sslcommonname localhost
  fetchall no keep no rewrite no mimedecode
  mda "{sink}"
""")
    configuration.chmod(0o600)
    # 1: no mail waits.
    run([tree.program("fetchmail"), "-f", configuration, "--nosyslog", "--nodetach", "-d0",
         "--pidfile", work / "fetchmail.pid", "--idfile", work / "fetchmail.ids"], tree.environment(work), 300)


def mpop(work, port, authority, mailbox, starttls, maildir):
    tree = Tree("mpop")
    configuration = work / "mpoprc"
    password = work / "mpop.password"
    password.write_text(mailbox.password + "\n")
    configuration.write_text(f"""\
defaults
host localhost
port {port}
user {mailbox.id}
passwordeval cat '{password}'
tls on
tls_starttls {'on' if starttls else 'off'}
tls_trust_file {authority}
auth user
keep off
uidls_file {work}/mpop.uidls
delivery maildir {maildir}
received_header off
account default
""")
    configuration.chmod(0o600)
    run([tree.program("mpop"), "-C", configuration, "--quiet"], tree.environment(work), 300)


def getmail(work, port, authority, mailbox, maildir):
    """Returns how many times it had to be started again. It delivers in a child process, and when that ends
    before the parent has begun to wait, the parent misses it and gives up after its time limit (getmailcore's
    _wait_for_child). The message is delivered then, and comes a second time."""
    tree = Tree("getmail6")
    folder = work / "getmail"
    folder.mkdir()
    (folder / "getmailrc").write_text(f"""\
[retriever]
type = SimplePOP3SSLRetriever
server = localhost
port = {port}
timeout = 20
username = {mailbox.id}
password_command = ("cat", "{folder}/password")
ca_certs = {authority}
ssl_cert_hostname = localhost
[destination]
type = Maildir
path = {maildir}/
[options]
read_all = true
delete = true
received = false
delivered_to = false
verbose = 0
""")
    (folder / "password").write_text(mailbox.password + "\n")
    command = ["/usr/bin/python3", tree.program("getmail"), "--getmaildir", folder]
    if os.geteuid() == 0:
        # It refuses to deliver as root.
        user = pwd.getpwnam("nobody")
        for path in (folder, *folder.iterdir(), maildir, *pathlib.Path(maildir).rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid)
        must_be_reachable(folder)
        command = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *command]
    for again in range(5):
        try:
            run(command, tree.environment(folder), 300)
            return again
        except Failure as failure:
            if "waiting child pid" not in str(failure):
                raise
    raise Failure("getmail missed its child five times")


def quoted(text):
    return text.replace("\\", "\\\\").replace('"', '\\"')


def new_maildir(path):
    for folder in ("cur", "new", "tmp"):
        (path / folder).mkdir(parents=True)
    return path


def maildir_messages(path):
    return [file.read_bytes() for folder in ("new", "cur") for file in (path / folder).iterdir()]


# ---- Dovecot: a peer for the collectors, to try them without the gateway ----


class Dovecot:
    """POP3 with and without implicit TLS on a folder of messages."""

    def __init__(self, work, messages, certificate, key, user, password):
        self.work = work / "dovecot"
        self.pop3, self.pop3s = free_port(), free_port()
        etc = self.work / "etc"
        etc_with_user(etc, "dovecot", "dovenull")
        self.overlay = Overlay(Tree("dovecot-pop3d"), work, etc)
        mail = new_maildir(self.work / "mail")
        for number, data in enumerate(messages):
            (mail / "new" / f"{1700000000 + number}.M{number}.test").write_bytes(data)
        for path in (mail, *mail.rglob("*")):
            os.chown(path, 65534, 65534)
        (etc / "dovecot").mkdir()
        (etc / "dovecot/users").write_text(f"{user}:{{PLAIN}}{password}:65534:65534::{self.work}/mail\n")
        (etc / "dovecot/dovecot.conf").write_text(f"""\
protocols = pop3
listen = 127.0.0.1
base_dir = {self.work}/run
log_path = {self.work}/dovecot.log
ssl = required
ssl_cert = <{certificate}
ssl_key = <{key}
mail_location = maildir:{self.work}/mail
mail_save_crlf = yes
first_valid_uid = 1
passdb {{
  driver = passwd-file
  args = {etc}/dovecot/users
}}
userdb {{
  driver = passwd-file
  args = {etc}/dovecot/users
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {self.pop3}
  }}
  inet_listener pop3s {{
    port = {self.pop3s}
    ssl = yes
  }}
}}
""")
        self.process = None

    def start(self):
        self.process = self.overlay.popen(["dovecot", "-F"], stdout=subprocess.DEVNULL,
                                          stderr=open(self.work.with_name("dovecot-start.log"), "wb"))
        wait_for("Dovecot", lambda: answers(self.pop3s) or self.process.poll() is not None, 30)
        check(self.process.poll() is None, "Dovecot did not start")

    def stop(self):
        if self.process:
            stop_process(self.process)
