#!/usr/bin/env python3
"""Programs that know registries, against real masters: python3-consul2's client, and Prometheus.

Usage: registry_clients.py DIRECTORY-OF-PROGRAMS
"""
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

try:
    import consul
except ImportError:
    print("warning: python3-consul2 is absent: its client is not tested")
    sys.exit(0)

programs = sys.argv[1]
deadline = time.monotonic() + 110
started = {}


def start(name, command, **more):
    started[name] = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **more)
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


def ask(url):
    with urllib.request.urlopen(f"http://{url}", timeout=10) as response:
        return response.read().decode()


def put(url, document):
    request = urllib.request.Request(f"http://{url}", json.dumps(document).encode(), method="PUT")
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status
    except urllib.error.HTTPError as refused:
        return refused.code


def free_ports(count):
    taken = [socket.socket() for _ in range(count)]
    for each in taken:
        each.bind(("127.0.0.1", 0))
    return [each.getsockname()[1] for each in taken]


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/up":
            status, body = self.server.health, b""
        else:
            status, body = 200, f"{self.server.name} 1\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve(name):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.daemon_threads, server.name, server.health = True, name, 200
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


control = dict(zip("ab", (f"127.0.0.1:{port}" for port in free_ports(2))))
listen = {}


def start_master(scratch, node):
    other = "b" if node == "a" else "a"
    master = start(node, [
        os.path.join(programs, "tandem-master"), "--node", node, "--listen", "127.0.0.1:0",
        "--control", control[node], "--peer", f"{other}={control[other]}", "--data-dir",
        os.path.join(scratch, node), "--worker-heartbeat", "200ms", "--log-level", "off"])
    ready = dict(word.split("=", 1) for word in master.stdout.readline().split() if "=" in word)
    listen[node] = ready["listen"]


def status(node):
    return json.loads(ask(f"{control[node]}/status"))


def state(node, worker):
    return {each["name"]: each["state"] for each in status(node)["workers"]}.get(worker)


def client_of(node):
    host, port = control[node].split(":")
    return consul.Consul(host=host, port=int(port))


def check_consul(scratch):
    for node in "ab":
        start_master(scratch, node)
    start("voter", [os.path.join(programs, "tandem-worker"), "--name", "voter", "--service",
                    "votes", "--master", control["a"], "--master", control["b"], "--listen",
                    "127.0.0.1:0", "--state-dir", os.path.join(scratch, "voter")])
    until("three voters", lambda: status("a")["protected"])
    primary = status("a")["primary"]["node"]
    standby = "b" if primary == "a" else "a"
    agent = client_of(standby)
    assert agent.agent.self()["Config"]["Datacenter"] == "tandem"
    web = serve("web_one")
    assert agent.agent.service.register(
        "default", service_id="web one/1", address="127.0.0.1", port=web.server_port, tags=["v1"],
        check=consul.Check.ttl("3s"))
    check = "service:web one/1"
    index, instances = agent.health.service("default", passing=True)
    assert instances == []
    assert agent.agent.check.ttl_pass(check, notes="well")
    # It waits for it, as a client does that watches.
    until("it is passing", lambda: agent.health.service("default", passing=True)[1])
    _, instances = agent.health.service("default", passing=True, tag="v1")
    assert instances[0]["Service"]["ID"] == "web one/1", instances
    assert instances[0]["Service"]["Port"] == web.server_port
    assert list(agent.agent.services()) == ["web one/1"]
    assert agent.agent.checks()[check]["Output"] == "well"
    # The master that it does not know has it, too, and sends it requests.
    assert ask(f"{listen[primary]}/") == "web_one 1\n"
    assert client_of(primary).health.service("default", passing=True)[1]
    assert agent.agent.check.ttl_fail(check)
    until("it is down at the primary",
          lambda: not client_of(primary).health.service("default", passing=True)[1])
    assert agent.agent.check.ttl_pass(check)
    until("it serves again",
          lambda: client_of(primary).health.service("default", passing=True)[1])

    # What masters probe by themselves.
    probed = serve("web_two")
    url = f"http://127.0.0.1:{probed.server_port}/up"
    assert agent.agent.service.register("probed", service_id="two", address="127.0.0.1",
                                        port=probed.server_port,
                                        check=consul.Check.http(url, "1s"))
    until("it was probed", lambda: agent.health.service("probed", passing=True)[1])
    until("it was probed there", lambda: client_of(primary).health.service("probed", passing=True)[1])
    probed.health = 500
    until("its check fails", lambda: not agent.health.service("probed", passing=True)[1])
    assert agent.agent.checks()["service:two"]["Output"] == "status 500"
    probed.health = 200
    until("its check is good", lambda: agent.health.service("probed", passing=True)[1])

    # The primary dies: the other has all of it, and it is reported to whom it was before.
    started[primary].kill()
    started[primary].wait()
    until("it leads", lambda: status(standby)["role"] == "primary")
    assert ask(f"{listen[standby]}/") == "web_one 1\n"
    assert agent.agent.check.ttl_pass(check)
    # Who knew the dead one alone finds everything there when it is back.
    late = serve("web_three")
    assert agent.agent.service.register("late", service_id="three", address="127.0.0.1",
                                        port=late.server_port)
    start_master(scratch, primary)
    again = client_of(primary)
    until("it has heard of all",
          lambda: sorted(again.agent.services()) == ["three", "two", "web one/1"])
    assert again.agent.check.ttl_pass(check)
    until("it is up there", lambda: again.health.service("late", passing=True)[1])
    # Without reports it is critical, by the master that it did not report to as well.
    until("its time is over", lambda: not agent.health.service("default", passing=True)[1])
    assert agent.agent.service.deregister("web one/1")
    until("it has gone", lambda: sorted(again.agent.services()) == ["three", "two"])
    assert put(f"{control[standby]}/v1/agent/check/pass/service:web%20one/1", None) == 404
    print("python3-consul2: registered, reported, watched, survived the primary")
    return standby


