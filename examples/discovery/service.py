#!/usr/bin/env python3
"""A service that was written for a Consul agent: service.py NAME AGENT [AGENT...]

Each AGENT is HOST:PORT of a Consul agent, or the control address of a Tandem master; the next one
is asked when one does not answer. A token, if there is one, is in $CONSUL_HTTP_TOKEN.
"""
import http.server
import json
import os
import signal
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

name, agents = sys.argv[1], sys.argv[2:]
ttl = 3  # seconds
stopping = threading.Event()


class Hello(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        metrics = self.path == "/metrics"
        body = f'hello_up{{name="{name}"}} 1\n' if metrics else f"hello from {name}\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


def put(path, document=None):
    """Asks the agents in turn. Returns the status of the answer; raises OSError: none answered."""
    for _ in agents:
        request = urllib.request.Request(
            f"http://{agents[0]}{path}", json.dumps(document).encode() if document else b"",
            method="PUT")
        if token := os.environ.get("CONSUL_HTTP_TOKEN"):
            request.add_header("X-Consul-Token", token)
        try:
            with urllib.request.urlopen(request, timeout=3) as response:
                return response.status
        except urllib.error.HTTPError as refused:
            if refused.code < 500:
                print(f"{path}: {refused.code} {refused.read().decode()}", file=sys.stderr)
                return refused.code
        except OSError as error:
            print(f"{agents[0]}: {error}", file=sys.stderr)
        agents.append(agents.pop(0))
    raise OSError("no agent answers")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello)
server.daemon_threads = True
registration = {
    "Name": "hello",
    "ID": name,
    "Address": "127.0.0.1",
    "Port": server.server_port,
    "Tags": ["python"],
    "Meta": {"version": "1"},
    "Check": {"TTL": f"{ttl}s", "DeregisterCriticalServiceAfter": "10m"},
}
check = urllib.parse.quote(f"service:{name}", safe="")


def report():
    """Registers, and says in time that it is well; anew when the agent has forgotten it."""
    known = False
    while not stopping.is_set():
        try:
            known = known or put("/v1/agent/service/register", registration) == 200
            known = known and put(f"/v1/agent/check/pass/{check}") == 200
        except OSError as error:
            print(error, file=sys.stderr)
        stopping.wait(ttl / 3)


def stop(*_):
    stopping.set()
    threading.Thread(target=server.shutdown).start()


for when in (signal.SIGTERM, signal.SIGINT):
    signal.signal(when, stop)
reporting = threading.Thread(target=report, daemon=True)
reporting.start()
print(f"ready 127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
reporting.join(10)
put(f"/v1/agent/service/deregister/{urllib.parse.quote(name, safe='')}")  # no new requests
