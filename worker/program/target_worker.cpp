#include "worker/program/target_worker.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/limits.hpp"
#include "common/base/log.hpp"
#include "common/base/stop_signals.hpp"
#include "worker/src/certificate.hpp"

namespace tandem {

namespace {

// What is said of one target goes before what its service says.
TargetCheck own_check(const wire::ServiceSettings& said) {
  auto check = TargetCheck{}.overlaid(said);
  if (said.protocol || (said.check && said.check->is_grpc)) {
    check.own_protocol = wire::protocol_of(said);
  }
  return check;
}

std::optional<Protocol> registered_as(const TargetCheck& check) {
  if (!check.own_protocol) return std::nullopt;
  return *check.own_protocol == wire::WorkerProtocol::http2 ? Protocol::http2 : Protocol::http1;
}

// The name of a target without a configured one: its address, with characters that a name may have.
std::string name_of(const Endpoint& target) {
  auto name = fmt::format("{}-{}", target.host.substr(0, limits::name_bytes_max - 6), target.port);
  for (auto& c : name) {
    if (c == ':') c = '-';
  }
  return name;
}

// "check_path=/up check_interval=2s". Unknown settings of a newer master are ignored.
wire::ServiceSettings parse_checks(std::string_view text) {
  wire::ServiceSettings settings;
  while (!text.empty()) {
    const auto setting = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(setting.size() + 1, text.size()));
    auto with = settings;
    if (wire::parse_setting(setting, "checks", with).ok()) settings = std::move(with);
  }
  return settings;
}

}  // namespace

TargetWorker::TargetWorker(Endpoint target, const wire::ServiceSettings& checks,
                           RegistrationOptions options)
    : target_(std::move(target)),
      check_(own_check(checks)),
      is_advertised_(!options.address.empty()),
      options_(std::move(options)),
      followed_(check_) {
  options_.name = name_by_certificate(options_.cluster, options_.name);
  if (options_.name.empty()) options_.name = name_of(target_);
  options_.protocol = registered_as(check_);
  options_.on_checks = [this](const std::string& said) { follow(said); };
}

TargetWorker::~TargetWorker() { stop(); }

std::optional<std::string> TargetWorker::start() {
  if (is_advertised_ || target_.is_numeric()) {
    const Lock lock(mutex_);
    const auto address = is_advertised_ ? options_.address : target_.to_string();
    if (auto error = register_at(address)) return error;
  }
  const Lock lock(probe_mutex_);
  probe_.emplace(target_, followed_, [this](const TargetProbe::Result& result) { take(result); });
  return std::nullopt;
}

std::optional<std::string> TargetWorker::register_at(const std::string& address) {
  options_.address = address;
  registration_.emplace(options_);
  registration_->set_condition(Condition::failing);  // until a probe says otherwise
  return registration_->start();
}

// On the probe's thread.
void TargetWorker::take(const TargetProbe::Result& result) {
  if (result.alive) {
    log::info("target is up target={} address={}", target_.to_string(),
              result.address->to_string());
  } else {
    log::warn("target is failing target={} reason=\"{}\"", target_.to_string(), result.why);
  }
  const Lock lock(mutex_);
  if (stopped_ || error_ || !result.address) return;
  if (!registration_) {
    error_ = register_at(result.address->to_string());
  } else if (!is_advertised_) {
    error_ = registration_->set_address(result.address->to_string());
  }
  if (error_) return StopSignals::request_stop();
  registration_->set_condition(result.alive ? Condition::up : Condition::failing);
}

// On the registration's threads.
void TargetWorker::follow(const std::string& checks) {
  log::info("settings of the service checks=\"{}\"", checks);
  const Lock lock(probe_mutex_);
  followed_ = check_.overlaid(parse_checks(checks));
  if (probe_) probe_->check_by(followed_);
}

std::optional<std::string> TargetWorker::reload_secrets() {
  const Lock lock(mutex_);
  return registration_ ? registration_->reload_secrets() : std::nullopt;
}

std::vector<MasterState> TargetWorker::masters() {
  const Lock lock(mutex_);
  return registration_ ? registration_->masters() : std::vector<MasterState>();
}

void TargetWorker::stop() {
  {
    const Lock lock(probe_mutex_);
    probe_.reset();
  }
  const Lock lock(mutex_);
  if (std::exchange(stopped_, true)) return;
  if (registration_) registration_->stop();
}

}  // namespace tandem
