// circuit_breaker.hpp: a worker that fails repeatedly gets no requests for a while (Nygard,
// "Release It!"; Envoy calls it outlier ejection).
//
// A number of failures in a row (5xx, a time-out, a broken connection) opens the breaker: no
// requests, for a time that doubles with each opening. Then it is half open: one request at a time
// goes through, and its outcome closes the breaker or opens it again, for longer. Failures in a
// row, not a rate: one good answer between them shows that the worker can serve.
//
// The state is in the worker's WorkerCounters: what one loop has seen counts for all. Two loops
// that change it at the same time may let two requests through, or open it twice; both are
// harmless. The caller limits how many workers of a service may be out at once. Any loop's thread.
#pragma once

#include "common/base/time.hpp"
#include "master/registry/snapshot.hpp"

namespace tandem::master {

struct CircuitBreaker {
  unsigned failures_in_a_row = 5;  // that open it; 0: never
  Duration open_first = 1s;        // how long it stays open at first
  Duration open_max = 30s;         // how long it stays open at most
  // After this time without an opening, the next one is as short as the first.
  Duration forgiven_after = 60s;

  // The state of a worker's breaker; one read while it is closed.
  enum class State { closed, open, half_open };
  static State state(const WorkerCounters& counters, Instant now);
  // Whether it may be sent a request now.
  static bool admits(const WorkerCounters& counters, Instant now) {
    return counters.ejected_until.load(std::memory_order_relaxed) == 0 ||
           admits_probe(counters, now);
  }

  // A request is sent to it. True: it is the probe of a half-open breaker, and probe_ended() must
  // be called when it has ended.
  static bool begin_probe(WorkerCounters& counters, Instant now);
  static void end_probe(WorkerCounters& counters);

  // A request was answered well. True: that closed the breaker.
  static bool succeeded(WorkerCounters& counters);
  // A request failed. True: the breaker should be opened, which the caller may refuse.
  bool failed(WorkerCounters& counters, Instant now) const;
  // Opens it. Returns the length of time.
  Duration open(WorkerCounters& counters, Instant now) const;

 private:
  static bool admits_probe(const WorkerCounters& counters, Instant now);
};

}  // namespace tandem::master
