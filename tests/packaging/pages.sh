#!/usr/bin/env bash
# The man pages are well-formed, and the completions are scripts: pages.sh FOLDER
set -euo pipefail
cd "$1"
problems=0
for page in *.[15]; do
  if command -v mandoc >/dev/null && ! mandoc -Tlint -W warning "$page"; then problems=1; fi
  if command -v man >/dev/null; then
    said=$(man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)
    [ -z "$said" ] || { echo "$page: $said"; problems=1; }
  fi
done
# What is no flag of --help is none of a page.
grep -q -- 'listen\\-tls' tandem-master.1
grep -q 'idle\\-timeout' tandem.toml.5
grep -q 'tandem service set' tandem.1
bash -n tandem.bash
grep -q '^#compdef tandem' _tandem
exit "$problems"
