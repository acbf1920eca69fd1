// target_worker.hpp: registers a service that runs elsewhere, at the address at which its probe
// finds it, and tells the masters its condition.
//
// A target whose name has no address yet is registered when it has one. Unless another address is
// advertised, the one that was probed is registered.
//
// Owner: main().
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/endpoint.hpp"
#include "common/base/mutex.hpp"
#include "common/wire/service_settings.hpp"
#include "tandem/worker.hpp"
#include "worker/program/target_probe.hpp"

namespace tandem {

class TargetWorker {
 public:
  // `checks`: how it is probed, unless the settings of its service in the cluster say otherwise,
  // and what it speaks, if that is said. `options`: the name may be empty, then it is made from the
  // address; the address is the advertised one, if any.
  TargetWorker(Endpoint target, const wire::ServiceSettings& checks, RegistrationOptions options);
  ~TargetWorker();
  TargetWorker(const TargetWorker&) = delete;
  TargetWorker& operator=(const TargetWorker&) = delete;

  // Returns a sentence that says what is wrong, or nothing. Called once.
  [[nodiscard]] std::optional<std::string> start();
  const std::string& name() const { return options_.name; }
  // As of a Registration.
  [[nodiscard]] std::optional<std::string> reload_secrets();
  // Says bye to the masters and ends.
  void stop();
  // As of a Registration; none before the target has an address.
  std::vector<MasterState> masters();
  // Valid after stop(): why it ended by itself (StopSignals::request_stop()).
  const std::optional<std::string>& error() const { return error_; }

 private:
  std::optional<std::string> register_at(const std::string& address) TANDEM_REQUIRES(mutex_);
  void take(const TargetProbe::Result& result);
  void follow(const std::string& checks);

  const Endpoint target_;
  const TargetCheck check_;
  const bool is_advertised_;
  RegistrationOptions options_ TANDEM_GUARDED_BY(mutex_);
  Mutex mutex_;  // guards what follows
  std::optional<Registration> registration_ TANDEM_GUARDED_BY(mutex_);
  std::optional<std::string> error_ TANDEM_GUARDED_BY(mutex_);
  bool stopped_ TANDEM_GUARDED_BY(mutex_) = false;
  Mutex probe_mutex_;  // guards what follows; never taken with mutex_ held
  TargetCheck followed_ TANDEM_GUARDED_BY(probe_mutex_);  // check_ with the settings of the service
  std::optional<TargetProbe> probe_ TANDEM_GUARDED_BY(probe_mutex_);
};

}  // namespace tandem
