"""The pairs that bench/failover compares: two masters of Tandem, with and without an address that moves, and two
hosts with keepalived and HAProxy. All stand before three tandem-workers on hosts of their own.

All offer: ready() waits until all is well and returns (the serving host, the address to ask); the faults kill,
freeze, cut and switch_over, which strike the serving host; and repair_FAULT(), which undoes the last one.
"""
import http.client
import json
import os
import signal
import ssl
import subprocess
import time

from hosts import NETWORK, await_that
from peers import family, installed, program

WORKERS = ("w1", "w2", "w3")
CLIENTS, INNER, CONTROL, WORKER = 8080, 7071, 7070, 9000
VIRTUAL = NETWORK + "100"

KEEPALIVED = """
global_defs {{
    router_id {name}
    vrrp_version 3
}}
vrrp_instance pair {{
    state BACKUP
    nopreempt
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int {advert}
    virtual_ipaddress {{ {virtual}/24 }}
}}
"""

HAPROXY = """
global
    maxconn 4000
defaults
    mode http
    timeout connect 1s
    timeout client 600s
    timeout server 600s
    timeout check 1s
    option http-keep-alive
    option forwardfor
    http-reuse always
    retries 3
    option redispatch
frontend clients
    bind :{clients}
    default_backend workers
backend workers
    option httpchk GET /health
    default-server check inter 1s fall 2 rise 1
{servers}
"""


def start_worker(network, host, name, arguments):
    return network.start(host, name, [program("tandem-worker"), "--name", name, "--listen", f"{host.address}:{WORKER}",
                                      *arguments])


class TandemPair:
    """Masters a and b and three workers that vote, each on a host of its own. With a virtual address the client asks
    that, which the primary has; without, the standby, as one that has lost the primary would: it is passed on while
    the primary serves, and served afterwards. With certificates all of them speak TLS to each other, also where
    requests are passed on; without they share a token."""

    def __init__(self, network, options, virtual=None, certificates=False):
        self.network, self.virtual = network, virtual
        self.hosts = {name: network.host(name) for name in ("a", "b")}
        self.token = network.write("token", "a-token-of-the-benchmark-alone\n")
        os.chmod(self.token, 0o600)
        self.authority = os.path.join(network.dir, "ca") if certificates else None
        if certificates:
            self._issue("init", "--cluster", "bench")
            for name in self.hosts:
                self._issue("issue", "--master", name)
            for name in WORKERS:
                self._issue("issue", "--worker", name, "--witness")
            self._issue("issue", "--operator", "ops")
            self.tls = ssl.create_default_context(cafile=os.path.join(self.authority, "ca.pem"))
            self.tls.check_hostname = False  # masters are known by their identities
            self.tls.load_cert_chain(*(os.path.join(self.authority, "operator-ops." + end) for end in ("pem", "key")))
        self.master_options = options
        self.masters = {name: self._start_master(name) for name in self.hosts}
        self.workers, self.all_hosts = {}, list(self.hosts.values())
        for name in WORKERS:
            host = network.host(name)
            self.all_hosts.append(host)
            arguments = ["--state-dir", os.path.join(network.dir, "data-" + name), *self._proof("worker", name)]
            for master in self.hosts.values():
                arguments += ["--master", f"{master.address}:{CONTROL}"]
            self.workers[name] = start_worker(network, host, name, arguments)
        self.serving = None

    def _issue(self, command, *words):
        subprocess.run([program("tandem"), "ca", command, self.authority, *words], check=True, stdout=subprocess.DEVNULL)

    def _proof(self, kind, name):
        if self.authority is None:
            return ["--token-file", self.token, "--insecure-network"]
        stem = os.path.join(self.authority, f"{kind}-{name}")
        return ["--cluster-ca", os.path.join(self.authority, "ca.pem"), "--cluster-cert", stem + ".pem",
                "--cluster-key", stem + ".key"]

    def _start_master(self, name):
        own = self.hosts[name].address
        command = [program("tandem-master"), "--node", name, "--listen", f"{own if not self.virtual else '0.0.0.0'}:{CLIENTS}",
                   "--control", f"{own}:{CONTROL}", "--data-dir", os.path.join(self.network.dir, "data-" + name),
                   *self._proof("master", name)] + self.master_options
        if self.authority is not None:
            command += ["--listen-inner", f"{own}:{INNER}"]
        if self.virtual:
            command += ["--vip", f"{self.virtual}/24@eth0"]
        for other, host in self.hosts.items():
            if other != name:
                command += ["--peer", f"{other}={host.address}:{CONTROL}"]
        return self.network.start(self.hosts[name], "master-" + name, command)

    def ask(self, name, method, path, timeout=2):
        """(status, text) from a master's control address; status 0 when it does not answer."""
        address = (self.hosts[name].address, CONTROL)
        connection = (http.client.HTTPConnection(*address, timeout=timeout) if self.authority is None
                      else http.client.HTTPSConnection(*address, timeout=timeout, context=self.tls))
        try:
            token = {} if self.authority else {"Authorization": "Bearer a-token-of-the-benchmark-alone"}
            connection.request(method, path, headers=token)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def status(self, name):
        answered, text = self.ask(name, "GET", "/status")
        return json.loads(text) if answered == 200 else {}

    def _is_ready(self):
        roles = {name: self.status(name) for name in self.hosts}
        primaries = [name for name, status in roles.items() if status.get("role") == "primary"]
        if len(primaries) != 1:
            return False
        serving, = primaries
        other, = set(self.hosts) - {serving}
        status = roles[serving]
        ready = (status["protected"] and len(status["voters"]) == len(self.hosts) + len(WORKERS)
                 and all(each["match_index"] == status["commit_index"] for each in status["voters"])
                 and sum(each["state"] == "up" for each in status["workers"]) == len(WORKERS)
                 and all(len([each for each in of["workers"] if each["state"] == "up"]) == len(WORKERS)
                         for of in roles.values() if of)
                 and self.ask(other, "GET", "/standby")[0] == 200
                 and [each["held"] for name in (serving, other) for each in roles[name]["vips"]]
                 == ([True, False] if self.virtual else []))
        self.serving = serving if ready else None
        return ready

    def ready(self):
        await_that("a primary, a standby in sync and three workers that vote", self._is_ready, 60)
        other, = set(self.hosts) - {self.serving}
        self.struck = self.serving
        return self.serving, self.virtual or self.hosts[other].address

    def kill(self):
        self.masters[self.struck].kill()

    def repair_kill(self):
        self.network.kill(self.masters[self.struck])
        self.masters[self.struck] = self._start_master(self.struck)

    def freeze(self):
        self.masters[self.struck].send_signal(signal.SIGSTOP)

    def repair_freeze(self):
        self.masters[self.struck].send_signal(signal.SIGCONT)

    def cut(self):
        self.hosts[self.struck].cut()

    def repair_cut(self):
        self.hosts[self.struck].heal()

    def switch_over(self):
        status, text = self.ask(self.struck, "POST", "/v1/switchover", 10)
        if status not in (200, 204):
            raise RuntimeError(f"the switchover failed: {status} {text}")

    def repair_switch_over(self):
        pass


