// health_check.hpp: how the workers of a service are probed, according to its settings.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "common/base/time.hpp"
#include "common/wire/limits.hpp"
#include "common/wire/service_settings.hpp"
#include "master/registry/failure_kind.hpp"

namespace tandem::master {

struct HealthCheck {
  wire::CheckKind kind{};
  std::string path = "/health";  // GET
  Duration interval{};           // between two probes of a worker, give or take a tenth
  Duration timeout{};            // of a probe as a whole
  unsigned healthy = 1;          // good ones in a row before it gets traffic
  unsigned unhealthy = limits::missed_heartbeats_max;  // bad ones in a row until it is down
  std::optional<wire::ExpectedStatuses> statuses{};    // unset: all below 500
  bool workers = false;  // Tandem workers too, besides those that do not heartbeat

  // `heartbeat_interval`: the defaults of unset settings follow from it.
  static HealthCheck of(const wire::ServiceSettings& settings, Duration heartbeat_interval);

  bool expects(unsigned status) const {
    return statuses ? statuses->contains(status) : status >= 100 && status < 500;
  }
  friend bool operator==(const HealthCheck&, const HealthCheck&) = default;
};

// Why a probe failed.
struct ProbeFailure {
  FailureKind kind;
  unsigned status = 0;  // the status of the answer, if `unhealthy`; 0: the answer is not HTTP
  std::string why{};    // says it better; empty: nothing does

  ProbeFailure(FailureKind failure, unsigned answered = 0) : kind(failure), status(answered) {}
  ProbeFailure(FailureKind failure, std::string reason) : kind(failure), why(std::move(reason)) {}
  // "status 503"
  std::string to_string() const;
};

// The last probes of a worker and their verdict. A worker that is not probed passes.
class CheckResults {
 public:
  static CheckResults unproven() { return CheckResults(false); }
  static CheckResults passing() { return CheckResults(true); }

  // So many in a row make it pass / fail.
  void good(unsigned needed);
  void bad(unsigned allowed);
  bool pass() const { return passes_; }
  // It has passed at some time.
  bool proven() const { return proven_; }
  unsigned good_in_a_row() const { return good_; }

 private:
  explicit CheckResults(bool passes) : passes_(passes), proven_(passes) {}

  unsigned good_ = 0;
  unsigned bad_ = 0;
  bool passes_;
  bool proven_;
};

}  // namespace tandem::master
