// The cluster, this node in it, its services and workers.
#include "master/metrics/described.hpp"

#include <algorithm>
#include <array>

namespace tandem::master::metrics {

namespace {

using Kind = Exposition::Kind;

constexpr double seconds_per_day = 86400;

void describe_node(Exposition& out, const wire::Status& status, bool serves) {
  out.begin(Kind::gauge, "tandem_build_info", "1, with the version as label");
  out.add(1, {{"version", status.version}});
  out.begin(Kind::gauge, "tandem_role", "1 for the role that this master has, else 0");
  for (const auto* role : {"primary", "standby", "candidate"}) {
    out.add(status.role == role, {{"role", role}});
  }
  out.single(Kind::gauge, "tandem_serving", "Whether this master may forward at this moment",
             serves);
  out.single(Kind::gauge, "tandem_serving_under_grant",
             "Whether this master may forward because the primary has granted it that",
             status.grant_ms.has_value());
  out.single(Kind::gauge, "tandem_failing",
             "Whether this master cannot take part as it should; the reason is in its status",
             !status.failure.empty());
  out.single(Kind::gauge, "tandem_in_sync", "Whether this master leads, or could take over now",
             status.in_sync);
  out.single(Kind::gauge, "tandem_lag_entries",
             "Committed entries that this master is known to lack",
             static_cast<double>(status.lag));
  out.single(Kind::gauge, "tandem_term", "The term of the leadership, which grows by elections",
             static_cast<double>(status.term.value()));
  out.single(Kind::gauge, "tandem_commit_index", "The last entry that a majority has on disk",
             static_cast<double>(status.commit_index.value()));
  out.single(Kind::gauge, "tandem_applied_index", "The last entry that this master has applied",
             static_cast<double>(status.applied_index.value()));
  out.begin(Kind::gauge, "tandem_vip_held", "Whether this host has the address that moves");
  for (const auto& vip : status.vips) out.add(vip.held, {{"address", vip.address}});
  out.begin(Kind::gauge, "tandem_discovery_reachable",
            "Whether the registry of --discover can be read");
  for (const auto& source : status.sources) {
    out.add(source.state != "lost", {{"service", source.service}, {"source", source.source}});
  }
  out.begin(Kind::gauge, "tandem_publication_reachable",
            "Whether the registry of --publish can be written, by the master that leads");
  for (const auto& publication : status.publications) {
    if (publication.state == "standing_by") continue;
    out.add(publication.state != "lost", {{"publication", publication.publication}});
  }
  out.begin(
      Kind::gauge, "tandem_publication_entries",
      "Entries in the registry of --publish: written, or left_out since others have their keys");
  for (const auto& publication : status.publications) {
    if (publication.state == "standing_by") continue;
    const auto add = [&](const char* kind, std::uint64_t count) {
      out.add(count, {{"publication", publication.publication}, {"kind", kind}});
    };
    add("written", publication.entries);
    add("left_out", publication.left_out);
  }
  out.begin(Kind::gauge, "tandem_discovery_instances",
            "Instances that were read last; those that are no workers here count as left_out");
  for (const auto& source : status.sources) {
    const auto workers = source.instances - std::min(source.instances, source.left_out);
    const auto add = [&](const char* kind, std::uint64_t count) {
      out.add(static_cast<double>(count),
              {{"service", source.service}, {"source", source.source}, {"kind", kind}});
    };
    add("worker", workers);
    add("left_out", source.left_out);
    add("skipped", source.skipped);
  }
  out.begin(Kind::gauge, "tandem_certificate_remaining_seconds",
            "Until the certificate expires, in whole days");
  for (const auto& certificate : status.certificates) {
    out.add(static_cast<double>(certificate.days_left) * seconds_per_day,
            {{"file", certificate.file}});
  }
}

void describe_refusals(Exposition& out, const wire::Status& status) {
  out.begin(Kind::counter, "tandem_refused_messages_total",
            "Messages of supposed members that were refused");
  out.add(static_cast<double>(status.refused_messages.foreign), {{"reason", "foreign"}});
  out.add(static_cast<double>(status.refused_messages.malformed), {{"reason", "malformed"}});
  out.add(static_cast<double>(status.refused_messages.unauthorized), {{"reason", "unauthorized"}});
  out.begin(Kind::counter, "tandem_refused_control_requests_total",
            "Requests to the control address that were refused for their token");
  out.add(static_cast<double>(status.refused_requests.unauthorized), {{"reason", "unauthorized"}});
  out.add(static_cast<double>(status.refused_requests.forbidden), {{"reason", "forbidden"}});
}

void describe_voters(Exposition& out, const wire::Status& status) {
  out.single(Kind::gauge, "tandem_protected", "Whether any single loss would be survived now",
             status.protected_);
  out.single(Kind::gauge, "tandem_feature_level", "What all masters of the cluster support",
             static_cast<double>(status.feature_level));
  out.single(Kind::gauge, "tandem_differing_masters",
             "Masters whose applied state differs from this one's",
             static_cast<double>(status.differing.size()));
  out.single(Kind::gauge, "tandem_masters_without_vote",
             "Masters of the cluster that do not vote yet",
             static_cast<double>(status.without_vote.size()));
  out.begin(Kind::gauge, "tandem_voter_lag_entries",
            "Committed entries that the voter lacks, as the primary knows it");
  for (const auto& voter : status.voters) {
    if (!voter.lag) continue;
    out.add(static_cast<double>(*voter.lag), {{"voter", voter.name}, {"kind", voter.kind}});
  }
  out.begin(Kind::gauge, "tandem_voter_silent_seconds",
            "For how long the primary has not heard the voter; 0 while it answers");
  for (const auto& voter : status.voters) {
    if (!voter.lag) continue;
    out.add(static_cast<double>(voter.silent_ms.value_or(0)) / 1000,
            {{"voter", voter.name}, {"kind", voter.kind}});
  }
}

void describe_services(Exposition& out, const wire::Status& status) {
  out.begin(Kind::gauge, "tandem_service_workers",
            "Workers that would get traffic if they were healthy");
  for (const auto& service : status.services) out.add(service.workers, {{"service", service.name}});
  out.begin(Kind::gauge, "tandem_service_workers_out",
            "Those of them that get none because of their health");
  for (const auto& service : status.services) out.add(service.out, {{"service", service.name}});
  out.begin(Kind::gauge, "tandem_service_panic",
            "Whether more than half are out, so that unhealthy workers are tried as well");
  for (const auto& service : status.services) out.add(service.panic, {{"service", service.name}});
}

struct WorkerMetric {
  Kind kind;
  const char* name;
  const char* help;
  double (*value)(const wire::WorkerStatus& worker);
};

constexpr std::array worker_metrics{
    WorkerMetric{Kind::gauge, "tandem_worker_up", "Whether the worker is healthy and not draining",
                 [](const wire::WorkerStatus& worker) { return worker.state == "up" ? 1.0 : 0.0; }},
    WorkerMetric{
        Kind::gauge, "tandem_worker_draining", "Whether the worker gets no new requests",
        [](const wire::WorkerStatus& worker) { return worker.state == "draining" ? 1.0 : 0.0; }},
    WorkerMetric{Kind::gauge, "tandem_worker_ejected",
                 "Whether the worker is out because requests to it failed",
                 [](const wire::WorkerStatus& worker) { return worker.until_ms ? 1.0 : 0.0; }},
    WorkerMetric{Kind::gauge, "tandem_worker_breaker_half_open",
                 "Whether it is tried again by one request at a time",
                 [](const wire::WorkerStatus& worker) { return worker.until_ms == 0 ? 1.0 : 0.0; }},
    WorkerMetric{Kind::gauge, "tandem_worker_in_flight",
                 "Requests that this master has sent and that are not answered yet",
                 [](const wire::WorkerStatus& worker) { return double(worker.in_flight); }},
    WorkerMetric{Kind::counter, "tandem_worker_failures_total",
                 "Attempts that failed at the worker",
                 [](const wire::WorkerStatus& worker) { return double(worker.failures); }},
};

// What has not occurred is left out, save for 2xx and 5xx: a rate sees the first one only from a 0
// on.
void describe_answers(Exposition& out, const wire::Status& status) {
  constexpr std::size_t success = 1, server_error = 4;
  constexpr std::array<const char*, wire::client_protocols> protocol_names{"http1", "http2"};
  constexpr std::array<const char*, wire::status_classes> class_names{"1xx", "2xx", "3xx", "4xx",
                                                                      "5xx"};
  out.begin(Kind::counter, "tandem_worker_requests_total",
            "Requests that the worker answered, by the client's protocol and the class of status");
  for (const auto& worker : status.workers) {
    for (std::size_t protocol = 0; protocol < protocol_names.size(); ++protocol) {
      const auto& counts = worker.answers[protocol];
      const bool is_used = protocol == 0 || std::any_of(counts.begin(), counts.end(),
                                                        [](auto count) { return count > 0; });
      for (std::size_t at = 0; at < counts.size(); ++at) {
        if (counts[at] == 0 && (!is_used || (at != success && at != server_error))) continue;
        out.add(static_cast<double>(counts[at]), {{"service", worker.service},
                                                  {"worker", worker.name},
                                                  {"protocol", protocol_names[protocol]},
                                                  {"status", class_names[at]}});
      }
    }
  }
}

// When each was last heard, or a check of it was good; left out before the first time.
void describe_signs(Exposition& out, const wire::Status& status) {
  out.begin(Kind::gauge, "tandem_worker_sign_age_seconds",
            "Since the worker's last heartbeat, or the last good check of a backend");
  for (const auto& worker : status.workers) {
    if (!worker.last_heartbeat_ms) continue;
    out.add(static_cast<double>(*worker.last_heartbeat_ms) / 1000,
            {{"service", worker.service}, {"worker", worker.name}});
  }
}

// Left out where there is none.
void describe_certificates_of_workers(Exposition& out, const wire::Status& status) {
  out.begin(Kind::gauge, "tandem_worker_certificate_remaining_seconds",
            "Until the worker's certificate of the cluster expires, in whole days");
  for (const auto& worker : status.workers) {
    if (!worker.certificate_days_left) continue;
    out.add(static_cast<double>(*worker.certificate_days_left) * seconds_per_day,
            {{"service", worker.service}, {"worker", worker.name}});
  }
}

void describe_workers(Exposition& out, const wire::Status& status) {
  for (const auto& metric : worker_metrics) {
    out.begin(metric.kind, metric.name, metric.help);
    for (const auto& worker : status.workers) {
      out.add(metric.value(worker), {{"service", worker.service}, {"worker", worker.name}});
    }
  }
}

}  // namespace

void describe(Exposition& out, const wire::Status& status, bool serves) {
  describe_node(out, status, serves);
  describe_refusals(out, status);
  describe_voters(out, status);
  describe_services(out, status);
  describe_workers(out, status);
  describe_answers(out, status);
  describe_signs(out, status);
  describe_certificates_of_workers(out, status);
}

}  // namespace tandem::master::metrics
