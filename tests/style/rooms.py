#!/usr/bin/env python3
"""That the linker sees the rooms too: what an object file leaves undefined is defined in a room it may use.

    tests/style/rooms.py BUILD-FOLDER

check.py looks at include lines; this looks at what they lead to: a function that is declared by hand, or reached
through a header that a lower room should not have. Which rooms a room may use is MAY_INCLUDE of check.py, and what those
may use in turn, since their inline functions become its own.
"""

import collections
import pathlib
import subprocess
import sys

import check

ROOMS = ("common/", "master/", "worker/", "ctl")
DEFINED = set("TDBRGSC")


# The rooms of `rooms` that `room` may use, itself among them, also through others.
def reachable(room, rooms):
    seen, ahead = set(), [room]
    while ahead:
        name = ahead.pop()
        for found in [r for r in rooms if r == name or r.startswith(name + "/")]:
            if found not in seen:
                seen.add(found)
                ahead += check.may_include(found + "/")
    return seen - set(check.MUST_NOT_INCLUDE.get(room, []))


# The folder of the source that `path`, FOLDER/CMakeFiles/TARGET.dir/SOURCE.cpp.o, was compiled from.
def room_of(path):
    parts = path.parts
    at = parts.index("CMakeFiles")
    return "/".join(parts[:at] + parts[at + 2:-1])


def symbols(build, objects):
    for start in range(0, len(objects), 200):
        output = subprocess.run(["nm", "-A", "-P", *objects[start:start + 200]], cwd=build, check=True,
                                capture_output=True, text=True).stdout
        for line in output.splitlines():
            path, name, kind = line.split(" ")[:3]
            yield path.rstrip(":"), name, kind


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    rooms = {}
    for path in build.rglob("*.cpp.o"):
        path = path.relative_to(build)
        room = room_of(path)
        # What was compiled from a file that has moved since is still about.
        if room.startswith(ROOMS) and (check.ROOT / room / path.stem).is_file():
            rooms[str(path)] = room
    allowed = {room: reachable(room, set(rooms.values())) for room in set(rooms.values())}
    homes = collections.defaultdict(set)
    undefined = []
    for path, name, kind in symbols(build, sorted(rooms)):
        if kind in DEFINED:
            homes[name].add(rooms[path])
        elif kind == "U":
            undefined.append((path, name))
    broken = collections.defaultdict(list)
    for path, name in undefined:
        if name in homes and not homes[name] & allowed[rooms[path]]:
            broken[path, min(homes[name])].append(name)
    print(f"{len(rooms)} objects of {len(allowed)} rooms looked at")
    for (path, home), names in sorted(broken.items()):
        text = subprocess.run(["c++filt", names[0]], capture_output=True, text=True).stdout.strip()
        print(f"{path}: {rooms[path]} must not use {home}: {text}")
    return 1 if broken or not rooms else 0


sys.exit(main())
