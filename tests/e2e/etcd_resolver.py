#!/usr/bin/env python3
"""A gRPC client in Go that finds a service by etcd's own resolver, before two masters that publish it.

Usage: etcd_resolver.py DIRECTORY-OF-PROGRAMS DIRECTORY-OF-THIS-FILE
"""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

programs, here = sys.argv[1], sys.argv[2]
packages = "/usr/share/gocode"  # where Debian has the sources of Go's packages
started = {}
deadline = 0.0


def is_missing():
    if not os.path.isdir(os.path.join(packages, "src/go.etcd.io/etcd/clientv3/naming/resolver")):
        return "golang-etcd-server-dev"
    return next((each for each in ("go", "etcd") if not shutil.which(each)), None)


def start(name, command):
    started[name] = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return started[name]


def until(what, condition):
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except (OSError, ValueError):
            pass
        time.sleep(0.02)
    raise SystemExit(f"waited in vain: {what}")


def free_addresses(count):
    taken = [socket.socket() for _ in range(count)]
    for each in taken:
        each.bind(("127.0.0.1", 0))
    return [f"127.0.0.1:{each.getsockname()[1]}" for each in taken]


def ask(address, path, document=None):
    data = None if document is None else json.dumps(document).encode()
    with urllib.request.urlopen(urllib.request.Request(f"http://{address}{path}", data), timeout=10) as answer:
        return json.loads(answer.read())


def post(address, path):
    request = urllib.request.Request(f"http://{address}{path}", method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


class Caller:
    """What the client prints, line by line."""

    def __init__(self, command):
        self.lines = []
        process = start("caller", command)
        threading.Thread(target=self.read, args=(process,), daemon=True).start()

    def read(self, process):
        for line in process.stdout:
            self.lines.append(line.strip())

    def reaches(self, addresses):
        wanted = " ".join(sorted(addresses))
        until(f"calls are answered by {wanted}, not {self.lines[-1:]}",
              lambda: self.lines and self.lines[-1] == wanted)


def check(scratch):
    global deadline
    built = os.path.join(scratch, "etcd_resolver")
    environment = os.environ | {"GOCACHE": os.path.abspath(os.path.join(programs, "../go-cache")), "GOPATH": packages,
                                "GO111MODULE": "off", "GOFLAGS": ""}
    subprocess.run(["go", "build", "-p", "2", "-o", built, os.path.join(here, "etcd_resolver/etcd_resolver.go")],
                   check=True, env=environment)
    deadline = time.monotonic() + 100
    etcd, peers, *control = free_addresses(4)
    start("etcd", ["etcd", "--data-dir", os.path.join(scratch, "etcd"), "--listen-client-urls", f"http://{etcd}",
                   "--advertise-client-urls", f"http://{etcd}", "--listen-peer-urls", f"http://{peers}",
                   "--initial-advertise-peer-urls", f"http://{peers}", "--initial-cluster", f"default=http://{peers}"])
    until("etcd answers", lambda: ask(etcd, "/v3/kv/range", {"key": "eA=="}))
    servers = [start(f"server{i}", [built, "serve"]).stdout.readline().strip() for i in range(2)]
    control = dict(zip("ab", control))
    for node, other in ("ab", "ba"):
        command = [os.path.join(programs, "tandem-master"), "--node", node, "--listen", "127.0.0.1:0", "--control",
                   control[node], "--peer", f"{other}={control[other]}", "--data-dir", os.path.join(scratch, node),
                   "--publish", f"etcd={etcd}/services", "--service", "grpc:check=grpc",
                   "--service", "grpc:check_interval=100ms", "--log-level", "off"]
        for server in servers:
            command += ["--backend", f"grpc={server}"]
        start(node, command)
    start("voter", [os.path.join(programs, "tandem-worker"), "--name", "voter", "--service", "votes", "--master",
                    control["a"], "--master", control["b"], "--listen", "127.0.0.1:0", "--state-dir",
                    os.path.join(scratch, "voter")])
    until("three voters", lambda: ask(control["a"], "/status")["protected"])
    primary = ask(control["a"], "/status")["primary"]["node"]
    standby = "b" if primary == "a" else "a"
    caller = Caller([built, "call", etcd, "services/grpc"])
    caller.reaches(servers)

    name = servers[0].replace(":", "-")
    post(control[primary], f"/v1/workers/{name}/drain")
    caller.reaches(servers[1:])
    post(control[primary], f"/v1/workers/{name}/undrain")
    caller.reaches(servers)

    before = len(caller.lines)
    started[primary].kill()
    until("the other leads and publishes",
          lambda: ask(control[standby], "/status")["publications"][0]["state"] == "written")
    time.sleep(11)  # until the lease of the other is over
    since = set(caller.lines[before:])
    assert since == {" ".join(sorted(servers))}, since
    started["server0"].kill()
    caller.reaches(servers[1:])
    assert not any("error" in line for line in caller.lines[:before]), caller.lines
    print("etcd's resolver in Go: found, drained, survived the primary and a server")


def main():
    missing = is_missing()
    if missing:
        print(f"warning: {missing} is absent: etcd's resolver in Go is not tested")
        return
    with tempfile.TemporaryDirectory(prefix="tandem-resolver-") as scratch:
        try:
            check(scratch)
        finally:
            for process in started.values():
                process.kill()
                process.wait()


main()
