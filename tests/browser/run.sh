#!/usr/bin/env bash
# run.sh page [PICTURES-FOLDER]: the page in Chromium; run.sh https: a site over HTTPS in Chromium. Without Node.js, its
# packages (scripts/install-npm.sh tests/browser), Chromium or certutil it says so and passes.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
chromium=$(command -v chromium || command -v chromium-browser || true)
skip() {
  echo "WARNING: nothing is tested in Chromium: $1"
  exit 0
}
command -v node >/dev/null || skip "there is no Node.js"
[ -n "$chromium" ] || skip "there is no Chromium (scripts/install-packages.sh servers)"
[ "$1" != https ] || command -v certutil >/dev/null || skip "there is no certutil (scripts/install-packages.sh servers)"
[ -e "$here/node_modules/playwright-core" ] && [ -e "$here/node_modules/axe-core" ] ||
  skip "playwright-core and axe-core are not there (scripts/install-npm.sh tests/browser)"
export TANDEM_BIN=${TANDEM_BIN:-$here/../../build/release/bin} TANDEM_CHROMIUM=$chromium
exec node "$here/$1_test.mjs" "${@:2}"
