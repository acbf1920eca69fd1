#!/usr/bin/env bash
# The packages in a Debian 12 of their own: installed in the version before, started by a real systemd, reloaded,
# frozen, upgraded, removed and purged, with nothing left behind.
#
#   tests/packaging/lifecycle.sh         as root; makes the packages first (scripts/package.sh)
#
# The Debian is made by mmdebstrap from the package sources of this machine, and booted by systemd-nspawn. Where that
# cannot be, it says so, and what needs no systemd is tried all the same.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
packages=$root/build/package/packages
[ "$(id -u)" -eq 0 ] || { echo "lifecycle: only root can make a Debian"; exit 77; }
for program in mmdebstrap dpkg-deb; do
  command -v $program >/dev/null || { echo "lifecycle: $program is not installed"; exit 77; }
done

work=$(mktemp -d)
debian=$work/debian
cleanup() {
  local mount
  for mount in dev sys proc; do umount -l "$debian/$mount" 2>/dev/null || true; done
  rm -rf --one-file-system "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
  echo "lifecycle: $*" >&2
  exit 1
}
in_debian() {
  chroot "$debian" env DEBIAN_FRONTEND=noninteractive "$@" >"$work/log" 2>&1 </dev/null || {
    tail -n 20 "$work/log" >&2
    fail "this failed: $*"
  }
}

[ -n "${TANDEM_PACKAGES_MADE:-}" ] || "$root/scripts/package.sh"
mkdir "$work/new" "$work/old"
cp "$packages"/*.deb "$work/new"
# The version before has the same files under a lower number.
for package in "$work"/new/*.deb; do
  dpkg-deb -R "$package" "$work/unpacked"
  sed -i -E 's/^Version: .*/Version: 0.0.1-1/; s/\(= [0-9.]+-1\)/(= 0.0.1-1)/' "$work/unpacked/DEBIAN/control"
  dpkg-deb --root-owner-group -Zgzip -b "$work/unpacked" "$work/old/$(basename "$package")" >/dev/null
  rm -rf "$work/unpacked"
done

echo "lifecycle: making a Debian"
sources=(/etc/apt/sources.list.d/debian.sources)
[ -e "${sources[0]}" ] || sources=(/etc/apt/sources.list)
mmdebstrap --quiet --variant=minbase --include=systemd,systemd-sysv,dbus,curl,iproute2 --skip=cleanup/apt/lists \
  bookworm "$debian" "${sources[@]}" >"$work/log" 2>&1 || { tail -n 5 "$work/log"; fail "mmdebstrap failed"; }
for mount in proc sys dev; do mount --rbind "/$mount" "$debian/$mount" && mount --make-rslave "$debian/$mount"; done
cp -r "$work/old" "$work/new" "$debian/root/"

echo "lifecycle: installing the version before"
in_debian sh -c 'apt-get install -q -y --no-install-recommends /root/old/*.deb'
in_debian test -d /etc/tandem
in_debian sh -c 'test "$(stat -c %U:%G:%a /etc/tandem)" = root:tandem:750'
in_debian sh -c 'tandem-master --check-config /usr/share/doc/tandem/examples/master.toml'
for mount in dev sys proc; do umount -l "$debian/$mount"; done

install -m 755 "$root/tests/packaging/lifecycle_inside.sh" "$debian/root/trial.sh"
cat >"$debian/etc/systemd/system/trial.service" <<'END'
[Unit]
After=dbus.service
SuccessAction=exit
FailureAction=exit
[Service]
Type=oneshot
ExecStart=/root/trial.sh
StandardOutput=file:/root/trial.log
StandardError=inherit
[Install]
WantedBy=multi-user.target
END
ln -s ../trial.service "$debian/etc/systemd/system/multi-user.target.wants/trial.service" 2>/dev/null || {
  mkdir -p "$debian/etc/systemd/system/multi-user.target.wants"
  ln -s ../trial.service "$debian/etc/systemd/system/multi-user.target.wants/trial.service"
}
if command -v systemd-nspawn >/dev/null; then
  echo "lifecycle: booting it"
  timeout 300 systemd-nspawn -q -D "$debian" -b --register=no --keep-unit --private-network >"$work/boot" 2>&1 </dev/null || true
fi
if [ ! -e "$debian/root/trial.log" ]; then
  echo "lifecycle: systemd-nspawn boots nothing here: without a real systemd"
  in_debian sh -c 'dpkg -i /root/new/*.deb'
  library=$(basename "$work"/new/libtandem0*.deb | cut -d_ -f1)
  in_debian dpkg --remove tandem libtandem-dev "$library"
  in_debian dpkg --purge tandem libtandem-dev "$library"
elif [ ! -e "$debian/root/passed" ]; then
  tail -n 40 "$debian/root/trial.log" >&2
  fail "the trial in the Debian failed"
fi

left=$(find "$debian" -xdev -name '*tandem*' -not -path "$debian/root/*" -not -path "$debian/tmp/*" -not -path "$debian/var/log/*")
[ -z "$left" ] || fail "left behind: $left"
echo "lifecycle: installed, started, upgraded, removed and purged, and nothing is left"
