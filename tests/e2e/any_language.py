#!/usr/bin/env python3
"""The services of examples/any_language, as they stand, behind a real master.

Usage: any_language.py DIRECTORY-OF-PROGRAMS SOURCE-DIRECTORY
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

programs, source = sys.argv[1], sys.argv[2]
folder = os.path.join(source, "examples", "any_language")
deadline = time.monotonic() + 100
started = []


def start(command, **more):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **more)
    started.append(process)
    return process


def until(what, condition):
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.02)
    raise SystemExit(f"waited in vain: {what}")


def workers(control):
    with urllib.request.urlopen(f"http://{control}/v1/workers", timeout=10) as response:
        return {each["name"]: each["state"] for each in json.load(response)["workers"]}


def languages(directory):
    yield "python", [sys.executable, os.path.join(folder, "service.py")]
    if node := shutil.which("node"):
        yield "node", [node, os.path.join(folder, "service.js")]
    else:
        print("warning: node is absent: service.js is not tested")
    if go := shutil.which("go"):
        built = os.path.join(directory, "service")
        environment = os.environ | {"GOCACHE": os.path.join(directory, "go"), "GO111MODULE": "off"}
        subprocess.run([go, "build", "-o", built, os.path.join(folder, "service.go")], check=True,
                       env=environment)
        yield "go", [built]
    else:
        print("warning: go is absent: service.go is not tested")


def check(directory):
    master = start([os.path.join(programs, "tandem-master"), "--listen", "127.0.0.1:0", "--control",
                    "127.0.0.1:0", "--worker-heartbeat", "100ms", "--log-level", "off"])
    ready = dict(word.split("=", 1) for word in master.stdout.readline().split() if "=" in word)
    for name, command in languages(directory):
        service = start([*command, name, ready["control"]])
        assert service.stdout.readline().startswith("ready "), name
        until(f"{name} is up", lambda: workers(ready["control"]).get(name) == "up")
        with urllib.request.urlopen(f"http://{ready['listen']}/", timeout=10) as response:
            assert response.read() == f"hello from {name}\n".encode(), name
        service.send_signal(signal.SIGTERM)
        assert service.wait(timeout=20) == 0, name
        until(f"{name} said bye", lambda: workers(ready["control"]).get(name) != "up")
        print(f"{name}: registered, served, said bye")


with tempfile.TemporaryDirectory() as scratch:
    try:
        check(scratch)
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
            process.wait()
