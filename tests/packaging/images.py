#!/usr/bin/env python3
"""The recipes of containers, as far as they can be checked without any: that they are well-formed, that the command lines
in them are accepted by the programs, and that the image has what the programs need and nothing to break out with.

    images.py BIN_DIR
"""
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2] / "packaging"
# Where an image's files may be, and what must not be among them.
FOLDERS = ("usr/bin/", "usr/lib/", "lib/", "lib64/", "etc/")
PROGRAMS = {"usr/bin/tandem-master", "usr/bin/tandem-worker", "usr/bin/tandem"}
FILES_MAX = 40


def accepted(bin_dir, program, arguments, folder):
    """What the program says of these flags; files that they name are made, and names become addresses."""
    token = folder / "token"
    token.write_text("0123456789abcdef0123456789abcdef\n")
    token.chmod(0o600)
    (folder / "empty.toml").write_text("")
    words = []
    for word in arguments:
        flag, equals, value = word.partition("=")
        if not flag.startswith("--") or not equals:
            flag, equals, value = "", "", word
        if value.startswith(("/run/", "/secret/")):
            value = str(token)
        value = value.replace("$(POD_NAME)", "tandem-0").replace("$(POD_IP)", "127.0.0.1")
        if value.startswith("/etc/tandem/"):
            continue  # --config: --check-config takes its place
        if value.startswith("/var/lib/"):
            value = str(folder / "data")
        words.append(f"{flag}{equals}{value}")
    # A name of the recipe's network is unknown here.
    words = [word.replace("a:7070", "127.0.0.1:7070").replace("b:7070", "127.0.0.2:7070") for word in words]
    ran = subprocess.run([bin_dir / program, *words, "--check-config", folder / "empty.toml"],
                         capture_output=True, text=True, timeout=60, check=False)
    return "" if ran.returncode == 0 else f"{program} {' '.join(words)}: {ran.stderr.strip()}"


def compose(bin_dir, folder, yaml):
    document = yaml.safe_load((ROOT / "oci/compose.yaml").read_text())
    services = document["services"]
    if set(services) != {"a", "b", "w1", "w2"}:
        yield f"compose.yaml: services {sorted(services)}"
    for name, service in services.items():
        program = "tandem-worker" if "entrypoint" in service else "tandem-master"
        wrong = accepted(bin_dir, program, service["command"], folder)
        if wrong:
            yield f"compose.yaml: {name}: {wrong}"
        if not service["read_only"] or service["cap_drop"] != ["ALL"]:
            yield f"compose.yaml: {name} may do more than it needs"
        for volume in service.get("volumes", []):
            if volume.split(":")[0] not in document["volumes"]:
                yield f"compose.yaml: {name}: no volume {volume}"
    if not any("--state-dir" in service["command"] for service in services.values()):
        yield "compose.yaml: there is no third voter"


