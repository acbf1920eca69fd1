#!/bin/sh
# What certbot does with --webroot, and its authority: lays the answer to a challenge into the webroot, fetches it
# by http at each address as the authority would, following redirects, takes it away again, puts a new certificate in
# the place of the old one, and has the masters read it.
#
#   acme_webroot.sh WEBROOT CERTIFICATE.pem KEY.pem HOST:PORT... -- CONTROL...
set -eu

webroot=$1 certificate=$2 key=$3
shift 3

token=$(openssl rand -hex 16)_-$(openssl rand -hex 5)
answer="$token.$(openssl rand -hex 32)"
mkdir -p "$webroot/.well-known/acme-challenge"
printf %s "$answer" > "$webroot/.well-known/acme-challenge/$token"

while [ "$1" != -- ]; do
  said=$(curl -sSfL --max-redirs 10 --max-time 20 "http://$1/.well-known/acme-challenge/$token")
  [ "$said" = "$answer" ] || { echo "at $1: $said" >&2; exit 1; }
  shift
done
shift
rm "$webroot/.well-known/acme-challenge/$token"

umask 077
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$key.new" -out "$certificate.new" \
  -days 90 -subj /CN=localhost -addext subjectAltName=DNS:localhost 2> /dev/null
mv "$key.new" "$key"
mv "$certificate.new" "$certificate"
for control; do
  curl -sSf --max-time 20 -X POST "http://$control/v1/certificates/reload" > /dev/null
done
