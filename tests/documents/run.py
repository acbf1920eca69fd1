#!/usr/bin/env python3
"""Runs the commands that documents print, in their order, as a reader would: in a network and file system of its own
(namespaces; only root can make them), where this machine has all the addresses that the documents name.

    run.py BIN_DIR [DOCUMENT...]

A block is commands when its first line begins with a program that is known here. An explanation behind three spaces, or
behind #, is left out. A line that starts a server goes on in the background, until its document ends; every other line
must succeed. Readers do not see these, which stand before a block, or by themselves:

    <!-- not run: WHY -->     the block is only held to --help (style/commands.py)
    <!-- file: PATH -->       the block is that file
    <!-- output -->           the block is printed by the commands before it; any number is as good as another,
                              ... stands for anything
    <!-- run: COMMANDS -->    what else a reader has done by now

apt is left to tests/packaging. A master that is started beside another, and does not join it, is on a machine of its own.
"""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = 77
PATIENCE = 60  # seconds
# The documents, and whether a reader of one has a cluster already.
DOCUMENTS = {
    "README.md": False,
    "docs/getting-started.md": False,
    "docs/operating.md": True,
    "docs/upgrading.md": True,
    "docs/workers.md": True,
    "docs/services.md": True,
    "docs/security.md": False,
    "docs/discovery.md": True,
    "docs/clients.md": True,
}
SERVERS = ("tandem-master", "tandem-worker")
ENDS_BY_ITSELF = re.compile(r"--(check-config|help|version|print-default-config)")
LEFT_OUT = ("apt ", "apt-get ", "sudo apt")
KNOWN = {*SERVERS, "tandem", "curl", "install", "systemctl", "source", "sudo", "apt", "apt-get", "kill", "cp", "haproxy",
         "cmake", "cd", "for", "openssl", "./examples/cluster.sh", "python3", "promtool"}
ADDRESSES = [f"10.0.0.{last}" for last in (*range(1, 10), 100)]
NETWORK = "ip link set lo up; " + "".join(f"ip address add {each}/32 dev lo; " for each in ADDRESSES)
BLOCK = re.compile(r"<!-- (?P<what>[a-z ]+)(?:: (?P<rest>[^\n]*))? -->|(?P<block>"
                   r"^```(?P<language>\w*)\n.*?^```$|(?:^    [^\n]*\n(?:\n(?=    ))?)+)", re.DOTALL | re.MULTILINE)


class Fault(Exception):
    pass


def steps(text):
    """What there is to do in a document: (kind, text), kind is commands, run, file PATH or output."""
    mark, rest = None, None
    for found in BLOCK.finditer(text):
        if found["what"] == "run":
            yield "run", found["rest"]
        elif found["what"]:
            mark, rest = found["what"], found["rest"]
        else:
            lines = found["block"].splitlines()
            lines = lines[1:-1] if found["language"] is not None else [line[4:] for line in lines]
            body = "\n".join(lines) + "\n"
            words = lines[0].split() if lines else []
            if mark in ("file", "output"):
                yield f"{mark} {rest or ''}", body
            elif mark is None and words and words[0] in KNOWN and found["language"] in (None, "", "sh"):
                yield "commands", body
            mark, rest = None, None


def commands(block):
    """The lines of a block without what explains them."""
    for line in re.sub(r" *\\\n *", " ", block).splitlines():
        line = re.split(r" {3,}| +# ", line.removeprefix("$ ").strip())[0]
        if line:
            yield line


def server_of(line):
    words = line.rstrip("& ").split()
    return words[0] if words and words[0] in SERVERS and not ENDS_BY_ITSELF.search(line) else None


class Reader:
    """Somebody who follows one document, in a directory of their own."""

    def __init__(self, folder):
        self.folder = folder
        self.servers = []
        self.printed = ""
        self.has_master = False
        self.done = 0  # commands that readers see

    def follow(self, path):
        for kind, body in steps(path.read_text(encoding="utf-8")):
            if kind == "commands":
                self.printed = ""
                for line in commands(body):
                    self.do(line)
                    self.done += 1
            elif kind == "run":
                self.run(body)
            elif kind.startswith("file "):
                pathlib.Path(self.folder, kind[5:]).write_text(body, encoding="utf-8")
            else:
                self.compare(body)

    def do(self, line):
        if line.startswith(LEFT_OUT):
            return
        if server_of(line):
            self.start(line)
        else:
            self.run(line)

    def start(self, line):
        line = line.rstrip("& ").replace(" ...", "")
        if server_of(line) == "tandem-master":
            if self.has_master and not re.search("--(join|peer)", line):
                line = f"unshare --net -- /bin/sh -c '{NETWORK} exec {line}'"
            self.has_master = True
        log = self.folder / f"server-{len(self.servers)}.log"
        with open(log, "w", encoding="utf-8") as out:
            server = subprocess.Popen(["/bin/bash", "-c", "exec " + line], cwd=self.folder, stdout=out, stderr=out,
                                      stdin=subprocess.DEVNULL)
        self.servers.append(server)
        self.await_ready(line, server, log)

    @staticmethod
    def await_ready(line, server, log):
        deadline = time.monotonic() + PATIENCE
        while not re.search(r"^tandem-\w+ ready", log.read_text(encoding="utf-8"), re.MULTILINE):
            if server.poll() is not None or time.monotonic() > deadline:
                raise Fault(f"`{line}` does not become ready:\n{log.read_text(encoding='utf-8')}")
            time.sleep(0.02)

    def run(self, line):
        ran = subprocess.run(["/bin/bash", "-euo", "pipefail", "-c", line], cwd=self.folder, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE, check=False)
        self.printed += ran.stdout
        if ran.returncode != 0:
            raise Fault(f"`{line}` ends with status {ran.returncode}:\n{ran.stdout}")

    def compare(self, expected):
        rest = self.printed
        for line in filter(None, map(str.strip, expected.splitlines())):
            pattern = re.escape(line).replace(r"\.\.\.", ".*")
            pattern = re.sub(r"\d+", r"\\d+", re.sub(r"(\\ )+", r"\\s+", pattern))
            found = re.search(pattern, rest)
            if not found:
                raise Fault(f"`{line}` is not printed, in this order:\n{self.printed}")
            rest = rest[found.end():]

    def leave(self):
        assert os.getpid() == 1  # of a namespace in which nobody else is
        with contextlib.suppress(ProcessLookupError):  # none is left
            os.kill(-1, signal.SIGKILL)
        for server in self.servers:
            server.wait()
        shutil.rmtree("/var/lib/tandem", ignore_errors=True)  # of this file system


