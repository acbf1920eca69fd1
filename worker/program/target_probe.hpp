// target_probe.hpp: probes a service that runs elsewhere repeatedly (target_health.hpp), and finds
// out at which of its addresses it answers: all addresses of its name are tried, beginning with the
// one that answered last, and the name is looked up again (name_lookups.hpp).
//
// The first result and each change are reported.
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
    std::optional<Endpoint>
        address{};      // the address asked last, numeric; nothing: its name has none
    std::string why{};  // why it is not alive; empty when it is

    friend bool operator==(const Result&, const Result&) = default;
  };
  using Report = std::function<void(const Result&)>;

  TargetProbe(Endpoint target, TargetCheck check, Report report);
  ~TargetProbe();
  TargetProbe(const TargetProbe&) = delete;
  TargetProbe& operator=(const TargetProbe&) = delete;

  // Uses this check from now on. Any thread.
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
  std::thread thread_;  // declared last: it uses the others
};

}  // namespace tandem