def check_prometheus(scratch, node):
    if not shutil.which("prometheus"):
        print("warning: prometheus is absent: it is not tested")
        return
    port, = free_ports(1)
    configuration = os.path.join(scratch, "prometheus.yml")
    with open(configuration, "w") as file:
        json.dump({"global": {"scrape_interval": "1s"}, "scrape_configs": [{
            "job_name": "workers",
            "http_sd_configs": [{"url": f"http://{control[node]}/v1/discovery/prometheus",
                                 "refresh_interval": "1s"}],
            "relabel_configs": [
                {"source_labels": ["__meta_tandem_tags"], "regex": ".*,scraped,.*", "action": "keep"},
                {"source_labels": ["__meta_tandem_meta_team_name"], "target_label": "team"}]}]}, file)
    start("prometheus", ["prometheus", f"--config.file={configuration}",
                         f"--storage.tsdb.path={scratch}/metrics",
                         f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
    seen = serve("web_seen")
    document = {"Name": "seen", "ID": "seen", "Address": "127.0.0.1", "Port": seen.server_port,
                "Tags": ["scraped"], "Meta": {"team-name": 'a "quoted" one'}}
    assert put(f"{control[node]}/v1/agent/service/register", document) == 200

    def found():
        answer = json.loads(ask(f"127.0.0.1:{port}/api/v1/query?query=web_seen"))
        return [each["metric"] for each in answer["data"]["result"]]

    until("Prometheus has scraped it", found)
    assert found()[0]["team"] == 'a "quoted" one', found()
    assert found()[0]["instance"] == f"127.0.0.1:{seen.server_port}"

    def targets():
        answer = json.loads(ask(f"127.0.0.1:{port}/api/v1/targets"))
        return answer["data"]["activeTargets"]

    assert put(f"{control[node]}/v1/agent/service/deregister/seen", None) == 200
    until("Prometheus scrapes it no more", lambda: not targets())
    print("prometheus: found, scraped, forgotten")


with tempfile.TemporaryDirectory() as scratch:
    try:
        check_prometheus(scratch, check_consul(scratch))
    finally:
        for process in started.values():
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
