// snapshot.hpp: the forwarding loops' view of the registry.
//
// The registry (one thread, the control loop) publishes an immutable Snapshot whenever something
// changes; each forwarding loop is posted a shared_ptr to it and reads it without a lock. What
// changes faster (how busy a worker is, that it has just refused a connection) is in
// WorkerCounters: atomics that all loops and the registry share, and the only mutable state that
// they share.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/endpoint.hpp"
#include "common/base/strong.hpp"
#include "common/base/time.hpp"
#include "common/wire/service_settings.hpp"
#include "master/registry/route_table.hpp"
#include "master/registry/worker_answers.hpp"

namespace tandem::tls {
class WorkerTls;
}

namespace tandem::master {

// Identifies a registration: a worker that comes back under its name with another incarnation or
// address gets a new one.
using WorkerId = StrongNumber<struct WorkerIdTag>;

// Relaxed atomics: each is a number of its own, no other memory is published through them.
struct WorkerCounters {
  std::atomic<std::uint32_t> in_flight{0};  // requests forwarded and not yet answered, all loops
  std::atomic<std::uint32_t> open_connections{0};  // upstream connections, all loops
  std::atomic<std::uint64_t> failures{0};          // attempts that failed here
  WorkerAnswers answers{};                         // what it has answered
  // A loop saw this worker refuse a connection: no loop picks it until the registry, on the next
  // good sign (heartbeat or probe), clears it.
  std::atomic<bool> suspect{false};
  // The alert by which it has refused TLS with this master (common/tls/handshake_alert.hpp), until
  // it accepts that; 0: it has not.
  std::atomic<unsigned> tls_alert{0};
  // A loop is testing whether it accepts connections, after one broke off.
  std::atomic<bool> tested{false};
  // The registry has not heard it for too long, or was told that it failed: it will not answer.
  std::atomic<bool> down{false};
  // The circuit breaker (balance/circuit_breaker.hpp), in nanoseconds since boot where it is a
  // time.
  std::atomic<std::uint32_t> failures_in_a_row{0};
  std::atomic<std::uint32_t> ejections{0};     // since it was last forgiven
  std::atomic<std::int64_t> ejected_at{0};     // the time of the last ejection; 0: never
  std::atomic<std::int64_t> ejected_until{0};  // from then on half open; 0: closed
  std::atomic<bool> probed{false};             // half open, and its single request is under way
  std::atomic<std::uint32_t> ejected_after{
      0};  // failures in a row that opened it; 0: other reasons
  // Outcomes of requests, counted while the service ejects by success rate.
  std::atomic<std::uint64_t> good{0};
  std::atomic<std::uint64_t> bad{0};
  // A worker of last resort has answered a request since it became one.
  std::atomic<bool> vouched{false};
  // Requests that the worker reports as in flight beyond those of this master, as of its last
  // heartbeats.
  std::atomic<std::uint32_t> in_flight_elsewhere{0};
  // A loop with less than its share of connections waits for one: a loop that has more than its
  // share gives one back instead of keeping it.
  std::atomic<bool> place_wanted{false};
};

// What one of several masters that serve may use of a limit that counts for all of them; 0: none.
inline unsigned share_of(unsigned limit, unsigned sharers) {
  return limit == 0 ? 0 : std::max(1u, limit / std::max(1u, sharers));
}

struct SnapshotWorker {
  WorkerId id;
  std::string name;
  std::string service;
  Endpoint address;          // numeric
  unsigned weight = 0;       // 0: no traffic
  unsigned connections = 0;  // how many it accepts from this master, from all loops together
  std::optional<wire::WorkerProtocol> protocol{};  // that it says it speaks; else its service's
  std::string
      term_key{};        // proves the term to it (term_proof.hpp); empty: it is sent no Tandem-Term
  std::string cookie{};  // the value of the sticky cookie that stands for it; empty: none yet
  std::shared_ptr<WorkerCounters> counters;  // never null
  // It is unhealthy, and so is most of its service: it is used when no better worker is left.
  bool last_resort = false;
  bool is_discovered = false;  // read from a registry of others (--discover)
  // With this worker, by certificates of the cluster; null: as its service says.
  std::shared_ptr<const tandem::tls::WorkerTls> tls{};
};

// For a service, over all loops. Relaxed, like those above.
struct ServiceCounters {
  std::atomic<std::uint32_t> in_flight{0};  // counted while the service has a limit
  std::atomic<std::uint32_t> waiting{0};    // requests that wait for room
};

struct SnapshotService {
  std::string name;
  // Those that may get traffic: up, not draining, weight above 0; in panic also those that are
  // suspect or down. In a stable order (by name).
  std::vector<std::shared_ptr<const SnapshotWorker>> workers;
  std::shared_ptr<const wire::ServiceSettings> settings{};  // null: none; the masters' flags apply
  std::shared_ptr<ServiceCounters> counters{};  // null: the service has no limit of its own
  // When the first of its suspects may return; forever: it has none.
  Instant may_return_at = Instant::forever();
  unsigned sharers = 1;  // the masters that forward to its workers, and share its limits
  // With its workers; null: they are spoken to in clear.
  std::shared_ptr<const tandem::tls::WorkerTls> tls{};
};

struct Snapshot {
  std::uint64_t version = 0;  // grows with each publication
  // Sorted by name. A service stays listed, with no workers, as long as any worker is registered
  // for it.
  std::vector<std::shared_ptr<const SnapshotService>> services;
  RouteTablePtr routes;  // null: those of the previous snapshot
  // The name of this cluster's masters in Via; empty: it has no secret yet.
  std::string via{};
  unsigned sharers = 1;  // the masters that serve clients, and share what is allowed in all

  // The service of that name, or null.
  const SnapshotService* find(std::string_view name) const;
};

using SnapshotPtr = std::shared_ptr<const Snapshot>;

}  // namespace tandem::master
