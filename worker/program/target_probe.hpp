// target_probe.hpp: asks a service that runs elsewhere, again and again, whether it is alive
// (target_health.hpp), and at which of its addresses: all that its name has are tried, the one that
// answered last first, and the name is looked up again (name_lookups.hpp).
//
// Each change is reported, the first result always.
//
// Owner: main(); `report` is called from the probe's thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/endpoint.hpp"
#include "common/base/mutex.hpp"
#include "common/base/name_lookups.hpp"
#include "common/base/time.hpp"
#include "worker/program/target_health.hpp"
#include "worker/program/target_request.hpp"

namespace tandem {

class TargetProbe {
 public:
  struct Result {
    bool alive = false;
    std::optional<Endpoint> address{};  // that was asked last, numeric; nothing: its name has none
    std::string why{};                  // it is not alive; empty when it is

    friend bool operator==(const Result&, const Result&) = default;
  };
  using Report = std::function<void(const Result&)>;

  TargetProbe(Endpoint target, TargetCheck check, Report report);
  ~TargetProbe();
  TargetProbe(const TargetProbe&) = delete;
  TargetProbe& operator=(const TargetProbe&) = delete;

  // Probes by this check from now on. Any thread.
  void check_by(TargetCheck check);

 private:
  void found(const NameLookups::Found& found);
  void run();
  TargetAnswer ask(std::vector<Endpoint> addresses, const TargetCheck& check);

  const Endpoint target_;
  const Report report_;
  std::optional<Endpoint> current_;  // of addresses_; the thread's own
  Mutex mutex_;                      // guards what follows
  std::condition_variable wake_;
  TargetCheck check_ TANDEM_GUARDED_BY(mutex_);
  std::vector<Endpoint> addresses_ TANDEM_GUARDED_BY(mutex_);
  std::string unresolved_ TANDEM_GUARDED_BY(mutex_);  // why there are none
  bool stopping_ TANDEM_GUARDED_BY(mutex_) = false;
  NameLookups lookups_;
  std::thread thread_;  // last: it uses what stands above
};

}  // namespace tandem
