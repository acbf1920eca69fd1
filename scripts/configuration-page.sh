#!/usr/bin/env bash
# Writes docs/configuration.md to the standard output, from what the programs say of their flags.
# Usage: scripts/configuration-page.sh [DIRECTORY-OF-PROGRAMS]
set -euo pipefail
programs=${1:-$(dirname "$0")/../build/release/bin}
cat <<'END'
# Configuration

Made by `scripts/configuration-page.sh`, from the same table as `--help`; a test compares the two.

Every flag is a key of a TOML file, without its dashes: `tandem-master --config /etc/tandem/master.toml`. A flag on the command
line takes precedence. A repeatable flag takes an array. The settings of a service are a table, `[service.NAME]`; what they mean
is in [services.md](services.md).

    tandem-master --print-default-config > master.toml    every key, with its default, as comments
    tandem-master --check-config master.toml              what would be in force, or all that is wrong; nothing is started

A file that is wrong ends the program with exit status 2, and so does `--check-config`: a sentence for each error, with file,
line, key, and the key that may have been meant. Whether keys contradict each other is said once each of them is right by itself.
`--check-config` also reads the certificates, keys and tokens that the keys name. Other flags may be given with it.

A master reads its file again at SIGHUP, by `tandem reload` and by `POST /v1/reload`: everything first, and nothing changes where
anything is wrong. The last column says what that does to a key: `at once`, without closing a connection; or `restart`: it stays as
it is, and the answer, the log and an event name it. Keys that are gone from the file have their defaults again. What a flag says,
the file cannot change. `tandem config diff` compares the file with what is in force, `tandem config show` says where that comes from.
A file that is written in place may be read when half of it is there: rename a new one over it, as editors do.

Addresses where clients are served (`listen`, `listen-tls`) change too: all new ones are opened first, or nothing changes and the answer
names the address and the reason. Then the old ones are closed, once all who wait there are served; the answer comes when they are. Who
has come by an old one is asked to leave with the next answer, and not cut off. The other masters are told. The last address is not
taken away: a file without one is an error.

The control address (`control`) is opened beside the old one, which is served as well until the other masters and the workers have
been told; programs that are started later need the new one. Where both cannot be open at once (0.0.0.0) the key needs a restart.
So does a change by which the control address would begin or cease to speak TLS, or cease to ask for tokens. What needs a restart can
also be changed by `tandem upgrade`, which starts the program anew without a lost request.

## tandem-master

END
"$programs/tandem-master" --print-config-page
cat <<'END'

## tandem-worker

END
"$programs/tandem-worker" --print-config-page
