#!/usr/bin/env bash
# Makes the Debian packages and the source archive: build/package/packages.
#
#   scripts/package.sh            all of it, and lintian, if it is installed
#   scripts/package.sh source     the source archive alone
#
# Who publishes them says so by DEBFULLNAME and DEBEMAIL.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
target=$root/build/package/packages
mkdir -p "$target"

# What git keeps, under tandem-VERSION; and uPlot, which comes from npm, so that it builds without either.
source_archive() {
  local version name
  version=$(sed -n 's/^project(tandem VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
  name=tandem-$version
  local archive=$target/$name.tar
  git archive --format=tar --prefix="$name/" -o "$archive" HEAD
  "$root/scripts/install-npm.sh" master/page
  local charts=master/page/node_modules/uplot/dist
  if [ -d "$charts" ]; then
    tar --append --file="$archive" --owner=0 --group=0 --sort=name \
      --transform="s,^,$name/master/page/uplot/," -C "$charts" uPlot.iife.min.js uPlot.min.css
  fi
  gzip -9nf "$archive"
  echo "package: $archive.gz"
}

if [ "${1:-}" = source ]; then
  source_archive
  exit
fi

scripts/install-packages.sh base
source_archive
if [ -n "${DEBEMAIL:-}" ]; then
  cmake --preset package -D TANDEM_CONTACT="${DEBFULLNAME:-Tandem} <$DEBEMAIL>" >/dev/null
fi
scripts/build.sh package installable
(cd build/package && cpack -G DEB -B "$target" >"$root/build/package/cpack.log") || {
  tail -n 20 build/package/cpack.log >&2
  exit 1
}
rm -rf "$target/_CPack_Packages"
ls "$target"/*.deb "$target"/*.ddeb | sed 's/^/package: /'
if command -v lintian >/dev/null; then
  # There is no archive that they go to, and no address of a publisher unless one is named.
  unneeded=initial-upload-closes-no-bugs
  [ -n "${DEBEMAIL:-}" ] || unneeded+=,bogus-mail-host,bogus-mail-host-in-debian-changelog
  lintian --allow-root --fail-on error --suppress-tags "$unneeded" "$target"/*.deb
fi
