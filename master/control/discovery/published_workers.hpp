// published_workers.hpp: says what is written into registries of others (--publish), has it taken
// away before a drain is answered, and knows how each of these registries is doing.
//
// The primary alone writes. Published are workers that get traffic and were not read from a
// registry themselves, so that no entry is kept by what was read of itself; or, with what=masters,
// where the masters serve clients, for each service that has a worker.
//
// Owner: the control loop's thread; it is filled before that runs.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "common/base/time.hpp"
#include "common/wire/status.hpp"
#include "master/events/event.hpp"
#include "master/publication/publications.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

// What of a snapshot is published as workers.
PublishedEntries published_workers(const Snapshot& snapshot);
// The same for masters, at these addresses.
PublishedEntries published_masters(const Snapshot& snapshot, const std::vector<Endpoint>& masters);

class PublishedWorkers {
 public:
  // All outlive it.
  struct Sources {
    boost::asio::io_context& loop;
    Registry& registry;
    MayPublish may_publish;                          // any thread
    std::function<PublishingMaster()> leads;         // no cluster: it does not, or not certainly
    std::function<std::vector<Endpoint>()> masters;  // where those that answer serve clients
    std::function<void(Event)> record;
  };

  explicit PublishedWorkers(Sources sources);

  // What is written from now on.
  void set(const std::vector<PublicationSpec>& specs);
  void saw(SnapshotPtr snapshot);
  // Often.
  void tick(Instant now);
  // Takes away what this master has published, unless another one keeps it.
  void stop(Publication::Entries entries);

  // The address is not that of a worker any more, or of a drained one: waits until it is gone, or
  // that is known to be in doubt, limits::withdrawal_wait at most. Returns why it may not be gone,
  // for people; empty: it is. REQUIRES: the registry knows of it.
  boost::asio::awaitable<std::string> withdraw(Endpoint address);

  std::vector<wire::PublicationStatus> status(Instant now) const;

 private:
  struct State {
    PublicationSpec spec{};
    Publisher::Held held{};
    bool is_written = false;  // since this master leads
    std::string lost{};       // why it cannot be written; empty: it can
    Instant lost_since{};     // if it cannot
    std::set<std::string> said{};
  };

  void took(const std::string& publication, const PublicationReport& report, Instant now);
  void tell(const State& state, std::string text, std::string reason);
  void say(State& state);
  Publications::WantedOf wanted() const;

  const Sources sources_;
  std::vector<State> states_;  // in the order of the flags
  SnapshotPtr snapshot_;
  std::vector<Endpoint> masters_;
  bool leads_ = false;
  bool stopped_ = false;
  std::size_t withdrawals_ = 0;
  Publications publications_;
};

}  // namespace tandem::master
