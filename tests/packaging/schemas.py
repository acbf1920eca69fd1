#!/usr/bin/env python3
"""Holds the manifests of packaging/kubernetes to the fields that Kubernetes publishes, as Debian's python3-kubernetes has
them (generated from its OpenAPI document): each member is known, of its type, and what is required is there. And the
Compose file to the Compose specification, as Debian's docker-compose has it; no daemon is asked.

    schemas.py [MANIFEST.yaml...]     by default those of this repository
"""
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2] / "packaging"
SKIPPED = 77
PLAIN = {"str": str, "int": int, "bool": bool, "float": (int, float)}


def class_of(client, document):
    """V1StatefulSet for apps/v1 StatefulSet, which AppsV1Api can create; None: there is none."""
    group, _, version = document.get("apiVersion", "").rpartition("/")
    version, kind = version[:1].upper() + version[1:], document.get("kind", "")
    api = getattr(client, (group.split(".")[0].capitalize() or "Core") + version + "Api", None)
    created = "create_namespaced" + re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), kind)
    return getattr(client.models, version + kind, None) if hasattr(api, created) else None


def faults(models, value, wanted, where):
    """What is wrong with a value of the type that the models write as `wanted`."""
    parts = re.fullmatch(r"list\[(.*)\]|dict\(str, (.*)\)", wanted)
    if parts and parts[1]:
        if not isinstance(value, list):
            yield f"{where} is no list"
            return
        for index, each in enumerate(value):
            yield from faults(models, each, parts[1], f"{where}[{index}]")
    elif parts:
        if not isinstance(value, dict):
            yield f"{where} is no mapping"
            return
        for key, each in value.items():
            yield from faults(models, each, parts[2], f"{where}.{key}")
    elif wanted in PLAIN:
        is_bool = isinstance(value, bool)
        if not isinstance(value, PLAIN[wanted]) or is_bool != (wanted == "bool"):
            yield f"{where} is no {wanted}: {value!r}"
    elif hasattr(models, wanted):
        yield from faults_of_object(models, value, getattr(models, wanted), where)
    # Else it is `object`: a number or a name, or anything.


def faults_of_object(models, value, kind, where):
    if not isinstance(value, dict):
        yield f"{where} is no {kind.__name__}"
        return
    names = {written: name for name, written in kind.attribute_map.items()}
    given = {}
    for key, each in value.items():
        if key not in names:
            yield f"{where} has no field {key} in {kind.__name__}"
            continue
        given[names[key]] = each
        yield from faults(models, each, kind.openapi_types[names[key]], f"{where}.{key}")
    try:
        kind(**given)  # what is required, and enumerations
    except ValueError as error:
        yield f"{where}: {error}"


def kubernetes(files, is_patch):
    try:
        import yaml
        from kubernetes import client
    except ImportError:
        print("schemas: python3-kubernetes or python3-yaml is not installed")
        sys.exit(SKIPPED)
    checked = 0
    for path in files:
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            checked += 1
            if is_patch(path):  # it names no object, and leaves out what it does not change
                document = {"apiVersion": "apps/v1", "kind": "StatefulSet", **document}
            kind = class_of(client, document)
            where = f"{path.name}: {document.get('kind')}"
            if kind is None:
                yield f"{where}: no such kind in {document.get('apiVersion')}"
                continue
            for fault in faults_of_object(client.models, document, kind, where):
                if not (is_patch(path) and "must not be `None`" in fault):
                    yield fault
    if checked == 0:
        yield "nothing was checked"


def compose(path):
    program = shutil.which("docker-compose")
    if program is None:
        print("schemas: docker-compose is not installed")
        sys.exit(SKIPPED)
    # `name` is younger than Debian's program.
    text = re.sub(r"^name: [a-z]+\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    ran = subprocess.run([program, "-f", "-", "--project-directory", path.parent, "config", "--quiet"], input=text,
                         capture_output=True, text=True, timeout=60, check=False)
    if ran.returncode != 0:
        yield f"{path.name}: {ran.stderr.strip()}"


def main():
    named = [pathlib.Path(each) for each in sys.argv[1:]]
    found = []
    if named:
        found += kubernetes(named, lambda path: False)
    else:
        found += kubernetes(sorted((ROOT / "kubernetes").glob("*.yaml")), lambda path: path.name == "primary-only.yaml")
        found += compose(ROOT / "oci/compose.yaml")
    print("\n".join(found) or "the recipes are as their schemas have them")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
