// target_health.hpp: what the probes of a target add up to.
//
// A target that refuses connections is dead: failing at once. Other bad probes count: it is failing
// after so many in a row. A target that accepts connections and does not answer in time is probably
// busy, as a single-threaded service is with one slow request; it is failing only when it has not
// answered for limits::target_busy_max either.
//
// Units: Instants of one clock. Owner: one thread.
#pragma once

#include <optional>
#include <string>

#include "common/base/time.hpp"
#include "common/wire/limits.hpp"
#include "common/wire/service_settings.hpp"

namespace tandem {

// How a target is probed.
struct TargetCheck {
  std::string path = "/health";                        // GET
  Duration interval = 1s;                              // between two probes
  Duration timeout = 1s;                               // of a probe as a whole
  unsigned healthy = 1;                                // good ones in a row until it is alive
  unsigned unhealthy = limits::missed_heartbeats_max;  // bad ones in a row until it is failing
  std::optional<wire::ExpectedStatuses> statuses{};    // nothing: all below 500

  // Takes what `settings` say of checks.
  TargetCheck overlaid(const wire::ServiceSettings& settings) const;
  bool expects(unsigned status) const {
    return statuses ? statuses->contains(status) : status >= 100 && status < 500;
  }
  friend bool operator==(const TargetCheck&, const TargetCheck&) = default;
};

enum class Probed {
  good,
  bad,      // another answer, none at all, or no way to the machine
  refused,  // nobody listens there
  silent,   // accepted, and not answered in time
};

class TargetHealth {
 public:
  // Begins as failing, at `since`.
  explicit TargetHealth(Instant since) : answered_(since) {}

  void note(Probed probed, const TargetCheck& check, Instant now);
  bool is_alive() const { return alive_; }

 private:
  bool alive_ = false;
  unsigned good_ = 0;  // in a row
  unsigned bad_ = 0;   // in a row
  Instant answered_;   // last
};

}  // namespace tandem
