// policy.hpp: choosing a worker: the interface that every balancing policy implements.
//
// Each forwarding loop has a policy object of its own for each service, so a policy needs no lock;
// what loops should know of each other (how busy a worker is) it reads from WorkerCounters. A
// policy does not judge health: it is asked to choose among those that `usable` admits at this
// moment.
//
// A worker is spoken of by its place: its index in the candidates of the last update(). Owner: the
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
  Instant now{};       // a tick behind the clock at most
};

// The requests that a worker has in flight: of all loops, and of others as far as it says so.
inline std::uint32_t load_of(const WorkerCounters& counters) {
  return counters.in_flight.load(std::memory_order_relaxed) +
         counters.in_flight_elsewhere.load(std::memory_order_relaxed);
}

// How a request ended, for policies that learn from it.
enum class Experience { good, bad };

class Policy {
 public:
  virtual ~Policy() = default;

  // The set to choose from, from now on. What is known of workers that stay is kept.
  virtual void update(std::span<const Candidate> candidates) = 0;

  // The worker for the next request, or nothing when no usable one is left. Each policy says what
  // that costs while most are usable; looking at all of them is the last resort.
  virtual std::optional<std::size_t> pick(const Selection& selection) = 0;

  // A request of the worker at `place` has begun, and has ended, however it did. The WorkerCounters
  // are up to date already.
  virtual void began(std::size_t) {}
  virtual void ended(std::size_t) {}

  // It took `latency` until the worker began to answer (good), failed, or said 5xx (bad). Called
  // only for policies that learn. `now`: the clock.
  virtual bool learns() const { return false; }
  virtual void learn(std::size_t, Experience, Duration /*latency*/, Instant /*now*/) {}
};

// How often a policy draws a random worker before it looks at all of them: with half of the workers
// unusable, one pick in 256 does.
inline constexpr int draws_max = 8;

}  // namespace tandem::master
