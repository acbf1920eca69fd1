"""The proxies that are compared: how each is started, alike, and how each is watched.

Every proxy is one thread (one worker) on core 0, keeps client and origin connections alive, writes no access
log, and adds X-Forwarded-For, as a proxy in use does. The origin and the load are on core 1. Processes are
stopped by their pid, whatever ends the run.
"""
import ctypes
import os
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.environ.get("TANDEM_BIN", os.path.join(ROOT, "build", "release", "bin"))
PROXY_CORE, LOAD_CORE = "0", "1"
ORDER = ("relay", "haproxy", "nginx", "go", "tandem")
# With an access log; and another build of ours, which TANDEM_BEFORE names: what a change costs.
KNOWN = ORDER + ("tandem-logging", "before")
TLS_ORDER = ("haproxy", "nginx", "tandem")
READY_SECONDS = 20
PR_SET_PDEATHSIG = 1

HAPROXY = """
global
    nbthread 1
    maxconn {connections}
    no strict-limits
defaults
    mode http
    timeout connect 1s
    timeout client 600s
    timeout server 600s
    timeout http-keep-alive 600s
    option http-keep-alive
    option forwardfor
    http-reuse always
frontend clients
    bind 127.0.0.1:{port}{tls}
    default_backend origin
backend origin
    server origin 127.0.0.1:{origin}
"""

NGINX = """
{user}
worker_processes 1;
worker_rlimit_nofile {files};
daemon off;
pid {dir}/nginx.pid;
error_log {dir}/nginx.error.log;
events {{ worker_connections {files}; }}
http {{
    access_log off;
    client_max_body_size 0;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    keepalive_timeout 600s;
    keepalive_requests 100000000;
    upstream origin {{ server 127.0.0.1:{origin}; keepalive 1024; keepalive_requests 100000000; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096{tls};
        location / {{
            proxy_pass http://origin;
            proxy_request_buffering off;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }}
    }}
}}
"""


