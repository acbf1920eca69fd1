// policy.hpp: choosing a worker: the interface that every balancing policy implements.
//
// Each forwarding loop has a policy object of its own for each service, so a policy needs no lock;
// what loops should know of each other (how busy a worker is) it reads from WorkerCounters. A
// policy does not judge health: it is asked to choose among those that `usable` admits at this
// moment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "common/base/result.hpp"
#include "master/registry/snapshot.hpp"

namespace tandem::master {

// A reference to a callable bool(std::size_t index), valid during the call it is passed to.
class Usable {
 public:
  template <class Predicate>
  Usable(const Predicate& predicate)  // NOLINT: made at call sites from lambdas
      : object_(&predicate), call_([](const void* object, std::size_t index) {
          return (*static_cast<const Predicate*>(object))(index);
        }) {}
  bool operator()(std::size_t index) const { return call_(object_, index); }

 private:
  const void* object_;
  bool (*call_)(const void*, std::size_t);
};

class Policy {
 public:
  virtual ~Policy() = default;

  // The set to choose from, from now on; indices in pick() are places in service.workers. What is
  // known of workers that stay is kept.
  virtual void update(const SnapshotService& service) = 0;

  // The worker for the next request, or nothing when no usable one is left.
  virtual std::optional<std::size_t> pick(Usable usable) = 0;
};

enum class PolicyName { round_robin, least_connections };

// "round_robin", "least_connections". Errors: `invalid`, naming `field` and the names there are.
Result<PolicyName> parse_policy(std::string_view text, std::string_view field);
const char* to_string(PolicyName name);

// `seed` differs from loop to loop, so that the loops do not all begin with the same worker.
std::unique_ptr<Policy> make_policy(PolicyName name, std::uint64_t seed);

}  // namespace tandem::master
