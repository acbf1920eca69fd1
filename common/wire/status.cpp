#include "common/wire/status.hpp"

#include <limits>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/wire/json_reader.hpp"
#include "common/wire/limits.hpp"
#include "common/wire/verdict.hpp"

namespace tandem::wire {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

constexpr auto any_u32 = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t certificate_names_max = 1'000;  // of one, which masters do not exceed
constexpr auto any_u64 = std::numeric_limits<std::uint64_t>::max();
constexpr auto any_i64 = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

template <class Value>
ordered_json or_null(const std::optional<Value>& value) {
  return value ? ordered_json(*value) : ordered_json();
}

ordered_json document(const WorkerStatus& worker) {
  return {{"name", worker.name},
          {"service", worker.service},
          {"address", worker.address},
          {"kind", worker.kind},
          {"protocol", worker.protocol},
          {"tls", worker.tls},
          {"state", worker.state},
          {"reason", worker.reason},
          {"until_ms", or_null(worker.until_ms)},
          {"weight", worker.weight},
          {"connections", worker.connections},
          {"in_flight", worker.in_flight},
          {"in_flight_elsewhere", worker.in_flight_elsewhere},
          {"requests", worker.requests},
          {"failures", worker.failures},
          {"failures_in_a_row", worker.failures_in_a_row},
          {"certificate_expires", worker.certificate_expires},
          {"certificate_days_left", or_null(worker.certificate_days_left)},
          {"last_heartbeat_ms", or_null(worker.last_heartbeat_ms)}};
}

ordered_json document(const VoterStatus& voter) {
  return {{"name", voter.name},
          {"kind", voter.kind},
          {"match_index", voter.match_index.value()},
          {"lag", or_null(voter.lag)},
          {"in_sync", or_null(voter.in_sync)},
          {"silent_ms", or_null(voter.silent_ms)}};
}

ordered_json document(const VipStatus& vip) {
  return {{"address", vip.address},
          {"interface", vip.interface},
          {"held", vip.held},
          {"problem", vip.problem}};
}

ordered_json coordinator_document(const CoordinatorStatus& coordinator) {
  ordered_json unreachable;  // null
  if (coordinator.unreachable_ms) unreachable = *coordinator.unreachable_ms;
  return {{"kind", coordinator.kind},
          {"endpoints", coordinator.endpoints},
          {"reachable", coordinator.reachable},
          {"unreachable_ms", std::move(unreachable)},
          {"problem", coordinator.problem}};
}

ordered_json document(const SourceStatus& source) {
  return {{"source", source.source},
          {"service", source.service},
          {"state", source.state},
          {"problem", source.problem},
          {"lost_ms", or_null(source.lost_ms)},
          {"instances", source.instances},
          {"left_out", source.left_out},
          {"left_out_why", source.left_out_why},
          {"skipped", source.skipped},
          {"skipped_why", source.skipped_why}};
}

ordered_json document(const CredentialStatus& credential) {
  return {{"name", credential.name},       {"role", credential.role},
          {"until", credential.until},     {"days_left", credential.days_left},
          {"expired", credential.expired}, {"replaced", credential.replaced}};
}

ordered_json document(const CertificateStatus& certificate) {
  ordered_json document{{"file", certificate.file},
                        {"names", certificate.names},
                        {"expires", certificate.expires},
                        {"days_left", certificate.days_left}};
  if (certificate.expired_days) document["expired_days"] = *certificate.expired_days;
  if (!certificate.valid_from.empty()) document["valid_from"] = certificate.valid_from;
  return document;
}

ordered_json document(const PublicationStatus& publication) {
  return {{"publication", publication.publication},  {"state", publication.state},
          {"problem", publication.problem},          {"lost_ms", or_null(publication.lost_ms)},
          {"entries", publication.entries},          {"left_out", publication.left_out},
          {"left_out_why", publication.left_out_why}};
}

ordered_json document(const ServiceHealth& service) {
  return {{"name", service.name},
          {"workers", service.workers},
          {"out", service.out},
          {"panic", service.panic}};
}

ordered_json document(const ServiceInstances& service);

template <class Item>
ordered_json documents(const std::vector<Item>& items) {
  auto list = ordered_json::array();
  for (const auto& item : items) list.push_back(document(item));
  return list;
}

ordered_json document(const ServiceInstances& service) {
  return {{"name", service.name},
          {"panic", service.panic},
          {"instances", documents(service.instances)}};
}

// Absent: none, from older masters.
void read_names(MemberReader& reader, const char* key, std::vector<std::string>& names,
                std::size_t count_max = limits::known_nodes_max) {
  if (reader.is_null(key)) return;
  for (const auto* name : reader.elements(key, count_max)) {
    if (!name->is_string()) reader.refuse(key, "must be names");
    if (name->is_string()) names.push_back(name->get<std::string>());
  }
}

void read(MemberReader& reader, WorkerStatus& worker) {
  reader.text("name", worker.name);
  reader.text("service", worker.service);
  reader.text("address", worker.address);
  reader.text("state", worker.state);
  reader.text("kind", worker.kind, Presence::optional);
  reader.text("protocol", worker.protocol, Presence::optional);
  reader.boolean("tls", worker.tls, Presence::optional);
  reader.text("reason", worker.reason, Presence::optional);
  reader.number("weight", worker.weight, 0, any_u32);
  reader.number("connections", worker.connections, 0, any_u32, Presence::optional);
  reader.number("in_flight", worker.in_flight, 0, any_u32);
  reader.number("requests", worker.requests, 0, any_u64, Presence::optional);
  reader.number("failures", worker.failures, 0, any_u64, Presence::optional);
  reader.number("failures_in_a_row", worker.failures_in_a_row, 0, any_u64, Presence::optional);
  reader.text("certificate_expires", worker.certificate_expires, Presence::optional);
  if (!reader.is_null("certificate_days_left")) {
    worker.certificate_days_left = 0;
    reader.number("certificate_days_left", *worker.certificate_days_left, 0, any_u64);
  }
  if (!reader.is_null("last_heartbeat_ms")) {
    worker.last_heartbeat_ms = 0;
    reader.number("last_heartbeat_ms", *worker.last_heartbeat_ms, 0, any_i64);
  }
  if (!reader.is_null("until_ms")) {
    worker.until_ms = 0;
    reader.number("until_ms", *worker.until_ms, 0, any_i64);
  }
  reader.number("in_flight_elsewhere", worker.in_flight_elsewhere, 0, any_u32, Presence::optional);
}

void read(MemberReader& reader, ServiceHealth& service) {
  reader.text("name", service.name);
  reader.number("workers", service.workers, 0, any_u32);
  reader.number("out", service.out, 0, any_u32);
  reader.boolean("panic", service.panic);
}

void read(MemberReader& reader, VipStatus& vip) {
  reader.text("address", vip.address);
  reader.text("interface", vip.interface);
  reader.boolean("held", vip.held);
  reader.text("problem", vip.problem, Presence::optional);
}

void read(MemberReader& reader, PublicationStatus& publication) {
  reader.text("publication", publication.publication);
  reader.text("state", publication.state);
  reader.text("problem", publication.problem, Presence::optional);
  if (!reader.is_null("lost_ms")) {
    reader.number("lost_ms", publication.lost_ms.emplace(), 0, any_i64);
  }
  reader.number("entries", publication.entries, 0, any_u64);
  reader.number("left_out", publication.left_out, 0, any_u64, Presence::optional);
  reader.text("left_out_why", publication.left_out_why, Presence::optional);
}

void read(MemberReader& reader, SourceStatus& source) {
  reader.text("source", source.source);
  reader.text("service", source.service);
  reader.text("state", source.state);
  reader.text("problem", source.problem, Presence::optional);
  if (!reader.is_null("lost_ms")) reader.number("lost_ms", source.lost_ms.emplace(), 0, any_i64);
  reader.number("instances", source.instances, 0, any_u64);
  reader.number("left_out", source.left_out, 0, any_u64, Presence::optional);
  reader.text("left_out_why", source.left_out_why, Presence::optional);
  reader.number("skipped", source.skipped, 0, any_u64, Presence::optional);
  reader.text("skipped_why", source.skipped_why, Presence::optional);
}

void read(MemberReader& reader, ProcessStatus& process) {
  reader.number("pid", process.pid, 0, any_i64);
  reader.text("since", process.since);
  reader.number("connections", process.connections, 0, any_u64, Presence::optional);
}

void read(MemberReader& reader, CredentialStatus& credential) {
  reader.text("name", credential.name);
  reader.text("role", credential.role);
  reader.text("until", credential.until);
  reader.number("days_left", credential.days_left, 0, any_u32);
  reader.boolean("expired", credential.expired);
  reader.boolean("replaced", credential.replaced);
}

void read(MemberReader& reader, CertificateStatus& certificate) {
  reader.text("file", certificate.file);
  read_names(reader, "names", certificate.names, certificate_names_max);
  reader.text("expires", certificate.expires);
  reader.number("days_left", certificate.days_left, 0, any_u64);
  if (!reader.is_null("expired_days")) {
    reader.number("expired_days", certificate.expired_days.emplace(), 0, any_u64);
  }
  reader.text("valid_from", certificate.valid_from, Presence::optional);
}

void read(MemberReader& reader, VoterStatus& voter) {
  reader.text("name", voter.name);
  reader.text("kind", voter.kind);
  std::uint64_t index = 0;
  reader.number("match_index", index, 0, any_u64);
  voter.match_index = LogIndex(index);
  if (!reader.is_null("lag")) reader.number("lag", voter.lag.emplace(), 0, any_u64);
  if (!reader.is_null("in_sync")) reader.boolean("in_sync", voter.in_sync.emplace());
  if (!reader.is_null("silent_ms")) {
    reader.number("silent_ms", voter.silent_ms.emplace(), 0, any_i64);
  }
}

void read(MemberReader& reader, PrimaryStatus& primary) {
  reader.text("node", primary.node);
  reader.text("control", primary.control);
  reader.text("listen", primary.listen);
  if (!reader.is_null("inner")) reader.text("inner", primary.inner);
}

template <class Item>
void read_list(MemberReader& reader, const char* key, std::vector<Item>& items) {
  const auto* array = reader.array(key);
  if (array == nullptr) return;
  items.reserve(array->size());
  for (const auto& element : *array) {
    MemberReader part(element, fmt::format("{}[{}]", reader.path_of(key), items.size()));
    read(part, items.emplace_back());
    const auto finished = part.finish(UnknownMembers::ignore);
    if (!finished.ok()) return reader.refuse(finished.error());
  }
}

void read_primary(MemberReader& reader, std::optional<PrimaryStatus>& primary) {
  const auto* object = reader.object("primary", Presence::optional);
  if (object == nullptr) return;
  MemberReader part(*object, "primary");
  read(part, primary.emplace());
  const auto finished = part.finish(UnknownMembers::ignore);
  if (!finished.ok()) reader.refuse(finished.error());
}

void read_coordinator(MemberReader& reader, std::optional<CoordinatorStatus>& coordinator) {
  const auto* object = reader.object("coordinator", Presence::optional);
  if (object == nullptr) return;
  MemberReader part(*object, "coordinator");
  auto& read = coordinator.emplace();
  part.text("kind", read.kind);
  read_names(part, "endpoints", read.endpoints);
  part.boolean("reachable", read.reachable);
  if (!part.is_null("unreachable_ms")) {
    part.number("unreachable_ms", read.unreachable_ms.emplace(), 0, any_i64);
  }
  part.text("problem", read.problem, Presence::optional);
  const auto finished = part.finish(UnknownMembers::ignore);
  if (!finished.ok()) reader.refuse(finished.error());
}

void read_process(MemberReader& reader, const char* key, std::optional<ProcessStatus>& process) {
  const auto* object = reader.object(key, Presence::optional);
  if (object == nullptr) return;
  MemberReader part(*object, key);
  read(part, process.emplace());
  const auto finished = part.finish(UnknownMembers::ignore);
  if (!finished.ok()) reader.refuse(finished.error());
}

void read_refused(MemberReader& reader, RefusedMessages& refused) {
  const auto* object = reader.object("refused_messages", Presence::optional);
  if (object == nullptr) return;
  MemberReader part(*object, "refused_messages");
  part.number("foreign", refused.foreign, 0, any_u64);
  part.number("malformed", refused.malformed, 0, any_u64);
  part.number("unauthorized", refused.unauthorized, 0, any_u64);
  const auto finished = part.finish(UnknownMembers::ignore);
  if (!finished.ok()) reader.refuse(finished.error());
}

void read_refused(MemberReader& reader, RefusedRequests& refused) {
  const auto* object = reader.object("refused_requests", Presence::optional);
  if (object == nullptr) return;
  MemberReader part(*object, "refused_requests");
  part.number("unauthorized", refused.unauthorized, 0, any_u64);
  part.number("forbidden", refused.forbidden, 0, any_u64);
  const auto finished = part.finish(UnknownMembers::ignore);
  if (!finished.ok()) reader.refuse(finished.error());
}

}  // namespace

