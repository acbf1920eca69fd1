#!/usr/bin/env bash
# Services written for a Consul agent, in a Tandem cluster, and Prometheus that finds them there.
#
#   examples/discovery/run.sh
#
# Starts two masters, a worker that votes, two services that register by a Consul agent's API with the standby, and
# Prometheus, if it is installed. Asks through the cluster, kills the primary, asks again, stops everything. Exits 0
# only if every request was answered.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${TANDEM_BIN:-$root/build/release/bin}
# shellcheck source=examples/pair.sh
. "$root/examples/pair.sh"

begin
read -r control_a control_b prometheus < <(free_ports 3)
start_pair "$control_a" "$control_b"

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

echo "the primary is killed:"
kill9 "master-$primary"
await 20 role "$standby" primary
ask
for n in 1 2; do stop "service-$n"; done
gone() { [ "$(curl -fsS "http://${control[$standby]}/v1/agent/services")" = '{}' ]; }
await 20 gone
echo "both have deregistered"
for name in voter "master-$standby"; do stop "$name"; done
[ -z "${pid_of[prometheus]:-}" ] || stop prometheus || true
echo "all stopped"
