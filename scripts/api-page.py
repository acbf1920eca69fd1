#!/usr/bin/env python3
"""Writes docs/api.md to the standard output, from the OpenAPI document of a master on the standard input:

    curl -s http://127.0.0.1:7070/v1/openapi.json | scripts/api-page.py > docs/api.md
"""
import json
import sys

HEAD = """# The control API

Made by `scripts/api-page.py` from `GET /v1/openapi.json`, which a test holds to the server; another one holds this page to it.

JSON over HTTP/1.1 at the control address of any master (`--control`); over TLS where the cluster has certificates. A token goes into
`Authorization: Bearer TOKEN` ([security.md](security.md)). A master that does not lead passes on what only the primary decides. A
change is answered once it is on the disks of a majority. A wrong member, value or parameter is refused with the place where it
stands, and nothing is changed. A change whose sender has closed the connection, or its side of it, before a master came to it is not
made: who gave up may have asked another master since. Each answer of a control address has the field `Tandem-Control: 1`.

    curl http://127.0.0.1:7070/v1/workers
    curl -d '{"prefix": "/shop", "service": "shop", "strip": true}' http://127.0.0.1:7070/v1/routes
    curl -X POST http://127.0.0.1:7070/v1/workers/w1/drain?wait_ms=30000

Times are whole milliseconds where the name ends in `_ms`. An error is a document, `{"error": {"code": "unknown_worker", "message":
"..."}}`: the code is for programs, the message for people.

Role: who may ask where tokens or certificates say who somebody is; `-` is everybody. Besides what is listed any of them may answer 400
(malformed, and where), 401 and 403 (not by you), 413 (too long).
"""

# The parts of the API, by what the paths begin with.
PARTS = (
    ("State and health", ("/status", "/primary", "/standby", "/health", "/ready", "/metrics", "/events", "/v1/history", "/v1/latency")),
    ("Workers and services", ("/v1/workers", "/v1/services", "/v1/routes", "/heartbeat")),
    ("Masters", ("/v1/masters", "/v1/switchover", "/v1/snapshot", "/v1/upgrade")),
    ("Configuration", ("/v1/config", "/v1/reload", "/v1/log", "/v1/certificates", "/v1/ticket-keys", "/v1/openapi.json")),
    ("Discovery", ("/v1/catalog", "/v1/health", "/v1/agent", "/v1/discovery")),
    ("Between members", ("/cluster",)),
    ("The page", ("/",)),
)


def begins(path, start):
    return path == start or path.startswith(start + "/") or start == "/"


def part_of(path):
    return next(name for name, starts in PARTS if any(begins(path, start) for start in starts))


def cell(text):
    return str(text).replace("|", "\\|").replace("\n", " ")


def type_of(schema):
    """What a value is, in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    for key in ("oneOf", "anyOf"):
        if key in schema:
            return " or ".join(type_of(each) for each in schema[key])
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "array":
        return f"array of {type_of(schema.get('items', {}))}"
    if kind == "object" and schema.get("properties"):
        return "{" + ", ".join(f"`{name}`: {type_of(each)}" for name, each in schema["properties"].items()) + "}"
    return kind


def document_in(part):
    content = part.get("content", {})
    for kind, described in content.items():
        schema = described.get("schema")
        return type_of(schema) if schema and kind == "application/json" else f"`{kind}`"
    return ""


def row(path, method, operation):
    """One endpoint: who may ask, what it does, takes and answers. What all may answer is said at the beginning."""
    does = operation.get("summary", "")
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "query":
            does += f"; `?{parameter['name']}`: {parameter.get('description') or type_of(parameter.get('schema', {}))}"
    takes = document_in(operation["requestBody"]) or "a document" if "requestBody" in operation else ""
    answers = [f"{status} {document_in(answer)}".strip() for status, answer in operation["responses"].items()
               if status.startswith(("2", "3"))]
    answers += [f"{status}: {answer['description']}" for status, answer in operation["responses"].items()
                if status.startswith(("4", "5")) and status not in ("400", "401", "403", "413")]
    cells = (f"{method.upper()}&nbsp;`{path}`", operation.get("x-tandem-role", "-"), does, takes, "; ".join(answers))
    return "| " + " | ".join(map(cell, cells)) + " |"


def main():
    document = json.load(sys.stdin)
    operations = sorted((path, method, operation) for path, methods in document["paths"].items()
                        for method, operation in methods.items())
    print(HEAD)
    for name, _ in PARTS:
        rows = [row(*each) for each in operations if part_of(each[0]) == name]
        if rows:
            print(f"## {name}\n\n| | role | does | takes | answers |\n|---|---|---|---|---|")
            print("\n".join(rows) + "\n")
    print("## Documents\n")
    for name, schema in sorted(document["components"]["schemas"].items()):
        print(f"### {name}\n")
        if "description" in schema:
            print(schema["description"][:1].upper() + schema["description"][1:] + ".\n")
        properties = schema.get("properties", {})
        if not properties:
            print(type_of(schema) + ".\n")
            continue
        required = set(schema.get("required", []))
        print("| member | is | |\n|---|---|---|")
        for member, described in properties.items():
            said = described.get("description", "")
            optional = "" if member in required else "may be missing"
            print(f"| `{member}` | {cell(type_of(described))} | {cell('; '.join(filter(None, (said, optional))))} |")
        print()


if __name__ == "__main__":
    main()
