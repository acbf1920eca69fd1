// target_probe.hpp: asks a service that runs elsewhere, again and again, whether it is alive.
//
// GET /health; any status below 500 is an answer of a living service: it need not know the path.
// Each change is reported, the first result always.
//
// Owner: main(); `report` is called from the probe's thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "common/base/endpoint.hpp"
#include "common/base/time.hpp"

namespace tandem {

class TargetProbe {
 public:
  // `why` is empty when the target is alive.
  using Report = std::function<void(bool alive, const std::string& why)>;

  // Probes at once and then each `interval`; a probe fails when there is no answer within a second.
  TargetProbe(Endpoint target, Duration interval, Report report);
  ~TargetProbe();
  TargetProbe(const TargetProbe&) = delete;
  TargetProbe& operator=(const TargetProbe&) = delete;

 private:
  void run();

  const Endpoint target_;
  const Duration interval_;
  const Report report_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses what stands above
};

}  // namespace tandem