std::string to_json(const Status& status) {
  ordered_json primary;  // null
  if (status.primary) {
    primary = {{"node", status.primary->node},
               {"control", status.primary->control},
               {"listen", status.primary->listen}};
    if (!status.primary->inner.empty()) primary["inner"] = status.primary->inner;
  }
  ordered_json document{{"cluster", status.cluster},
                        {"node", status.node},
                        {"version", status.version},
                        {"role", status.role},
                        {"term", status.term.value()},
                        {"protected", status.protected_},
                        {"protection", status.protection},
                        {"feature_level", status.feature_level},
                        {"mode", status.mode},
                        {"failure", status.failure},
                        {"primary", std::move(primary)},
                        {"commit_index", status.commit_index.value()},
                        {"applied_index", status.applied_index.value()},
                        {"lag", status.lag},
                        {"in_sync", status.in_sync},
                        {"differing", status.differing},
                        {"without_vote", status.without_vote},
                        {"refused_messages",
                         {{"foreign", status.refused_messages.foreign},
                          {"malformed", status.refused_messages.malformed},
                          {"unauthorized", status.refused_messages.unauthorized}}},
                        {"refused_requests",
                         {{"unauthorized", status.refused_requests.unauthorized},
                          {"forbidden", status.refused_requests.forbidden}}},
                        {"credentials", documents(status.credentials)},
                        {"vips", documents(status.vips)},
                        {"sources", documents(status.sources)},
                        {"publications", documents(status.publications)},
                        {"certificates", documents(status.certificates)},
                        {"voters_told_by", status.voters_told_by},
                        {"voters_committed", status.voters_committed},
                        {"voters", documents(status.voters)},
                        {"services", documents(status.services)},
                        {"workers", documents(status.workers)}};
  const auto verdict = verdict_of(status);
  document["verdict"] = {{"health", to_string(verdict.health)}, {"why", verdict.why}};
  if (!status.refused_reload.empty()) document["refused_reload"] = status.refused_reload;
  if (status.coordinator) document["coordinator"] = coordinator_document(*status.coordinator);
  if (status.grant_ms) document["grant_ms"] = *status.grant_ms;
  if (status.process) {
    document["process"] = {{"pid", status.process->pid}, {"since", status.process->since}};
  }
  if (const auto& former = status.former_process) {
    document["former_process"] = {
        {"pid", former->pid}, {"since", former->since}, {"connections", former->connections}};
  }
  return dump(document);
}

