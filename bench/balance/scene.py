"""A scene of bench/balance: workers that take a known time, a master before them, and wrk.

Times are dominated by the workers', so they drift less than those of bench/compare.
"""
import os
import re
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from peers import LOAD_CORE, PROXY_CORE, free_port, installed, pinned, program  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SERVICE_US, SLOTS = 4000, 8


def measure(port, connections, seconds):
    """A dict: requests, rate (per second), p50 and p99 (ms), failed (percent)"""
    wrk = pinned(LOAD_CORE) + [
        installed("wrk", "wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s",
        "-s", os.path.join(os.path.dirname(HERE), "wrk.lua"), f"http://127.0.0.1:{port}/"]
    output = subprocess.run(wrk, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            timeout=seconds + 30).stdout
    found = re.search(r"^RESULT (\d+) (\d+) (\d+) (\d+) (\d+)$", output, re.M)
    if not found or int(found[1]) == 0:
        sys.exit("wrk failed:\n" + output)
    requests, micros, p50, p99, failed = map(int, found.groups())
    return {"requests": requests, "rate": requests / (micros / 1e6), "p50": p50 / 1e3, "p99": p99 / 1e3,
            "failed": 100 * failed / requests}


def start_workers(stage, behaviours):
    """bench-workers; of each the service time in µs, and what else bench-worker is told. (process, port)"""
    workers = []
    for number, (service, *others) in enumerate(behaviours):
        port = free_port()
        process = stage.start(LOAD_CORE, f"worker{number}", [
            program("bench-worker"), str(port), str(service), str(SLOTS), *map(str, others)])
        stage.await_answer("bench-worker", process, port, "/health")
        workers.append((process, port))
    return workers


def seen_by(workers):
    """The requests that the workers have seen."""
    total = 0
    for _, port in workers:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/seen", timeout=10) as answer:
            total += int(answer.read())
    return total


def start_master(stage, name, workers, flags=()):
    """(process, port)"""
    port = free_port()
    command = [program("tandem-master"), "--node", "bench", "--listen", f"127.0.0.1:{port}",
               "--control", "127.0.0.1:0", "--threads", "1",
               "--data-dir", os.path.join(stage.dir, "data-" + str(port)), *flags]
    for _, worker in workers:
        command += ["--backend", f"127.0.0.1:{worker}"]
    process = stage.start(PROXY_CORE, "master-" + name, command)
    stage.await_answer("tandem-master", process, port, "/health")
    return process, port
