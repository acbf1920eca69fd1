// target_worker.hpp: registers a service that runs elsewhere, at the address at which its probe
// finds it, and tells the masters its condition.
//
// A target whose name has no address yet is registered when it has one. Unless it is advertised
// elsewhere, the address that is registered is the one that was probed.
//
// Owner: main().
#pragma once

#include <optional>
#include <string>

#include "common/base/endpoint.hpp"
#include "common/base/mutex.hpp"
#include "common/wire/service_settings.hpp"
#include "tandem/worker.hpp"
#include "worker/program/target_probe.hpp"

namespace tandem {

class TargetWorker {
 public:
  // `checks`: how it is probed, where the settings of its service in the cluster say nothing.
  // `options`: without name one is made of the address; address: where it is advertised, if it is.
  TargetWorker(Endpoint target, const wire::ServiceSettings& checks, RegistrationOptions options);
  ~TargetWorker();
  TargetWorker(const TargetWorker&) = delete;
  TargetWorker& operator=(const TargetWorker&) = delete;

  // Returns a sentence that says what is wrong, or nothing. Once.
  [[nodiscard]] std::optional<std::string> start();
  const std::string& name() const { return options_.name; }
  // Says bye to the masters and ends.
  void stop();
  // Why it ended by itself (StopSignals::request_stop()); after stop().
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
  TargetCheck followed_
      TANDEM_GUARDED_BY(probe_mutex_);  // check_, with what the settings of the service say
  std::optional<TargetProbe> probe_ TANDEM_GUARDED_BY(probe_mutex_);
};

}  // namespace tandem
