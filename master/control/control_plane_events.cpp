// The part of ControlPlane that tells what happens, as events.
#include <boost/asio.hpp>

#include "common/access/limits.hpp"
#include "common/base/clock.hpp"
#include "common/base/small_file.hpp"
#include "common/cluster/protection.hpp"
#include "common/wire/error_document.hpp"
#include "master/control/change_events.hpp"
#include "master/control/control_plane_parts.hpp"
#include "master/events/limits.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

// The subject of their event.
constexpr const char* reload_of_certificates = "certificates";

struct Outcome {
  const char* what;
  std::string text;
};

Outcome outcome_of(const ControlResponse& response) {
  if (response.status < 300) return {"done", "done"};
  const auto* const what = response.status < 500 ? "refused" : "failed";
  return {what, fmt::format("{}, {}", what, wire::error_message(response.body))};
}

}  // namespace

void ControlPlane::record(Event event) {
  asio::post(parts_->loop, [parts = parts_.get(), event = std::move(event)]() mutable {
    if (!parts->closed) parts->record(std::move(event));
  });
}

void ControlPlane::Parts::record(Event event) {
  if (event.kind == EventKind::reload) {
    const auto why = event.what == "refused" ? shortened(event.reason) : std::string();
    // A reload reads the certificates as well.
    refused_certificates = why;
    if (event.subject != reload_of_certificates) {
      refused_reload = why;
      refused_certificates.clear();
    }
  }
  events.record(node.term, std::move(event));
}

// The times of changes that an earlier process has applied. A file that is not ours to read is like
// none: only times are lost.
void ControlPlane::Parts::open_event_times(const std::string& directory) {
  const auto path = directory + "/event-times";
  if (const auto text = read_small_file(path, limits::change_times_bytes_max)) {
    events.times().read(*text);
  }
  event_times.emplace(path, [path](const std::string& failure) {
    if (failure.empty()) return log::info("the times of events are kept again file={}", path);
    log::warn("the times of events cannot be kept, tried again every second file={} reason=\"{}\"",
              path, failure);
  });
}

// Not at each change: a thousand workers that join would have it written as often.
void ControlPlane::Parts::keep_event_times() {
  if (event_times && events.times().has_news()) event_times->keep(events.times().text());
}

std::function<void()> ControlPlane::Parts::watch_change(const core::Entry& entry,
                                                        const AuthoredChange& authored,
                                                        const ClusterState& state) {
  auto event = event_of(authored.change, state);
  if (!event) return {};
  event->by = authored.by;
  return [this, position = LogPosition{entry.term, entry.index}, event = std::move(*event)] {
    events.record(position, event);
  };
}

void ControlPlane::Parts::saw_state(const WorkerRecord& record, WorkerState before) {
  Event event{.kind = EventKind::worker,
              .subject = record.name,
              .text = fmt::format("{} is {}", record.name, to_string(record.told_state())),
              .reason = record.told_reason(),
              .before = to_string(before),
              .after = to_string(record.told_state())};
  this->record(std::move(event));
}

// "standby in term 7, a leads; protected: all voters answer"
void ControlPlane::Parts::tell_standing() const {
  if (!hooks.standing) return;
  const auto& view = member->view();
  const auto why = cluster::protection(view, node.node, now());
  auto text = fmt::format("{} in term {}", node.role, view.term);
  if (node.role == "standby") text += fmt::format(", {} leads", node.primary);
  text += fmt::format("; {}: {}", view.is_protected ? "protected" : "not protected", why);
  if (node.draining.load(std::memory_order_relaxed)) text.insert(0, "draining; ");
  if (!view.failure.empty()) text += fmt::format("; {}", view.failure);
  hooks.standing(not_ready(), text);
}

void ControlPlane::Parts::note_second() {
  keep_event_times();
  look_for_panics();
  tell_standing();
  discovered->tick(now());
  if (member->view().is_protected) {
    unprotected_since = Instant::never();
  } else if (unprotected_since == Instant::never()) {
    unprotected_since = now();
  }
  if (!hooks.traffic) return;
  const auto time = std::chrono::system_clock::now().time_since_epoch();
  history.observe(hooks.traffic(), std::chrono::floor<std::chrono::seconds>(time).count());
}

