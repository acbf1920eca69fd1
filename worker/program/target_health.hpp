// target_health.hpp: the verdict of the probes of a target.
//
// A target that refuses connections is dead, and fails at once. Other bad probes are counted: it
// fails after a number of them in a row. A target that accepts connections but does not answer in
// time is probably busy, like a single-threaded service with one slow request; it fails only if it
// has not answered for limits::target_busy_max either.
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
  wire::CheckKind kind{};
  // That a GET is sent in: the target's own, or its service's.
  std::optional<wire::WorkerProtocol> own_protocol{};
  wire::WorkerProtocol protocol = wire::WorkerProtocol::http1;
  std::string path = "/health";                        // GET
  Duration interval = 1s;                              // between two probes
  Duration timeout = 1s;                               // of a probe as a whole
  unsigned healthy = 1;                                // good ones in a row until it is alive
  unsigned unhealthy = limits::missed_heartbeats_max;  // bad ones in a row until it is failing
  std::optional<wire::ExpectedStatuses> statuses{};    // unset: all below 500
  bool announced = false;  // it wants to hear first whose connection it is

  // A copy in which the check settings that are set in `settings` replace these. What the target
  // itself speaks goes before their protocol.
  TargetCheck overlaid(const wire::ServiceSettings& settings) const;
  bool is_in_http2() const {
    return kind.is_grpc || own_protocol.value_or(protocol) == wire::WorkerProtocol::http2;
  }
  bool expects(unsigned status) const {
    return statuses ? statuses->contains(status) : status >= 100 && status < 500;
  }
  friend bool operator==(const TargetCheck&, const TargetCheck&) = default;
};

enum class Probed {
  good,
  bad,      // another answer, none at all, or no way to the machine
  refused,  // no process listens there
  silent,   // accepted, but not answered in time
};

class TargetHealth {
 public:
  // It begins as failing, at `since`.
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