def cluster(reader):
    """Two masters that stand by for each other, and three workers, of which one votes."""
    peers = {"a": ("7070", "8080", "b=127.0.0.1:7071"), "b": ("7071", "8081", "a=127.0.0.1:7070")}
    started = []
    for name, (control, listen, peer) in peers.items():
        line = (f"tandem-master --node {name} --listen 127.0.0.1:{listen} --control 127.0.0.1:{control} --data-dir {name} "
                f"--peer {peer} --config {name}.toml")
        (reader.folder / f"{name}.toml").touch()
        log = reader.folder / f"master-{name}.log"
        with open(log, "w", encoding="utf-8") as out:
            server = subprocess.Popen(["/bin/bash", "-c", "exec " + line], cwd=reader.folder, stdout=out, stderr=out,
                                      stdin=subprocess.DEVNULL)
        reader.has_master = True
        reader.servers.append(server)
        started.append((line, server, log))
    for each in started:
        reader.await_ready(*each)
    for number in (1, 2, 3):
        vote = "--state-dir w1" if number == 1 else ""
        reader.start(f"tandem-worker --name w{number} --listen 127.0.0.1:91{number:02} --master 127.0.0.1:7070 {vote}")
    reader.run("until tandem status --check; do sleep 0.05; done")


SYSTEMCTL = """#!/bin/sh
# As much of systemctl as documents use: the real one is tried in tests/packaging.
for unit; do :; done
case $1 in
status) exec tandem-master --version ;;
enable) ;;
*) exit 1 ;;
esac
name=${unit%%@*} instance=${unit##*@}
command=$(sed -n "s,^ExecStart=[^ ]*/,,p" "$TANDEM_UNITS/$name@.service" | sed "s,%i,$instance,g; s,%S,/var/lib,g")
mkdir -p /var/lib/tandem
[ "$name" = tandem-master ] || mkdir -p "/var/lib/tandem/worker-$instance"
setsid $command >"$HOME/$unit.log" 2>&1 </dev/null &
"""


def furnish(bin_dir, folder):
    """This network and file system, which nobody else has."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/srv"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/var/lib"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
    for each in ("upper", "work", "bin"):
        os.mkdir(folder / each)
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                    f"lowerdir=/etc,upperdir={folder}/upper,workdir={folder}/work", "/etc"], check=True)
    os.makedirs("/srv/www")
    os.makedirs("/etc/tandem")
    subprocess.run(["useradd", "--system", "tandem"], check=False, stderr=subprocess.DEVNULL)
    for name, script in (("systemctl", SYSTEMCTL), ("sudo", '#!/bin/sh\nexec "$@"\n')):
        program = folder / "bin" / name
        program.write_text(script, encoding="utf-8")
        program.chmod(0o755)
    os.environ["PATH"] = f"{folder}/bin:{bin_dir}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    subprocess.run(["/bin/sh", "-c", NETWORK], check=True)
    os.environ["TANDEM_UNITS"] = f"{bin_dir.parent}/packaging/systemd"
    os.environ["HOME"] = str(folder)


def inside(bin_dir, documents):
    faults, done = [], 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        furnish(bin_dir, folder)
        for name in documents:
            reader = Reader(folder / name.replace("/", "-"))
            os.mkdir(reader.folder)
            try:
                if DOCUMENTS.get(name, False):
                    cluster(reader)
                reader.follow(ROOT / name)
                if reader.done == 0:
                    raise Fault("nothing in it is run")
            except (Fault, subprocess.TimeoutExpired) as fault:
                faults.append(f"{name}: {fault}")
            reader.leave()
            done += reader.done
        subprocess.run(["umount", "-l", folder], check=False)
    print("\n".join(faults) or f"{done} commands do what their documents say")
    return 1 if faults else 0


def main():
    bin_dir = pathlib.Path(sys.argv[1]).resolve()
    documents = [each for each in sys.argv[2:] if each != "--inside"] or list(DOCUMENTS)
    if "--inside" in sys.argv:
        return inside(bin_dir, documents)
    own = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run([*own, "true"], capture_output=True, check=False).returncode != 0:
        print("documents: only root can make a network and a file system of its own")
        return SKIPPED
    return subprocess.run([*own, sys.executable, __file__, bin_dir, *documents, "--inside"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