class Skipped(Exception):
    """A peer that is not installed; the text says which and what to install."""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def raise_file_limit():
    """As many files as are allowed; returns how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def pinned(core):
    return ["taskset", "-c", core] if os.cpu_count() > 1 and shutil.which("taskset") else []


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Stage:
    """The processes and files of one run. A context manager: leaving it stops and removes all of them."""

    def __init__(self, tls=False):
        self.tls = tls  # whether clients of the proxies speak it
        self.processes = []
        self.dir = None

    def __enter__(self):
        # SIGTERM ends the run like Ctrl-C: through every `finally` on the way.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        self.files = raise_file_limit()
        self.dir = tempfile.mkdtemp(prefix="tandem-bench-")
        if self.tls:
            self.make_certificate()
        return self

    def make_certificate(self):
        """site.pem and site.key, of P-256, and both.pem, which HAProxy wants."""
        certificate, key = os.path.join(self.dir, "site.pem"), os.path.join(self.dir, "site.key")
        subprocess.run([installed("openssl", "openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate, "-days", "30",
                        "-subj", "/CN=bench", "-addext", "subjectAltName=DNS:bench"],
                       check=True, stderr=subprocess.DEVNULL)
        os.chmod(key, 0o600)
        with open(certificate) as first, open(key) as second:
            self.write("both.pem", first.read() + second.read())

    def __exit__(self, *_):
        for process in self.processes:
            self.stop(process)
        shutil.rmtree(self.dir, ignore_errors=True)

    def start(self, core, name, command):
        log = open(os.path.join(self.dir, name + ".log"), "wb")
        process = subprocess.Popen(pinned(core) + command, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=subprocess.STDOUT, preexec_fn=die_with_parent, cwd=self.dir)
        process.log = log.name
        self.processes.append(process)
        return process

    def stop(self, process):
        if process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def connect(self, port, secure):
        connection = socket.create_connection(("127.0.0.1", port), 1)
        return ssl._create_unverified_context().wrap_socket(connection) if secure else connection

    def await_answer(self, name, process, port, path, secure=False):
        """Waits until `path` is answered with 200 on `port`."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            try:
                with self.connect(port, secure) as connection:
                    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
                    if connection.recv(64).startswith(b"HTTP/1.1 200"):
                        return
            except OSError:
                pass
            time.sleep(0.05)
        with open(process.log, errors="replace") as log:
            sys.exit(f"{name} did not come up:\n{log.read()[-2000:]}")

    def origin(self, threads=1):
        port = free_port()
        process = self.start(LOAD_CORE, "origin", [program("bench-origin"), str(port), str(threads)])
        self.await_answer("origin", process, port, "/128")
        return port

    def proxy(self, kind, origin, connections=4096, name=None):
        """Starts a proxy of that kind in front of the origin's port; returns (process, port). Raises Skipped.
        Those of one kind need different names."""
        port, name = free_port(), name or kind
        command = getattr(self, "_" + kind.replace("-", "_"))(port, origin, connections)
        process = self.start(PROXY_CORE, name, command)
        self.await_answer(name, process, port, "/128", self.tls)
        return process, port

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def _relay(self, port, origin, connections):
        return [program("bench-relay"), str(port), str(origin)]

    def _haproxy(self, port, origin, connections):
        tls = f" ssl crt {self.dir}/both.pem alpn http/1.1" if self.tls else ""
        config = HAPROXY.format(port=port, origin=origin, connections=connections, tls=tls)
        return [installed("haproxy", "haproxy"), "-db", "-q", "-f", self.write("haproxy.cfg", config)]

    def _nginx(self, port, origin, connections):
        user = "user root;" if os.geteuid() == 0 else ""  # its files are in a directory of ours
        # By default this version speaks TLS 1.2 at most.
        tls = (f" ssl; ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {self.dir}/site.pem; "
               f"ssl_certificate_key {self.dir}/site.key"
               if self.tls else "")
        config = NGINX.format(user=user, port=port, origin=origin, dir=self.dir, tls=tls,
                              files=min(self.files, 2 * connections + 200))
        path = self.write("nginx.conf", config)
        return [installed("nginx", "nginx-light"), "-p", self.dir, "-e", self.dir + "/nginx.error.log",
                "-c", path]

    def _go(self, port, origin, connections):
        go = installed("go", "golang-go")
        binary = os.path.join(self.dir, "bench-goproxy")
        environment = dict(os.environ, GOFLAGS="-mod=mod", GOPROXY="off", GOWORK="off",
                           GOCACHE=os.path.join(ROOT, "build", "go-cache"))
        subprocess.run([go, "build", "-o", binary, "."], cwd=os.path.join(ROOT, "bench", "goproxy"),
                       env=environment, check=True)
        return ["env", "GOMAXPROCS=1", binary, str(port), str(origin)]

    def _tandem(self, port, origin, connections):
        return self.master("tandem", port, 1) + ["--backend", f"127.0.0.1:{origin}"]

    def _tandem_logging(self, port, origin, connections):
        return self.master("tandem-logging", port, 1) + [
            "--backend", f"127.0.0.1:{origin}", "--access-log", os.path.join(self.dir, "access.log")]

    def _before(self, port, origin, connections):
        binary = os.environ.get("TANDEM_BEFORE", "")
        if not os.access(binary, os.X_OK):
            raise Skipped("TANDEM_BEFORE must name the tandem-master of another build")
        return [binary] + self._tandem(port, origin, connections)[1:]

    def master(self, name, port, threads, control=0):
        """The command of a master that knows no worker yet."""
        flags = ["--listen"]
        if self.tls:
            flags = ["--tls", f"{self.dir}/site.pem,{self.dir}/site.key", "--listen-tls"]
        return [program("tandem-master"), "--node", "bench", *flags, f"127.0.0.1:{port}",
                "--control", f"127.0.0.1:{control}", "--threads", str(threads),
                "--data-dir", os.path.join(self.dir, f"{name}-{port}")]


def program(name):
    path = os.path.join(BIN, name)
    if not os.path.exists(path):
        raise Skipped(f"{path} is not built: scripts/build.sh")
    return path


def installed(name, package):
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin")
    if path is None:
        raise Skipped(f"{name} is not installed: scripts/install-packages.sh bench brings {package}")
    return path


def family(pid):
    """The pid and all its descendants."""
    pids = [pid]
    for parent in pids:
        for task in os.listdir(f"/proc/{parent}/task"):
            with open(f"/proc/{parent}/task/{task}/children") as children:
                pids += [int(child) for child in children.read().split()]
    return pids


def cpu_seconds(pid):
    """User and system time that the process and its descendants have used."""
    ticks = 0
    for each in family(pid):
        with open(f"/proc/{each}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def thread_cpu_seconds(pid):
    """User and system time of each thread of the process, by name."""
    used = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/stat") as stat:
            text = stat.read()
        name, fields = text[text.index("(") + 1:text.rindex(")")], text.rsplit(")", 1)[1].split()
        used[name] = used.get(name, 0) + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return used


def resident_bytes(pid):
    """Resident memory of the process and its descendants."""
    pages = 0
    for each in family(pid):
        with open(f"/proc/{each}/statm") as statm:
            pages += int(statm.read().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def machine():
    """The machine in a few words, for a table's caption."""
    model = "unknown processor"
    with open("/proc/cpuinfo") as cpuinfo:
        for line in cpuinfo:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return f"{os.cpu_count()} cores of {model}, {gib:.0f} GiB, Linux {os.uname().release.split('-')[0]}"
