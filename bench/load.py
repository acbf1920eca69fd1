"""The closed load of wrk: a number of connections, each asking again as soon as it has its answer; and connections
that asked once and are silent."""
import os
import socket
import ssl
import statistics
import subprocess
import sys

from peers import LOAD_CORE, cpu_seconds, installed, pinned

HERE = os.path.dirname(os.path.abspath(__file__))
SILENT_REQUEST = b"GET /128 HTTP/1.1\r\nHost: bench\r\nUser-Agent: idle\r\n\r\n"
REQUESTS = ("keep-alive", "close", "upload")  # what wrk.lua can send


def measure(process, port, path, connections, seconds, request="keep-alive", cpu=cpu_seconds, scheme="http"):
    """One load: (requests per second, p50 ms, p99 ms, CPU µs per request, failed requests)."""
    before = cpu(process.pid)
    wrk = pinned(LOAD_CORE) + [
        installed("wrk", "wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s",
        "-s", os.path.join(HERE, "wrk.lua"), f"{scheme}://127.0.0.1:{port}{path}", "--", request]
    output = subprocess.run(wrk, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            timeout=seconds + 30).stdout
    used = cpu(process.pid) - before
    result = [line.split()[1:] for line in output.splitlines() if line.startswith("RESULT ")]
    if not result:
        sys.exit("wrk failed:\n" + output)
    requests, micros, p50, p99, failed = map(int, result[0])
    if requests == 0:
        sys.exit("no request was answered:\n" + output)
    return requests / (micros / 1e6), p50 / 1e3, p99 / 1e3, used * 1e6 / requests, failed


def ask(connection):
    connection.sendall(SILENT_REQUEST)
    received = b""
    while not received.endswith(b"x" * 128):
        more = connection.recv(4096)
        if not more:
            raise OSError("the proxy closed the connection")
        received += more


def open_connections(port, count, into, secure=False):
    context = ssl._create_unverified_context() if secure else None
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port), 10)
        if secure:
            connection = context.wrap_socket(connection)
        into.append(connection)
        ask(connection)


def medians(rounds):
    """Of several measure(): the medians, and all failures."""
    columns = list(zip(*rounds))
    return [statistics.median(column) for column in columns[:4]] + [sum(columns[4])]


def progress(text):
    if sys.stderr.isatty():
        print(f"{text:70}", end="\r", file=sys.stderr, flush=True)


def load_average():
    return f"load {os.getloadavg()[0]:.1f}"
