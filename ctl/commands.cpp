#include "ctl/commands.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <thread>
#include <tuple>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/access/limits.hpp"
#include "common/base/clock.hpp"
#include "common/wire/json_reader.hpp"
#include "common/wire/limits.hpp"
#include "common/wire/status.hpp"
#include "common/wire/verdict.hpp"
#include "ctl/counts.hpp"
#include "ctl/table.hpp"

namespace tandem::ctl {

using namespace std::chrono_literals;

namespace {

using Align = Table::Align;
using wire::ago;
using wire::certificate_days_urgent;
using wire::serves;
using wire::told_of_end;
using wire::Verdict;
using wire::verdict_of;

// The reason for a worker's state, and how long it will last.
std::string reason_of(const wire::WorkerStatus& worker) {
  if (!worker.until_ms) return worker.reason;
  if (*worker.until_ms == 0) return worker.reason + ", is being tried";
  return fmt::format("{}, for {:.1f}s", worker.reason,
                     static_cast<double>(*worker.until_ms) / 1000);
}

std::string worker_table(std::vector<wire::WorkerStatus> workers) {
  if (workers.empty()) return "no workers\n";
  std::sort(workers.begin(), workers.end(), [](const auto& a, const auto& b) {
    return std::tie(a.service, a.name) < std::tie(b.service, b.name);
  });
  Table table({{"WORKER"},
               {"SERVICE"},
               {"ADDRESS"},
               {"SPEAKS"},
               {"STATE"},
               {"WEIGHT", Align::right},
               {"IN FLIGHT", Align::right},
               {"REQUESTS", Align::right},
               {"FAILURES", Align::right},
               {"HEARD", Align::right},
               {"REASON"}});
  for (const auto& worker : workers) {
    table.add({worker.name, worker.service, worker.address,
               worker.protocol.empty() ? "?" : worker.protocol, worker.state,
               std::to_string(worker.weight), std::to_string(worker.in_flight),
               std::to_string(worker.requests), std::to_string(worker.failures),
               ago(worker.last_heartbeat_ms), reason_of(worker)});
  }
  return table.to_string();
}

std::string voter_table(const std::vector<wire::VoterStatus>& voters) {
  Table table({{"VOTER"}, {"KIND"}, {"MATCH", Align::right}, {"LAG", Align::right}, {"HEARD"}});
  for (const auto& voter : voters) {
    const bool known = voter.lag.has_value();
    const auto heard = voter.silent_ms ? ago(voter.silent_ms) + " ago" : "yes";
    table.add({voter.name, voter.kind, fmt::format("{}", voter.match_index),
               known ? fmt::format("{}", *voter.lag) : "?", known ? heard : "?"});
  }
  return table.to_string();
}

std::string protection(const wire::Status& status) {
  if (!status.protection.empty()) {
    return fmt::format("{}: {}", status.protected_ ? "yes" : "no", status.protection);
  }
  if (status.protected_) return "yes: any single loss is survived";
  if (status.mode == "pair") return "no: two masters without a witness, which prefer availability";
  return "no: a loss of the primary ends service";
}

// A certificate is to be renewed that is valid for fewer days, as masters warn in their logs.
constexpr std::uint64_t certificate_days_warned = 30;

// "12 days left: renew it"
std::string told_of_rest(const wire::CertificateStatus& certificate) {
  if (!certificate.valid_from.empty()) {
    return fmt::format("NOT VALID before {}", certificate.valid_from);
  }
  if (certificate.expired_days) {
    return fmt::format("{}: RENEW IT NOW", told_of_end(*certificate.expired_days));
  }
  const auto left = certificate.days_left;
  return fmt::format("{} days left{}", left,
                     left < certificate_days_urgent   ? ": RENEW IT NOW"
                     : left < certificate_days_warned ? ": renew it"
                                                      : "");
}

// "web=consul:127.0.0.1:8500: 3 instances, 1 left out: ..."
std::string told_of(const wire::PublicationStatus& publication) {
  const auto entries =
      fmt::format("{} entr{}", publication.entries, publication.entries == 1 ? "y" : "ies");
  auto text = fmt::format("{}: ", publication.publication);
  if (publication.state == "lost") {
    text += fmt::format("LOST for {} s: {}", publication.lost_ms.value_or(0) / 1000,
                        publication.problem);
  } else if (publication.state == "standing_by") {
    text += "the primary writes it";
  } else {
    text += publication.state == "written" ? entries : "not written yet";
  }
  if (publication.left_out > 0) {
    text += fmt::format("; {} left out: {}", publication.left_out, publication.left_out_why);
  }
  return text;
}

std::string told_of(const wire::SourceStatus& source) {
  auto text = fmt::format("{}: ", source.source);
  const auto known =
      fmt::format("{} instance{}", source.instances, source.instances == 1 ? "" : "s");
  if (source.state == "lost") {
    text += fmt::format("LOST for {} s, its {} stay: {}", source.lost_ms.value_or(0) / 1000, known,
                        source.problem);
  } else if (source.state == "doubted") {
    text += fmt::format("lists nothing any more, its {} stay until that is certain", known);
  } else {
    text += source.state == "read" ? known : fmt::format("not read yet, {} known", known);
  }
  if (source.left_out > 0) {
    text += fmt::format("; {} of them left out: {}", source.left_out, source.left_out_why);
  }
  if (source.skipped > 0)
    text += fmt::format("; {} skipped: {}", source.skipped, source.skipped_why);
  return text;
}

std::string end_of(const wire::CredentialStatus& credential) {
  if (credential.until.empty()) return "-";
  if (credential.expired) return fmt::format("{}, has expired", credential.until);
  if (credential.replaced || credential.days_left > limits::credential_days_first_warning) {
    return credential.until;
  }
  return fmt::format("{}, in {} days", credential.until, credential.days_left);
}

std::string credential_table(const std::vector<wire::CredentialStatus>& credentials) {
  Table table({{"TOKEN"}, {"ROLE"}, {"UNTIL"}});
  for (const auto& credential : credentials) {
    table.add({credential.name, credential.role, end_of(credential)});
  }
  return table.to_string();
}

std::string check_line(const wire::Status& status, const Verdict& verdict) {
  switch (verdict.health) {
    case Health::well: break;
    case Health::degraded: return "DEGRADED " + verdict.why;
    case Health::no_service: return "NO SERVICE " + verdict.why;
    case Health::no_primary: return "NO PRIMARY " + verdict.why;
  }
  const auto all = status.workers.size();
  const auto serving = std::count_if(status.workers.begin(), status.workers.end(), serves);
  const auto workers = static_cast<std::size_t>(serving) == all
                           ? std::to_string(all)
                           : fmt::format("{} of {}", serving, all);
  const auto deciding = status.coordinator
                            ? fmt::format("coordinated by {}", status.coordinator->kind)
                            : fmt::format("{} voters", status.voters.size());
  return fmt::format("OK primary {} in term {}, {}, {} workers", status.primary->node, status.term,
                     deciding, workers);
}

std::string summary(const wire::Status& status) {
  Table table({{""}, {""}});
  table.add({"cluster", status.cluster});
  table.add({"node", fmt::format("{}, {} in term {}", status.node, status.role, status.term)});
  table.add({"version", status.version});
  if (const auto& process = status.process) {
    table.add({"process", fmt::format("{} since {}", process->pid, process->since)});
  }
  if (const auto& former = status.former_process) {
    table.add({"before it", fmt::format("process {}, replaced at {}, clients connected to it: {}",
                                        former->pid, former->since, former->connections)});
  }
  const auto& leads = status.primary;
  table.add({"primary", leads ? fmt::format("{}, clients {}, control {}{}{}", leads->node,
                                            leads->listen, leads->control,
                                            leads->inner.empty() ? "" : ", inner ", leads->inner)
                              : "none"});
  table.add({"protected", protection(status)});
  table.add(
      {"log", fmt::format("committed {}, applied {}{}", status.commit_index, status.applied_index,
                          status.lag == 0 ? "" : fmt::format(", {} behind", status.lag))});
  if (status.role != "primary") table.add({"in sync", status.in_sync ? "yes" : "no"});
  if (status.grant_ms) {
    table.add({"serves", fmt::format("under a grant for another {} ms", *status.grant_ms)});
  }
  if (!status.failure.empty()) table.add({"failure", status.failure});
  if (!status.refused_reload.empty()) {
    table.add({"reload", "the last one was refused: " + status.refused_reload});
  }
  for (const auto& vip : status.vips) {
    table.add(
        {"address", fmt::format("{} {} {}{}{}", vip.address, vip.held ? "is on" : "is not on",
                                vip.interface, vip.problem.empty() ? "" : ": ", vip.problem)});
  }
  for (const auto& source : status.sources) table.add({"registry", told_of(source)});
  for (const auto& publication : status.publications) {
    table.add({"published", told_of(publication)});
  }
  for (const auto& certificate : status.certificates) {
    table.add({"certificate",
               fmt::format("{} for {}, {}", certificate.file, fmt::join(certificate.names, ", "),
                           told_of_rest(certificate))});
  }
  for (const auto& service : status.services) {
    if (!service.panic) continue;
    const bool is_own = service.out * 2 > service.workers;  // of what this master sees itself
    const auto why = is_own ? fmt::format("{} of {} workers are out for their health", service.out,
                                          service.workers)
                            : std::string("most workers are out, as the primary sees it");
    table.add({"panic", fmt::format("service {}: {}, the least bad are asked", service.name, why)});
  }
  return table.to_string();
}

Result<std::string> change(const ControlClient& client, const std::string& worker, const char* verb,
                           const char* outcome, Format format) {
  auto answer = client.post(fmt::format("/v1/workers/{}/{}", worker, verb));
  if (!answer.ok() || format == Format::json) return answer;
  return fmt::format("{} {}\n{}", worker, outcome, warning_in(*answer));
}

// Who answers only the primary knows. It tells the others as soon as it leads, so that a standby
// that knows nothing yet is asked again, for so long at most.
constexpr Duration told_within = 2s;
constexpr Duration look_interval = 50ms;

bool was_told(const wire::Status& status) {
  return !status.primary || status.role == "primary" || status.voters.size() < 2 ||
         !status.voters_told_by.empty();
}

std::string noted(const Counts& counts) {
  return counts.note.empty() ? std::string() : fmt::format("({})\n", counts.note);
}

// How requests end knows only who passes them to workers. Nothing when the primary cannot be asked
// from here: what the standby says counts.
std::optional<Verdict> verdict_at_primary(const ControlClient& client, const wire::Status& status) {
  const auto told = ask_primary(client, status);
  return told ? std::optional(verdict_of(*told)) : std::nullopt;
}

}  // namespace

std::string warning_in(const std::string& answer) {
  const auto document = wire::parse_object(answer, limits::status_bytes_max);
  if (!document) return {};
  wire::MemberReader reader(*document);
  std::string warning;
  reader.text("warning", warning, wire::Presence::optional);
  return warning.empty() ? warning : fmt::format("warning: {}\n", warning);
}

Result<StatusShown> show_status(const ControlClient& client, Format format, bool check) {
  const auto deadline = now() + told_within;
  auto answer = client.get("/status");
  if (!answer.ok()) return answer.error();
  auto status = wire::parse_status(*answer);
  while (status.ok() && !was_told(*status) && now() < deadline) {
    std::this_thread::sleep_for(look_interval);
    answer = client.get("/status");
    if (!answer.ok()) return answer.error();
    status = wire::parse_status(*answer);
  }
  if (!status.ok()) return status.error();
  auto verdict = verdict_of(*status);
  if (check && (verdict.health == Health::well || verdict.health == Health::no_service)) {
    if (auto told = verdict_at_primary(client, *status)) {
      // A master that takes part no more may know no worker, and passes requests on.
      const bool is_local = !status->failure.empty() && told->health != Health::no_service;
      verdict = is_local ? Verdict{Health::degraded, status->failure} : std::move(*told);
    }
  }
  StatusShown shown{.text = {}, .health = verdict.health};
  if (check) {
    shown.text = check_line(*status, verdict) + '\n';
  } else if (format == Format::json) {
    shown.text = *answer;
  } else {
    const auto counts = take_counts(client, *status);
    shown.text = summary(*status);
    if (!status->voters.empty()) shown.text += '\n' + voter_table(status->voters);
    shown.text += '\n' + worker_table(status->workers) + noted(counts);
    if (!status->credentials.empty()) {
      shown.text += '\n' + credential_table(status->credentials);
    }
  }
  return shown;
}

Result<std::string> show_workers(const ControlClient& client, Format format) {
  if (format == Format::json) return client.get("/v1/workers");
  const auto answer = client.get("/status");
  if (!answer) return answer.error();
  auto status = wire::parse_status(*answer);
  if (!status) return status.error();
  const auto counts = take_counts(client, *status);
  return worker_table(status->workers) + noted(counts);
}

Result<std::string> drain(const ControlClient& client, const std::string& worker, Format format) {
  return change(client, worker, "drain", "is draining: it gets no new requests", format);
}

Result<std::string> undrain(const ControlClient& client, const std::string& worker, Format format) {
  return change(client, worker, "undrain", "gets requests again", format);
}

Result<std::string> switch_over(const ControlClient& client, const std::string& to, Format format) {
  auto answer =
      client.post("/v1/switchover", to.empty() ? "" : fmt::format(R"({{"to":"{}"}})", to));
  if (!answer.ok() || format == Format::json) return answer;
  const auto document = wire::parse_object(*answer, limits::control_body_bytes_max);
  if (!document.ok()) return document.error();
  std::string primary;
  std::uint64_t term = 0;
  wire::MemberReader reader(*document);
  reader.name("primary", primary);
  reader.number("term", term, 1, std::numeric_limits<std::uint64_t>::max());
  const auto read = reader.finish(wire::UnknownMembers::ignore);
  if (!read.ok()) return read.error();
  return fmt::format("{} is primary now, in term {}\n", primary, term);
}

}  // namespace tandem::ctl
