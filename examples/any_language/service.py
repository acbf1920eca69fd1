#!/usr/bin/env python3
"""A service that is a worker of a Tandem cluster: service.py NAME MASTER [MASTER...]

Each MASTER is a control address, HOST:PORT. The token, if the masters ask for one, is in the file
that $TANDEM_TOKEN_FILE names.
"""
import http.server
import json
import os
import secrets
import signal
import sys
import threading
import urllib.request

name, masters = sys.argv[1], sys.argv[2:]
stopping = threading.Event()


class Hello(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = f"hello from {name}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello)
server.daemon_threads = True
document = {
    "name": name,
    "incarnation": secrets.token_hex(8),  # new at each start
    "address": f"127.0.0.1:{server.server_port}",
    "connections": 64,
}


def send(master, state):
    """Returns the seconds until the next heartbeat; None if this worker has been removed."""
    request = urllib.request.Request(
        f"http://{master}/heartbeat", json.dumps(document | {"state": state}).encode(),
        {"Content-Type": "application/json"})
    if path := os.environ.get("TANDEM_TOKEN_FILE"):
        request.add_header("Authorization", "Bearer " + open(path).read().strip())
    with urllib.request.urlopen(request, timeout=2) as response:
        answer = json.load(response)
    return None if answer.get("removed") else answer["interval_ms"] / 1000


def heartbeats(master):
    while not stopping.is_set():
        pause = 1.0
        try:
            pause = send(master, "up")
        except (OSError, ValueError) as error:  # it may be back by the next one
            print(f"{master}: {error}", file=sys.stderr)
        if pause is None:
            return stop()
        stopping.wait(pause)


def stop(*_):
    stopping.set()
    threading.Thread(target=server.shutdown).start()


for when in (signal.SIGTERM, signal.SIGINT):
    signal.signal(when, stop)
for each in masters:
    threading.Thread(target=heartbeats, args=(each,), daemon=True).start()
print(f"ready {document['address']}", flush=True)
server.serve_forever()
for each in masters:  # no new requests from here on
    try:
        send(each, "bye")
    except OSError:
        pass
