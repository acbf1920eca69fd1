"""Hosts of a benchmark: network namespaces on one switch, and the processes on them.

Nothing has a name outside this process: the switch is a bridge in a network namespace of the benchmark's own,
every host the namespace of a process that sleeps. All processes die with the benchmark, whatever ends it, and
the kernel removes a namespace with its last process: so nothing can be left behind, and two runs do not meet.
"""
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from peers import PR_SET_PDEATHSIG, family, installed, raise_file_limit

CLONE_NEWNET = 0x40000000
NETWORK = "10.77.0."
CLIENT = NETWORK + "254"  # the benchmark's own address, at the switch


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def ip(*arguments):
    subprocess.run([installed("ip", "iproute2"), *arguments], check=True)


def await_that(what, condition, seconds=30, pause=0.02):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(pause)


class Host:
    def __init__(self, name, number, holder):
        self.name, self.address, self.holder = name, NETWORK + str(number), holder
        self.cable = f"cable{number}"

    def inside(self, command):
        """The command, to be run on this host; its process is the command's own."""
        return ["nsenter", "-t", str(self.holder.pid), "-n"] + command

    def output(self, *command):
        return subprocess.run(self.inside(list(command)), stdout=subprocess.PIPE, text=True, check=True).stdout

    def cut(self):
        ip("link", "set", self.cable, "down")

    def heal(self):
        ip("link", "set", self.cable, "up")


class Network:
    """A context manager: leaving it stops all processes and removes all files."""

    def __init__(self):
        self.processes, self.hosts = [], 0

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        raise_file_limit()
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET) != 0:
            sys.exit(f"no network namespace can be made ({os.strerror(ctypes.get_errno())}): run as root")
        self.dir = tempfile.mkdtemp(prefix="tandem-bench-")
        ip("link", "set", "lo", "up")
        ip("link", "add", "switch", "type", "bridge", "mcast_snooping", "0")
        ip("address", "add", CLIENT + "/24", "dev", "switch")
        ip("link", "set", "switch", "up")
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            self.kill(process)
        shutil.rmtree(self.dir, ignore_errors=True)

    def host(self, name):
        self.hosts += 1
        holder = subprocess.Popen(["unshare", "-n", "sleep", "infinity"], stdin=subprocess.DEVNULL,
                                  preexec_fn=die_with_parent)
        self.processes.append(holder)
        own = os.readlink("/proc/self/ns/net")
        await_that("a namespace", lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != own)
        host = Host(name, self.hosts, holder)
        ip("link", "add", host.cable, "master", "switch", "type", "veth",
           "peer", "name", "eth0", "netns", str(holder.pid))
        for line in (("link", "set", "lo", "up"), ("address", "add", host.address + "/24", "dev", "eth0"),
                     ("link", "set", "eth0", "up")):
            host.output("ip", *line)
        host.heal()
        return host

    def start(self, host, name, command):
        """Starts it on the host; what it prints is appended to NAME.log in the directory."""
        with open(os.path.join(self.dir, name + ".log"), "ab") as log:
            process = subprocess.Popen(host.inside(command), stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=subprocess.STDOUT, preexec_fn=die_with_parent, cwd=self.dir)
        self.processes.append(process)
        return process

    def kill(self, process):
        """kill -9 of the process and its children, and waits until they have ended."""
        if process.poll() is None:
            for pid in family(process.pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        process.wait()
        if process in self.processes:
            self.processes.remove(process)

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w") as file:
            file.write(text)
        return path
