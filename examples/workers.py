#!/usr/bin/python3
"""What masters say of their workers, and waiting until they say something else. For the example scripts.

  workers.py CONTROLS                                       a line for each: name, state, requests answered
  workers.py CONTROLS NAME FIELD                            prints a field of GET /v1/workers
  workers.py CONTROLS NAME FIELD is|is-not|above VALUE SECONDS   waits; exit status 1 when that time is over

CONTROLS is one control address, or several, with commas between them. The first that answers is believed; requests are those that a
worker has answered to all of them, so that they also grow after another master has taken the lead.

$TANDEM_CLUSTER_CERTIFICATES, a directory as `tandem ca` makes it: the control address speaks TLS, and is asked as the operator
ops.

A worker that the master does not know has no field: "" is printed, and it is neither `is` nor `above`.
"""
import collections
import json
import os
import ssl
import sys
import time
import urllib.request


def cluster_tls():
    directory = os.environ.get("TANDEM_CLUSTER_CERTIFICATES")
    if not directory:
        return None
    context = ssl.create_default_context(cafile=f"{directory}/ca.pem")
    context.load_cert_chain(f"{directory}/operator-ops.pem", f"{directory}/operator-ops.key")
    return context


TLS = cluster_tls()


def workers_at(control):
    scheme = "https" if TLS else "http"
    with urllib.request.urlopen(f"{scheme}://{control}/v1/workers", timeout=5, context=TLS) as answer:
        return json.load(answer)["workers"]


def workers(controls):
    answers, failure = [], None
    for control in controls.split(","):
        try:
            answers.append(workers_at(control))
        except OSError as error:
            failure = error
    if not answers:
        raise failure
    requests = collections.Counter()
    for answer in answers:
        for worker in answer:
            requests[worker["name"]] += worker["requests"]
    return [{**worker, "requests": requests[worker["name"]]} for worker in answers[0]]


def value_of(controls, name, field):
    return next((worker[field] for worker in workers(controls) if worker["name"] == name), "")


CONDITIONS = {
    "is": lambda now, wanted: str(now) == wanted,
    "is-not": lambda now, wanted: str(now) != wanted,
    "above": lambda now, wanted: now != "" and now > int(wanted),
}


def main(controls, name=None, field=None, condition=None, wanted=None, seconds=None):
    if name is None:
        for worker in workers(controls):
            print(f"  {worker['name']:4} {worker['state']:10} {worker['requests']} answered")
        return 0
    if condition is None:
        print(value_of(controls, name, field))
        return 0
    deadline = time.monotonic() + float(seconds)
    while not CONDITIONS[condition](value_of(controls, name, field), wanted):
        if time.monotonic() >= deadline:
            return 1
        time.sleep(0.01)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
