#!/usr/bin/env bash
# Services written for a Consul agent, in a Tandem cluster, Prometheus that finds them there, and etcd, where the cluster
# publishes them.
#
#   examples/discovery/run.sh
#
# Starts two masters, a worker that votes, two services that register by a Consul agent's API with the standby, and
# Prometheus and etcd, if they are installed. Asks through the cluster, drains a service, kills the primary, asks again, stops
# everything. Exits 0 only if every request was answered, and etcd listed what it should.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${TANDEM_BIN:-$root/build/release/bin}
# shellcheck source=examples/pair.sh
. "$root/examples/pair.sh"

begin
read -r control_a control_b prometheus etcd peers < <(free_ports 5)
publish=()
if command -v etcd >"$run_dir/which"; then
  start etcd etcd --name e --data-dir "$run_dir/etcd" --listen-client-urls "http://$etcd" \
    --advertise-client-urls "http://$etcd" --listen-peer-urls "http://$peers" \
    --initial-advertise-peer-urls "http://$peers" --initial-cluster "e=http://$peers"
  await 20 curl -fsS -o "$run_dir/answer" "http://$etcd/health" 2>>"$run_dir/curl.log"
  publish=(--publish "etcd=$etcd/services")
fi
start_pair "$control_a" "$control_b" "${publish[@]}"

# published: the entries of the service in etcd, as a client with etcd's resolver finds them; the key in base64 begins with
# services/hello/.
published() {
  curl -fsS "http://$etcd/v3/kv/range" -d '{"key":"c2VydmljZXMvaGVsbG8v","range_end":"c2VydmljZXMvaGVsbG8w"}' |
    grep -o '"value":"[^"]*"' | cut -d'"' -f4 | while read -r value; do base64 -d <<<"$value" && echo; done
}
lists() { [ "$(published | wc -l)" = "$1" ]; }

echo "two services register with $standby, which stands by:"
for n in 1 2; do
  start "service-$n" python3 "$root/examples/discovery/service.py" "py-$n" "${control[$standby]}"
  await_line "service-$n" '^ready'
done
served() { [ "$(curl -fsS "http://${control[$1]}/v1/health/service/hello?passing" | grep -o '"CheckID":"tandem:' | wc -l)" = 2 ]; }
await 20 served "$standby"
await 20 served "$primary"
"$bin/tandem" workers --control "${control[a]}"

"$bin/tandem" route add /=hello --control "${control[a]}"
ask

if command -v prometheus >"$run_dir/which"; then
  printf '%s\n' "global: {scrape_interval: 1s}" \
    "scrape_configs:" "  - job_name: workers" \
    "    http_sd_configs: [{url: 'http://${control[$standby]}/v1/discovery/prometheus', refresh_interval: 1s}]" \
    "    relabel_configs:" \
    "      - {source_labels: [__meta_tandem_service], regex: hello, action: keep}" \
    "      - {source_labels: [__meta_tandem_worker], target_label: worker}" \
    "      - {source_labels: [__meta_tandem_meta_version], target_label: version}" >"$run_dir/prometheus.yml"
  start prometheus prometheus --config.file="$run_dir/prometheus.yml" --storage.tsdb.path="$run_dir/metrics" \
    --web.listen-address="$prometheus"
  scraped() { curl -fsS "http://$prometheus/api/v1/query?query=hello_up" 2>>"$run_dir/curl.log" | grep -q '"worker":"py-2"'; }
  await 60 scraped
  echo "Prometheus reads both:"
  curl -fsS "http://$prometheus/api/v1/query?query=hello_up" | grep -o '"version":"[^"]*","worker":"[^"]*"'
fi

if [ ${#publish[@]} -gt 0 ]; then
  await 20 lists 2
  echo "whoever looks into etcd finds both:"
  published
  "$bin/tandem" drain py-2 --control "${control[a]}"
  lists 1 # before the drain was answered
  "$bin/tandem" undrain py-2 --control "${control[a]}"
  await 20 lists 2
fi

echo "the primary is killed:"
kill9 "master-$primary"
await 20 role "$standby" primary
ask
[ ${#publish[@]} -eq 0 ] || lists 2
for n in 1 2; do stop "service-$n"; done
gone() { [ "$(curl -fsS "http://${control[$standby]}/v1/agent/services")" = '{}' ]; }
await 20 gone
echo "both have deregistered"
[ ${#publish[@]} -eq 0 ] || await 20 lists 0
for name in voter "master-$standby"; do stop "$name"; done
[ -z "${pid_of[prometheus]:-}" ] || stop prometheus || true
[ ${#publish[@]} -eq 0 ] || kill9 etcd
echo "all stopped"
