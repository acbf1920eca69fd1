#include "master/reloader.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/base/log.hpp"
#include "master/control/control_plane_options.hpp"
#include "master/control_options.hpp"
#include "master/reload_table.hpp"

namespace tandem::master {

namespace {

constexpr std::string_view log_level_key = "log-level";

// A FIFO would be waited for, and a device read without end.
Result<> check_file(const std::string& file) {
  struct stat status {};
  if (file.empty()) return {};
  if (::stat(file.c_str(), &status) != 0) {
    return invalid(fmt::format("--config: {} cannot be read: {}", file, std::strerror(errno)));
  }
  if (S_ISREG(status.st_mode)) return {};
  return invalid(fmt::format("--config: {} is not a regular file", file));
}

std::string shown(const ConfigKey* key) {
  return key == nullptr ? std::string() : value_text(*key);
}

// By key: why a change of it needs a restart; empty: it does not.
using WhyRestart = std::function<std::string(std::string_view key)>;

WhyRestart why_restart_between(const MasterFlags& before, const MasterFlags& wanted) {
  return [&before, &wanted](std::string_view key) {
    const auto* const row = find_reload_row(key);
    return std::string(row == nullptr ? "needs a restart" : why_restart(*row, before, wanted));
  };
}

// Keys of which `wanted` says something else than is in force: what a reload applies, and what it
// does not.
ReloadReport compare(const Configuration& in_force, const Configuration& wanted,
                     const WhyRestart& restarts) {
  ReloadReport report{.file = wanted.file};
  const auto note = [&](const std::string& key, const ConfigKey* before, const ConfigKey* after) {
    ConfigChange change{key, shown(before), shown(after)};
    if (change.before == change.after) return;
    change.why = restarts(key);
    auto& changes = change.why.empty() ? report.applied : report.refused;
    changes.push_back(std::move(change));
  };
  for (const auto& after : wanted.keys) note(after.key, in_force.find(after.key), &after);
  for (const auto& before : in_force.keys) {
    if (wanted.find(before.key) == nullptr) note(before.key, &before, nullptr);
  }
  return report;
}

// What is in force once `wanted` has been applied but for the keys that need a restart.
Configuration merged(const Configuration& before, Configuration wanted,
                     const WhyRestart& restarts) {
  for (auto& key : wanted.keys) {
    const auto* known = before.find(key.key);
    if (known == nullptr || known->values == key.values) continue;
    if (!restarts(key.key).empty()) key = *known;
  }
  return wanted;
}

bool has_key(const ReloadReport& report, bool (*is_wanted)(std::string_view key)) {
  return std::any_of(report.applied.begin(), report.applied.end(),
                     [is_wanted](const auto& change) { return is_wanted(change.key); });
}

bool concerns_access_log(const ReloadReport& report) {
  return has_key(report, [](std::string_view key) { return key.starts_with("access-log"); });
}

bool concerns_tracing(const ReloadReport& report) {
  return has_key(report,
                 [](std::string_view key) { return key == "otlp" || key == "trace-start"; });
}

// Null: there is none.
std::unique_ptr<Tracer> tracer_for(const MasterFlags& flags) {
  if (!flags.tracing.is_on()) return nullptr;
  return std::make_unique<Tracer>(flags.tracing, flags.node, flags.forward.threads);
}

std::string keys_of(const std::vector<ConfigChange>& changes) {
  std::vector<std::string_view> keys;
  for (const auto& change : changes) keys.push_back(change.key);
  return fmt::format("{}", fmt::join(keys, ", "));
}

}  // namespace

Reloader::Reloader(int argc, const char* const* argv, MasterFlags flags, Configuration in_force,
                   ServiceManager& manager)
    : argc_(argc),
      argv_(argv),
      manager_(manager),
      flags_(std::move(flags)),
      contents_(contents_of_files(in_force)),
      in_force_(std::move(in_force)),
      log_level_(flags_.log_level),
      drain_timeout_(flags_.drain_timeout) {}

Result<> Reloader::open_access_log() {
  const Lock lock(reloading_);
  if (flags_.access_log.path.empty()) return {};
  auto opened = AccessLog::open(flags_.access_log, flags_.forward.threads);
  if (!opened) return opened.error();
  access_log_ = std::move(*opened);
  return {};
}

void Reloader::start_tracing() {
  const Lock lock(reloading_);
  tracer_ = tracer_for(flags_);
}

ConfigHooks Reloader::hooks() {
  return {.in_force = [this] { return in_force(); },
          .reload = [this](ReloadMode mode, const wire::Author& by) { return reload(mode, by); },
          .when = when_changed,
          .log_level = [this] { return log_level(); },
          .set_log_level = [this](LogLevel level) { set_log_level(level); }};
}

void Reloader::begin(Parts parts) {
  const Lock lock(reloading_);
  parts_ = std::make_unique<const Parts>(parts);
}

void Reloader::stop() {
  const Lock lock(reloading_);
  parts_.reset();
}

Configuration Reloader::in_force() const {
  const Lock lock(mutex_);
  return in_force_;
}

LogLevel Reloader::log_level() const {
  const Lock lock(mutex_);
  return log_level_;
}

Duration Reloader::drain_timeout() const {
  const Lock lock(mutex_);
  return drain_timeout_;
}

void Reloader::set_log_level(LogLevel level) {
  const Lock lock(mutex_);
  log::info("log level changed from={} to={}", to_string(log_level_), to_string(level));
  log_level_ = level;
  tandem::set_log_level(level);
  for (auto& key : in_force_.keys) {
    if (key.key != log_level_key) continue;
    key.source = ConfigSource::request;
    key.values = {to_string(level)};
  }
}

ReloadReport Reloader::reload(ReloadMode mode, const wire::Author& by) {
  const Lock lock(reloading_);
  if (parts_ == nullptr) return {.errors = {"this master is not serving yet, or no more"}};
  std::optional<ServiceManager::Reload> announced;
  if (mode == ReloadMode::apply) announced.emplace(manager_);
  // Whatever else is wrong: whoever moved the log away waits for it.
  if (mode == ReloadMode::apply && access_log_) access_log_->reopen();
  auto report = reload_here(mode);
  if (mode == ReloadMode::apply) tell(report, by);
  return report;
}

ReloadReport Reloader::reload_here(ReloadMode mode) {
  const auto before = in_force();
  if (const auto readable = check_file(before.file); !readable) {
    return {.file = before.file, .errors = {readable.error().message}};
  }
  MasterFlags wanted;
  wanted.resolved = flags_.resolved;
  auto reading = parse_flags(argc_, argv_, wanted);
  if (reading.status) return {.file = before.file, .errors = std::move(reading.errors)};
  const auto was = flags_;
  const auto restarts = why_restart_between(was, wanted);
  auto report = compare(before, reading.in_force, restarts);
  auto next = flags_;
  for (const auto& row : reload_table()) {
    if (why_restart(row, was, wanted).empty()) row.take(next, wanted);
  }
  if (next.listens_by_default && !flags_.listens_by_default) {
    report.errors.push_back(
        "--listen: no address would be left where clients are served; a master that serves does "
        "not go to the default by itself: name it if you mean it");
  }
  if (const auto wrong = contradictions(next); !wrong.empty()) {
    const auto why = fmt::format("{}", fmt::join(wrong, "; "));
    report.errors.push_back(
        report.refused.empty() ? why
                               : fmt::format("{}: this can be changed by a restart alone, since {}",
                                             keys_of(report.refused), why));
  }
  if (!report.errors.empty()) return report;
  if (mode == ReloadMode::compare) {
    report.errors = look_at(next);
    return report;
  }
  auto contents = contents_of_files(reading.in_force);
  report.renewed = keys_with_other_content(contents_, contents);
  report.errors = apply(next, report);
  if (!report.errors.empty()) return report;
  flags_ = std::move(next);
  contents_ = std::move(contents);
  const Lock lock(mutex_);
  in_force_ = merged(before, std::move(reading.in_force), restarts);
  log_level_ = flags_.log_level;
  drain_timeout_ = flags_.drain_timeout;
  return report;
}

// Why the files that a reload reads again would be refused. What is opened for good, an access log
// or an address, is tried by the reload alone.
std::vector<std::string> Reloader::look_at(const MasterFlags& next) const {
  const auto options = control_options(next);
  std::vector<std::string> errors;
  if (const auto fits = check_configured(options); !fits) errors.push_back(fits.error().message);
  const auto renewal = parts_->control.prepare(options, ReloadMode::compare);
  if (!renewal) errors.push_back(renewal.error().message);
  const auto certificates = parts_->tls.prepare(next);
  if (!certificates) errors.push_back(certificates.error().message);
  return errors;
}

// Everything that may fail comes before anything that changes.
std::vector<std::string> Reloader::apply(MasterFlags& next, ReloadReport& report) {
  auto options = control_options(next);
  std::vector<std::string> errors;
  const auto renewal = parts_->control.prepare(options, ReloadMode::apply);
  if (!renewal) errors.push_back(renewal.error().message);
  auto certificates = parts_->tls.prepare(next);
  if (!certificates) {
    log::error("certificates stay as they are reason=\"{}\"", certificates.error().message);
    errors.push_back(certificates.error().message);
  }
  std::unique_ptr<AccessLog> log;
  if (concerns_access_log(report) && !next.access_log.path.empty()) {
    auto opened = AccessLog::open(next.access_log, next.forward.threads);
    if (opened) {
      log = std::move(*opened);
    } else {
      errors.push_back(opened.error().message);
    }
  }
  if (!errors.empty()) return errors;
  // Last, since whoever connects there from now on waits.
  auto addresses = parts_->plane.plan_addresses(next.forward.addresses());
  if (!addresses) return {addresses.error().message};
  // Before backends are looked at, which may not have one of them.
  tell_addresses(first_of(addresses->addresses, false), inner_of(addresses->addresses));
  if (const auto adopted = parts_->control.adopt(*renewal); !adopted) {
    tell_addresses(parts_->plane.address(false), parts_->plane.inner_address());
    return {adopted.error().message};
  }
  const auto put = parts_->tls.put(std::move(*certificates), parts_->plane);
  parts_->tls.set_ticket_key_interval(next.ticket_key_interval);
  if (!put) {
    report.refused.push_back({"tls", {}, {}, put.error().message});
    next.forward.listen = flags_.forward.listen;
    next.forward.inner = flags_.forward.inner;
    next.listen_inner = flags_.listen_inner;
    tell_addresses(parts_->plane.address(false), parts_->plane.inner_address());
  }
  const auto plan = std::make_shared<ListenPlan>(put ? std::move(*addresses) : ListenPlan());
  if (put) parts_->plane.listen(plan);
  adopt(next, report, std::move(log));
  if (!parts_->plane.leave_addresses(*plan)) {
    log::warn(
        "an address that was left is not closed yet, since clients wait to be accepted there");
  }
  return {};
}

void Reloader::tell_addresses(const std::optional<Endpoint>& for_clients,
                              const std::optional<Endpoint>& inner) {
  parts_->control.set_listen(for_clients);
  if (inner) parts_->control.set_inner(*inner);
}

// What was there before ends once no loop goes by it, but for a loop that is stuck.
void Reloader::adopt(const MasterFlags& next, ReloadReport& report,
                     std::unique_ptr<AccessLog> log) {
  const bool keeps_log = !concerns_access_log(report);
  const bool keeps_tracer = !concerns_tracing(report);
  auto tracer = keeps_tracer ? nullptr : tracer_for(next);
  auto forward = static_cast<const ForwardOptions&>(next.forward);
  forward.access_log = keeps_log ? access_log_.get() : log.get();
  forward.tracer = keeps_tracer ? tracer_.get() : tracer.get();
  auto adopted = parts_->plane.adopt(forward);
  if (!adopted) {
    report.refused.push_back({"http2", {}, {}, adopted.error().message});
    forward.http2 = flags_.forward.http2;
    adopted = parts_->plane.adopt(forward);
  }
  TANDEM_ASSERT(adopted.ok());
  if (!keeps_log) {
    auto old = std::exchange(access_log_, std::move(log));
    if (old && !*adopted) retired_.push_back(std::move(old));
  }
  if (!keeps_tracer) {
    auto old = std::exchange(tracer_, std::move(tracer));
    if (old && !*adopted) retired_tracers_.push_back(std::move(old));
  }
  tandem::set_log_format(next.log_format);
  tandem::set_log_level(next.log_level);
}

namespace {

// "idle-timeout, max-body; other content of tokens-file"
std::string what_was_applied(const ReloadReport& report) {
  auto text = keys_of(report.applied);
  if (report.renewed.empty()) return text;
  if (!text.empty()) text += "; ";
  return text + fmt::format("other content of {}", fmt::join(report.renewed, ", "));
}

}  // namespace

void Reloader::tell(const ReloadReport& report, const wire::Author& by) {
  Event event{.kind = EventKind::reload, .by = by};
  if (!report.errors.empty()) {
    const auto why = fmt::format("{}", fmt::join(report.errors, "; "));
    log::error("the configuration stays as it was by={} reason=\"{}\"", by.name, why);
    event.what = "refused";
    event.text = "the configuration stays as it was";
    event.reason = why;
  } else {
    const auto applied = what_was_applied(report);
    const auto refused = keys_of(report.refused);
    log::info("reloaded by={} applied=\"{}\" refused=\"{}\"", by.name, applied, refused);
    event.what = "reloaded";
    event.text = applied.empty() ? "the configuration was read again; no key has changed"
                                 : fmt::format("the configuration was read again: {}", applied);
    for (const auto& change : report.refused) {
      event.reason +=
          fmt::format("{}{}: {}", event.reason.empty() ? "" : "; ", change.key, change.why);
    }
  }
  parts_->control.record(std::move(event));
}

}  // namespace tandem::master
