#!/usr/bin/env bash
# Installs the Debian packages of scripts/packages.txt that are missing, and says which.
#
#   scripts/install-packages.sh [GROUP...]     groups: base (the default), servers, packaging, fuzz, bench
#
# When all are there it changes nothing and is done at once. On another distribution it prints the list and
# stops. Packages that bring a daemon (nginx, haproxy, keepalived) are installed without starting it.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
list=$here/packages.txt
policy=/usr/sbin/policy-rc.d
policy_mark='# tandem: no daemon starts while its package is installed'

fail() {
  echo "install-packages: $*" >&2
  exit 1
}

# The packages of one group, one a line.
packages_of() {
  awk -v wanted="[$1]" '/^\[/ {inside = ($0 == wanted)} inside && /^[a-z0-9]/ {print $1}' "$list"
}

wanted=()
for group in "${@:-base}"; do
  grep -qx "\[$group\]" "$list" || {
    echo "install-packages: no group '$group' in $list" >&2
    exit 2
  }
  mapfile -t -O "${#wanted[@]}" wanted < <(packages_of "$group")
done
mapfile -t wanted < <(printf '%s\n' "${wanted[@]}" | sort -u)

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  echo "install-packages: this is no Debian; install what corresponds to these Debian 12 packages:" >&2
  printf '  %s\n' "${wanted[@]}" >&2
  echo "then build by hand: cmake --preset release && cmake --build --preset release" >&2
  exit 1
fi

installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null || true)
missing=()
for package in "${wanted[@]}"; do
  grep -qx "installed $package" <<<"$installed" || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

echo "install-packages: installing ${missing[*]}"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || fail "run as root, or install them yourself: apt-get install ${missing[*]}"
  as_root=(sudo)
fi

# While policy-rc.d says 101, no package's script starts a service. Whatever stood there comes back after.
restore_policy() {
  if [ -e "$policy.before-tandem" ]; then
    "${as_root[@]}" mv -f "$policy.before-tandem" "$policy"
  elif grep -qsxF "$policy_mark" "$policy"; then
    "${as_root[@]}" rm -f "$policy"
  fi
}
restore_policy  # a run that was killed may have left its own
trap restore_policy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
if [ -e "$policy" ]; then
  "${as_root[@]}" mv "$policy" "$policy.before-tandem"
fi
printf '#!/bin/sh\n%s\nexit 101\n' "$policy_mark" | "${as_root[@]}" tee "$policy" >/dev/null
"${as_root[@]}" chmod 755 "$policy"

log=$(mktemp)
quietly() {
  if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "$@" >"$log" 2>&1 </dev/null; then
    tail -n 30 "$log" >&2
    rm -f "$log"
    fail "this failed: $*"
  fi
}
quietly apt-get update -q
quietly apt-get install -q -y --no-install-recommends "${missing[@]}"
rm -f "$log"

for daemon in nginx haproxy keepalived; do
  if [[ " ${missing[*]} " == *" $daemon"* ]]; then
    echo "install-packages: $daemon was not started; systemctl disable $daemon keeps it from that at boot"
  fi
done
echo "install-packages: done"
