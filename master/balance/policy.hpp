// policy.hpp: choosing a worker: the interface that every balancing policy implements.
//
// Each forwarding loop has a policy object of its own for each service, so a policy needs no lock;
// what loops need to know from each other (how busy a worker is) is in WorkerCounters. A policy
// does not judge health: it chooses among the workers that `usable` admits at this moment.
//
// A worker is identified by its place: its index in the candidates of the last update(). Owner: the
// loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "common/base/time.hpp"
#include "master/registry/snapshot.hpp"

namespace tandem::master {

// A reference to a callable bool(std::size_t place), valid during the call it is passed to.
class Usable {
 public:
  template <class Predicate>
  Usable(const Predicate& predicate)  // NOLINT: made at call sites from lambdas
      : object_(&predicate), call_([](const void* object, std::size_t place) {
          return (*static_cast<const Predicate*>(object))(place);
        }) {}
  bool operator()(std::size_t place) const { return call_(object_, place); }

 private:
  const void* object_;
  bool (*call_)(const void*, std::size_t);
};

// A worker to choose from.
struct Candidate {
  WorkerId id;
  std::string_view name;   // valid during the call
  double weight = 1;       // above 0; less than full_weight while the worker starts slowly
  double full_weight = 1;  // as the operator set it
  std::shared_ptr<WorkerCounters> counters;
};

// What a worker is selected by.
struct Selection {
  Usable usable;
  std::optional<std::uint64_t> key{};  // a hash of the request's key; unset: it has none
  bool again = false;  // the request has failed at other workers, which are not usable now
  Instant now{};       // at most one tick behind the clock
};

// The requests that a worker has in flight: from all loops, and from others as far as it reports
// them.
inline std::uint32_t load_of(const WorkerCounters& counters) {
  return counters.in_flight.load(std::memory_order_relaxed) +
         counters.in_flight_elsewhere.load(std::memory_order_relaxed);
}

// How a request ended, for policies that learn from it.
enum class Experience { good, bad };

class Policy {
 public:
  virtual ~Policy() = default;

  // Sets the workers to choose from. What is known about workers that stay is kept.
  virtual void update(std::span<const Candidate> candidates) = 0;

  // The worker for the next request, or nothing when no usable one is left. Each policy states the
  // cost while most workers are usable; examining all of them is the last resort.
  virtual std::optional<std::size_t> pick(const Selection& selection) = 0;

  // A request to the worker at `place` has begun, or has ended in any way. The WorkerCounters have
  // been updated already.
  virtual void began(std::size_t) {}
  virtual void ended(std::size_t) {}

  // After `latency` the worker began to answer (good), or failed or answered 5xx (bad). Called only
  // for policies that learn. `now`: the clock.
  virtual bool learns() const { return false; }
  virtual void learn(std::size_t, Experience, Duration /*latency*/, Instant /*now*/) {}
};

// How often a policy draws a random worker before it looks at all of them: with half of the workers
// unusable, one pick in 256 does.
inline constexpr int draws_max = 8;

}  // namespace tandem::master