class KeepalivedPair:
    """Hosts a and b, each with keepalived and an HAProxy before the same three workers. The client asks the virtual
    address, which moves."""

    def __init__(self, network, advert):
        self.network, self.advert = network, advert
        self.hosts = {name: network.host(name) for name in ("a", "b")}
        self.workers = {}
        for name in WORKERS:
            host = network.host(name)
            self.workers[name] = host
            start_worker(network, host, name, [])
        self.daemons = {name: self._start(name) for name in self.hosts}

    def _start(self, name):
        servers = "\n".join(f"    server {each} {host.address}:{WORKER}" for each, host in self.workers.items())
        haproxy = self.network.write(f"{name}.haproxy", HAPROXY.format(clients=CLIENTS, servers=servers))
        config = self.network.write(f"{name}.keepalived", KEEPALIVED.format(
            name=name, priority=100 if name == "a" else 90, advert=self.advert, virtual=VIRTUAL))
        host = self.hosts[name]
        return [self.network.start(host, f"haproxy-{name}", [
                    installed("haproxy", "haproxy"), "-db", "-q", "-f", haproxy]),
                self._start_keepalived(name, config)]

    def _start_keepalived(self, name, config=None):
        directory = self.network.dir
        return self.network.start(self.hosts[name], f"keepalived-{name}", [
            installed("keepalived", "keepalived"), "--vrrp", "--dont-fork", "--log-console",
            "--use-file", config or os.path.join(directory, f"{name}.keepalived"),
            "--pid", os.path.join(directory, f"{name}.pid"),
            "--vrrp_pid", os.path.join(directory, f"{name}.vrrp.pid")])

    def _has_address(self, name):
        return VIRTUAL + "/" in self.hosts[name].output("ip", "-o", "-4", "address", "show", "dev", "eth0")

    def ready(self):
        # One holder for as long as the other would need to claim the address too.
        settle = 4 * float(self.advert)
        since = {}

        def settled():
            holders = tuple(name for name in self.hosts if self._has_address(name))
            since.setdefault(holders, time.monotonic())
            for other in set(since) - {holders}:
                del since[other]
            return len(holders) == 1 and time.monotonic() - since[holders] > settle

        await_that("one holder of the virtual address", settled, 60, 0.1)
        self.struck, = (name for name in self.hosts if self._has_address(name))
        return self.struck, VIRTUAL

    def _signal(self, number):
        for process in reversed(self.daemons[self.struck]):
            for pid in reversed(family(process.pid)):
                os.kill(pid, number)

    def kill(self):
        self._signal(signal.SIGKILL)

    def repair_kill(self):
        for process in self.daemons[self.struck]:
            self.network.kill(process)
        self.hosts[self.struck].output("ip", "address", "del", VIRTUAL + "/24", "dev", "eth0")
        for kind in ("pid", "vrrp.pid"):  # a pid that nobody has waited for counts as a daemon that runs
            os.unlink(os.path.join(self.network.dir, f"{self.struck}.{kind}"))
        self.daemons[self.struck] = self._start(self.struck)

    def freeze(self):
        self._signal(signal.SIGSTOP)

    def repair_freeze(self):
        self._signal(signal.SIGCONT)

    def cut(self):
        self.hosts[self.struck].cut()

    def repair_cut(self):
        self.hosts[self.struck].heal()

    def switch_over(self):
        self.daemons[self.struck][1].send_signal(signal.SIGTERM)

    def repair_switch_over(self):
        self.daemons[self.struck][1].wait(30)
        self.daemons[self.struck][1] = self._start_keepalived(self.struck)
