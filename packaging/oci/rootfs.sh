#!/usr/bin/env bash
# Collects what the image has: rootfs.sh DIRECTORY-OF-PROGRAMS TARGET
#
# The programs, the libraries that the loader would take for them, the certificates of public authorities, if this
# machine has them, and a user of its own.
set -euo pipefail
programs=$1
target=$2

mkdir -p "$target"/usr/bin "$target"/etc "$target"/tmp "$target"/var/lib/tandem
chmod 1777 "$target/tmp"
for program in tandem-master tandem-worker tandem; do
  install -s -m 755 "$programs/$program" "$target/usr/bin/$program"
  # Lines are "NAME => PATH (ADDRESS)", and "PATH (ADDRESS)" of the loader.
  ldd "$programs/$program" | awk '$2 == "=>" && $3 ~ /^\// {print $3} $1 ~ /^\// {print $1}'
done | sort -u | while read -r library; do
  mkdir -p "$target$(dirname "$library")"
  cp -L "$library" "$target$library"
done
certificates=/etc/ssl/certs/ca-certificates.crt
if [ -e "$certificates" ]; then
  install -D -m 644 "$certificates" "$target$certificates"
fi
echo 'tandem:x:65532:65532:Tandem:/var/lib/tandem:/nonexistent' >"$target/etc/passwd"
echo 'tandem:x:65532:' >"$target/etc/group"
echo 'hosts: files dns' >"$target/etc/nsswitch.conf"
if [ "$(id -u)" -eq 0 ]; then
  chown 65532:65532 "$target/var/lib/tandem"
fi
