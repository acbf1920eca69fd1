#!/bin/bash
# The part of lifecycle.sh that runs in the Debian, under its systemd.
set -eEuxo pipefail

trap 'journalctl --no-pager -u "tandem*" | tail -n 25' ERR
pid() { systemctl show -p MainPID --value "$1"; }
eventually() {
  for _ in $(seq 300); do
    if "$@"; then return; fi
    sleep 0.1
  done
  return 1
}
none_runs() { ! grep -lsx tandem-master /proc/[0-9]*/comm; }
ip link set lo up
echo 'listen = ["127.0.0.1:8080"]' >/etc/tandem/master-a.toml
printf 'master = ["127.0.0.1:7070"]\nlisten = "127.0.0.1:9001"\nstate-dir = "/var/lib/tandem/worker-w1"\n' \
  >/etc/tandem/worker-w1.toml

# Started means that clients are served.
systemctl start tandem-master@a
curl -fsS http://127.0.0.1:7070/ready
systemctl show -p StatusText tandem-master@a | grep 'primary in term'
systemctl start tandem-worker@w1
eventually curl -fsS http://127.0.0.1:8080/
test "$(stat -c %U:%a /var/lib/tandem/master-a)" = tandem:700

# A file that is wrong fails the reload, and nothing else.
first=$(pid tandem-master@a)
echo 'idle-timeout = "33s"' >>/etc/tandem/master-a.toml
systemctl reload tandem-master@a
eventually sh -c 'curl -fsS http://127.0.0.1:7070/v1/config | grep -q 33s'
cp /etc/tandem/master-a.toml /root/right.toml
echo 'idle-timeut = "3s"' >>/etc/tandem/master-a.toml
if systemctl reload tandem-master@a; then exit 1; fi
cp /root/right.toml /etc/tandem/master-a.toml
test "$(pid tandem-master@a)" = "$first"

# One that hangs is started anew, and so is one that was killed.
mkdir -p /run/systemd/system/tandem-master@a.service.d
printf '[Service]\nWatchdogSec=1s\n' >/run/systemd/system/tandem-master@a.service.d/short.conf
systemctl daemon-reload
systemctl restart tandem-master@a
first=$(pid tandem-master@a)
kill -STOP "$first"
changed() { local now; now=$(pid "$1"); [ "$now" != "$2" ] && [ "$now" != 0 ] && systemctl is-active -q "$1"; }
eventually changed tandem-master@a "$first"
first=$(pid tandem-worker@w1)
kill -KILL "$first"
eventually changed tandem-worker@w1 "$first"
eventually curl -fsS http://127.0.0.1:8080/

# A wrong configuration is not tried again and again.
echo 'nonsense = 1' >/etc/tandem/master-b.toml
if systemctl start tandem-master@b; then exit 1; fi
test "$(systemctl show -p NRestarts --value tandem-master@b)" = 0

# An upgrade leaves what runs alone.
first=$(pid tandem-master@a)
dpkg -i /root/new/*.deb
test "$(pid tandem-master@a)" = "$first"
curl -fsS http://127.0.0.1:8080/

# The new file takes the place of what runs, without a restart: the service goes on with another main process, whose loops
# feed the watchdog from then on. On request, by signal, and back to the version before.
restarts() { systemctl show -p NRestarts --value tandem-master@a; }
before=$(restarts)
serves_on() {
  for _ in $(seq 30); do
    curl -fsS http://127.0.0.1:8080/ >/dev/null
    sleep 0.1
  done
}
tandem upgrade
eventually changed tandem-master@a "$first"
serves_on
first=$(pid tandem-master@a)
systemctl kill -s USR2 --kill-whom=main tandem-master@a
eventually changed tandem-master@a "$first"
serves_on
first=$(pid tandem-master@a)
dpkg -i --force-downgrade /root/old/*.deb
test "$(pid tandem-master@a)" = "$first"
tandem upgrade
eventually changed tandem-master@a "$first"
dpkg -i /root/new/*.deb
test "$(restarts)" = "$before"
systemctl show -p StatusText tandem-master@a | grep 'primary in term'
# The new main process is restarted as any is.
first=$(pid tandem-master@a)
kill -KILL "$first"
eventually changed tandem-master@a "$first"
eventually curl -fsS http://127.0.0.1:8080/
# One that is told to end ends both, also when an upgrade is under way.
tandem upgrade
systemctl stop tandem-master@a
none_runs
systemctl start tandem-master@a
eventually curl -fsS http://127.0.0.1:8080/

# A removal ends it, and keeps configuration and state; a purge does not.
dpkg --remove tandem
if systemctl is-active -q tandem-master@a; then exit 1; fi
none_runs
test -e /etc/tandem/master-a.toml
test -d /var/lib/tandem/master-a
dpkg --purge tandem libtandem-dev "$(basename /root/new/libtandem0*.deb | cut -d_ -f1)"
test ! -e /var/lib/tandem

# Installed once more it is as new.
dpkg -i /root/new/*.deb
echo 'listen = ["127.0.0.1:8080"]' >/etc/tandem/master-a.toml
systemctl start tandem-master@a
curl -fsS http://127.0.0.1:7070/ready
dpkg --purge tandem libtandem-dev "$(basename /root/new/libtandem0*.deb | cut -d_ -f1)"
none_runs
touch /root/passed