def kubernetes(bin_dir, folder, yaml):
    objects = {each["kind"] + "/" + each["metadata"]["name"]: each
               for each in yaml.safe_load_all((ROOT / "kubernetes/masters.yaml").read_text())}
    wanted = {"Service/tandem", "Service/tandem-masters", "ConfigMap/tandem", "StatefulSet/tandem",
              "PodDisruptionBudget/tandem", "NetworkPolicy/tandem"}
    if set(objects) != wanted:
        yield f"masters.yaml: {sorted(objects)}"
        return
    state = objects["StatefulSet/tandem"]["spec"]
    pod = state["template"]["spec"]
    labels = state["template"]["metadata"]["labels"]
    master = pod["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in master["ports"]}
    for probe, path in (("readinessProbe", "/ready"), ("livenessProbe", "/health"), ("startupProbe", "/health")):
        asked = master[probe]["httpGet"]
        if asked["path"] != path or asked["port"] not in ports:
            yield f"masters.yaml: {probe} asks {asked}"
    if state["podManagementPolicy"] != "Parallel" or state["serviceName"] != "tandem-masters":
        yield "masters.yaml: masters do not find each other at the first start"
    if not objects["Service/tandem-masters"]["spec"]["publishNotReadyAddresses"]:
        yield "masters.yaml: masters that are not ready have no names"
    budget = objects["PodDisruptionBudget/tandem"]["spec"]
    if budget.get("maxUnavailable") != 1:
        yield f"masters.yaml: the budget is {budget}"
    for kind in ("Service/tandem", "Service/tandem-masters"):
        spec = objects[kind]["spec"]
        if not spec["selector"].items() <= labels.items() or spec["ports"][0]["targetPort"] not in ports:
            yield f"masters.yaml: {kind} leads nowhere"
    for selector in (state["selector"], budget["selector"], objects["NetworkPolicy/tandem"]["spec"]["podSelector"]):
        if not selector["matchLabels"].items() <= labels.items():
            yield f"masters.yaml: {selector} selects nothing"
    security = pod["securityContext"]
    if not security["runAsNonRoot"] or not master["securityContext"]["readOnlyRootFilesystem"]:
        yield "masters.yaml: the pod may do more than it needs"
    volumes = {volume["name"] for volume in pod["volumes"]}
    volumes |= {claim["metadata"]["name"] for claim in state["volumeClaimTemplates"]}
    for container in pod["initContainers"] + pod["containers"]:
        for mount in container["volumeMounts"]:
            if mount["name"] not in volumes:
                yield f"masters.yaml: no volume {mount['name']}"
    wrong = accepted(bin_dir, "tandem-master", master["args"], folder)
    if wrong:
        yield f"masters.yaml: {wrong}"
    files = objects["ConfigMap/tandem"]["data"]
    names = {f"tandem-{index}" for index in range(state["replicas"])}
    if set(files) != {f"{name}.toml" for name in names}:
        yield f"masters.yaml: files of {sorted(files)}"
    for file, text in files.items():
        peers = {line.split("=")[0] for line in text.split('"') if ":7070" in line}
        if peers != names - {file.removesuffix(".toml")}:
            yield f"masters.yaml: {file} names {sorted(peers)}"
    patch = yaml.safe_load((ROOT / "kubernetes/primary-only.yaml").read_text())["spec"]
    asked = patch["template"]["spec"]["containers"][0]
    if asked["name"] != master["name"] or asked["readinessProbe"]["httpGet"]["path"] != "/primary":
        yield "primary-only.yaml: it does not ask who leads"


def dockerfile():
    text = (ROOT / "oci/Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.split(None, 1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    words = {}
    for instruction, rest in lines:
        words.setdefault(instruction, []).append(rest)
    if len(words["FROM"]) < 2 or words["FROM"][-1] != "scratch":
        yield f"Dockerfile: stages {words['FROM']}"
    if words.get("USER") != ["65532:65532"]:
        yield f"Dockerfile: user {words.get('USER')}"
    if "latest" in " ".join(words["FROM"]):
        yield "Dockerfile: an image without a version"


def image(bin_dir, folder):
    rootfs = folder / "rootfs"
    subprocess.run([ROOT / "oci/rootfs.sh", bin_dir, rootfs], check=True, timeout=120)
    files = {str(path.relative_to(rootfs)) for path in rootfs.rglob("*") if not path.is_dir()}
    if not PROGRAMS <= files:
        yield f"image: no {sorted(PROGRAMS - files)}"
    for file in sorted(files):
        if not file.startswith(FOLDERS):
            yield f"image: {file}"
        if file.startswith("usr/bin/") and file not in PROGRAMS:
            yield f"image: a program more: {file}"
    if len(files) > FILES_MAX:
        yield f"image: {len(files)} files"
    if os.geteuid() != 0:
        return
    # What is collected is enough for the programs to run.
    for program in sorted(PROGRAMS):
        ran = subprocess.run(["chroot", "--userspec=65532:65532", rootfs, "/" + program, "--version"],
                             capture_output=True, text=True, timeout=60, check=False)
        if ran.returncode != 0:
            yield f"image: {program}: {ran.stderr.strip()}"


def main():
    try:
        import yaml
    except ImportError:
        print("python3-yaml is not installed")
        return 77
    bin_dir = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        folder.chmod(0o755)
        found = [*compose(bin_dir, folder, yaml), *kubernetes(bin_dir, folder, yaml), *dockerfile(),
                 *image(bin_dir, folder)]
    print("\n".join(found) or "the recipes are sound")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
