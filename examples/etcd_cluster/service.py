#!/usr/bin/env python3
"""A service that registers in etcd: service.py NAME ETCD

ETCD is HOST:PORT. The key is there as long as the service keeps its lease alive, in the format of
etcd's own client for Go, by which clients of gRPC find it too.
"""
import base64
import http.server
import json
import signal
import sys
import threading
import urllib.request

name, etcd = sys.argv[1], sys.argv[2]
ttl = 3  # seconds
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


def ask(path, **document):
    request = urllib.request.Request(f"http://{etcd}/v3/{path}", json.dumps(document).encode())
    with urllib.request.urlopen(request, timeout=2) as response:
        return json.load(response)


def text(value):
    return base64.b64encode(value.encode()).decode()


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello)
server.daemon_threads = True
address = f"127.0.0.1:{server.server_port}"
key = text(f"hello/{address}")
value = text(json.dumps({"Op": 0, "Addr": address, "Metadata": {"name": name}}))


def report():
    """Registers, and keeps the lease alive; anew when etcd has forgotten it."""
    lease = None
    while not stopping.is_set():
        try:
            kept = lease and ask("lease/keepalive", ID=lease)["result"].get("TTL")
            if not kept:
                lease = ask("lease/grant", TTL=ttl)["ID"]
                ask("kv/put", key=key, value=value, lease=lease)
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
print(f"ready {address}", flush=True)
server.serve_forever()
reporting.join(10)
try:
    ask("kv/deleterange", key=key)
except OSError as error:
    print(error, file=sys.stderr)  # the lease ends by itself