std::string to_json(const std::vector<WorkerStatus>& workers) {
  return dump({{"workers", documents(workers)}});
}

std::string to_json(const std::vector<CertificateStatus>& certificates) {
  return dump({{"certificates", documents(certificates)}});
}

std::string to_json(const std::vector<ServiceInstances>& services) {
  return dump({{"services", documents(services)}});
}

std::string to_json(const ServiceInstances& service) { return dump(document(service)); }

Result<Status> parse_status(std::string_view text) {
  const auto parsed = parse_object(text, limits::status_bytes_max);
  if (!parsed.ok()) return parsed.error();
  Status status;
  std::uint64_t term = 0;
  std::uint64_t commit_index = 0;
  std::uint64_t applied_index = 0;
  MemberReader reader(*parsed);
  reader.text("cluster", status.cluster);
  reader.text("node", status.node);
  reader.text("version", status.version, Presence::optional);
  reader.text("role", status.role);
  reader.number("term", term, 0, any_u64);
  reader.boolean("protected", status.protected_);
  reader.text("protection", status.protection, Presence::optional);
  reader.number("feature_level", status.feature_level, 1, any_u64, Presence::optional);
  reader.text("mode", status.mode, Presence::optional);
  reader.text("failure", status.failure, Presence::optional);
  reader.text("refused_reload", status.refused_reload, Presence::optional);
  read_primary(reader, status.primary);
  read_coordinator(reader, status.coordinator);
  read_process(reader, "process", status.process);
  read_process(reader, "former_process", status.former_process);
  reader.number("commit_index", commit_index, 0, any_u64);
  reader.number("applied_index", applied_index, 0, any_u64);
  reader.number("lag", status.lag, 0, any_u64, Presence::optional);
  reader.boolean("in_sync", status.in_sync, Presence::optional);
  if (!reader.is_null("grant_ms")) {
    reader.number("grant_ms", status.grant_ms.emplace(), 0, any_u64);
  }
  read_names(reader, "differing", status.differing);
  read_names(reader, "without_vote", status.without_vote);
  read_refused(reader, status.refused_messages);
  read_refused(reader, status.refused_requests);
  if (!reader.is_null("credentials")) read_list(reader, "credentials", status.credentials);
  if (!reader.is_null("vips")) read_list(reader, "vips", status.vips);
  if (!reader.is_null("sources")) read_list(reader, "sources", status.sources);
  if (!reader.is_null("publications")) read_list(reader, "publications", status.publications);
  if (!reader.is_null("certificates")) {
    read_list(reader, "certificates", status.certificates);
  }
  reader.text("voters_told_by", status.voters_told_by, Presence::optional);
  reader.boolean("voters_committed", status.voters_committed, Presence::optional);
  read_list(reader, "voters", status.voters);
  if (!reader.is_null("services")) read_list(reader, "services", status.services);
  read_list(reader, "workers", status.workers);
  const auto finished = reader.finish(UnknownMembers::ignore);
  if (!finished.ok()) return finished.error();
  status.term = Term(term);
  status.commit_index = LogIndex(commit_index);
  status.applied_index = LogIndex(applied_index);
  return status;
}

Result<std::vector<WorkerStatus>> parse_workers(std::string_view text) {
  const auto parsed = parse_object(text, limits::status_bytes_max);
  if (!parsed.ok()) return parsed.error();
  std::vector<WorkerStatus> workers;
  MemberReader reader(*parsed);
  read_list(reader, "workers", workers);
  const auto finished = reader.finish(UnknownMembers::ignore);
  if (!finished.ok()) return finished.error();
  return workers;
}

Result<ServiceInstances> parse_service(std::string_view text) {
  const auto parsed = parse_object(text, limits::status_bytes_max);
  if (!parsed.ok()) return parsed.error();
  ServiceInstances service;
  MemberReader reader(*parsed);
  reader.name("name", service.name);
  read_list(reader, "instances", service.instances);
  reader.boolean("panic", service.panic, Presence::optional);
  const auto finished = reader.finish(UnknownMembers::ignore);
  if (!finished.ok()) return finished.error();
  return service;
}

}  // namespace tandem::wire