metrics::ControlCounts ControlPlane::Parts::counts() const {
  metrics::ControlCounts counts{.heartbeats = heartbeats.taken,
                                .unknown_heartbeats = heartbeats.unknown,
                                .refused_heartbeats = heartbeats.refused,
                                .checks = {},
                                .panics = panics,
                                .elections = member->elections_begun(),
                                .elections_won = member->elections_won(),
                                .lease_left = Duration::zero(),
                                .unprotected = Duration::zero(),
                                .commits = {},
                                .disk_failures = member->log() ? member->log()->failures() : 0,
                                .worker_connections = registry.worker_connections(),
                                .connections = server.connections()};
  for (const auto& [service, of] : registry.check_counts().all()) {
    counts.checks[service] = {of.checks_good, of.checks_failed, of.ejections};
  }
  const auto at = now();
  if (member->serve_until() > at) counts.lease_left = member->serve_until() - at;
  if (unprotected_since != Instant::never()) counts.unprotected = at - unprotected_since;
  if (const auto* log = member->log()) log->commits().add_to(counts.commits);
  return counts;
}

namespace {

// A standby panics when its primary does, which sees how requests end; its own counts say nothing
// of that.
std::string why_panic(const wire::ServiceHealth& service) {
  if (service.out * 2 > service.workers) {
    return fmt::format("{} of its {} workers are out", service.out, service.workers);
  }
  return "according to the primary, which sees how requests end";
}

}  // namespace

// Once a second: nobody tells when it begins.
void ControlPlane::Parts::look_for_panics() {
  std::set<std::string> now_panicking;
  for (const auto& service : registry.service_health()) {
    if (service.panic) now_panicking.insert(service.name);
    if (service.panic && !panicking.contains(service.name)) {
      ++panics;
      record({.kind = EventKind::panic,
              .subject = service.name,
              .text = fmt::format("{} panics: unhealthy workers get requests too", service.name),
              .reason = why_panic(service)});
    }
  }
  for (const auto& name : panicking) {
    if (now_panicking.contains(name)) continue;
    record({.kind = EventKind::panic,
            .subject = name,
            .text = fmt::format("{} panics no more", name)});
  }
  panicking = std::move(now_panicking);
}

// Once a day, as they are warned of.
void ControlPlane::Parts::tell_of_certificates() {
  for (const auto& certificate : certificates()) {
    const bool is_early = !certificate.valid_from.empty();
    if (!is_early && certificate.days_left > limits::credential_days_first_warning) continue;
    const auto names = certificate.names.empty() ? certificate.file : certificate.names.front();
    const auto& expired = certificate.expired_days;
    record({.kind = EventKind::certificate,
            .subject = names,
            .text = is_early  ? fmt::format("the certificate of {} is not valid before {}", names,
                                            certificate.valid_from)
                    : expired ? fmt::format("the certificate of {} has expired {} days ago", names,
                                            *expired)
                              : fmt::format("the certificate of {} ends in {} days", names,
                                            certificate.days_left),
            .after = certificate.expires});
  }
}

void ControlPlane::Parts::tell_reload_of_certificates(const ControlRequest& request,
                                                      const Result<>& outcome) {
  Event event{
      .kind = EventKind::reload,
      .what = outcome ? "reloaded" : "refused",
      .subject = reload_of_certificates,
      .text = outcome ? "the certificates were read again" : "the certificates stay as they were",
      .by = AccessControl::author_of(request)};
  if (!outcome) event.reason = outcome.error().message;
  record(std::move(event));
}

void ControlPlane::Parts::tell_request(const ControlRequest& request,
                                       const ControlResponse& response) {
  auto asked = access.asked_of(request);
  const auto outcome = outcome_of(response);
  asked.what = outcome.what;
  asked.text += fmt::format(": {}", outcome.text);
  asked.after = fmt::format("{}", response.status);
  record(std::move(asked));
}

}  // namespace tandem::master
