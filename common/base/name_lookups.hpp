// name_lookups.hpp: the addresses of host names, looked up repeatedly on a thread of their own:
// getaddrinfo blocks, for seconds when no name server answers, and returns no TTL.
//
// A name is looked up at once and then every limits::name_lookup_interval; one that cannot be
// resolved, every limits::name_lookup_retry. A result is reported when it differs from the last one
// reported, so a known address stays in use while its name cannot be resolved.
//
// Owner: any one thread. Reports are called on the thread of the look-ups, one after the other, and
// none begins after stop() has returned. stop() never waits for a name server.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "common/base/endpoint.hpp"
#include "common/base/limits.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"

namespace tandem {

// All addresses of the endpoint's host, with its port, each once, in the order of preference (RFC
// 6724); a numeric endpoint is returned as it is. At most limits::name_addresses_max. Blocks on the
// resolver. Errors: `invalid`, when the name has no address.
Result<std::vector<Endpoint>> resolve_all(const Endpoint& endpoint);

class NameLookups {
 public:
  using Found = Result<std::vector<Endpoint>>;
  using LookUp = std::function<Found(const Endpoint&)>;
  using Report = std::function<void(const Found&)>;

  struct Intervals {
    Duration again = limits::name_lookup_interval;
    Duration retry = limits::name_lookup_retry;
  };

  NameLookups();
  // With another look-up function, for tests.
  NameLookups(LookUp look_up, Intervals intervals);
  ~NameLookups();  // stops
  NameLookups(const NameLookups&) = delete;
  NameLookups& operator=(const NameLookups&) = delete;

  using Watch = std::uint64_t;
  Watch watch(Endpoint name, Report report);
  // Looks it up no more. A report that has begun may still be under way.
  void forget(Watch watch);
  void stop();

 private:
  struct Shared;
  static void run(const std::shared_ptr<Shared>& shared);

  // Shared with the thread, which may still wait for a name server when this object ends.
  std::shared_ptr<Shared> shared_;
};

}  // namespace tandem
