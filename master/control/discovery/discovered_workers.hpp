// discovered_workers.hpp: makes workers of the instances that registries of others list
// (--discover), and knows how each of these sources is doing.
//
// Each master reads by itself, so that nothing of it is replicated, and a registry that is away
// concerns no master's part in the cluster. What a registry lists is believed no more than what
// registers: no address of a master, none outside of --worker-network, no link-local one, and a
// loopback one only where the registry and all masters are on this machine.
//
// Owner: the control loop's thread; it is filled before that runs.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "common/base/time.hpp"
#include "common/wire/status.hpp"
#include "master/control/own_addresses.hpp"
#include "master/discovery/source_readers.hpp"
#include "master/events/event.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

class DiscoveredWorkers {
 public:
  // All outlive it.
  struct Sources {
    boost::asio::io_context& loop;
    Registry& registry;
    const OwnAddresses& own_addresses;
    std::string data_dir;            // empty: nothing is kept
    std::function<bool()> is_alone;  // all masters are on this machine
    std::function<void(Event)> record;
  };

  explicit DiscoveredWorkers(Sources sources);

  // What is read from now on. The first time it also reads what was kept, and blocks for the disk.
  void set(const std::vector<SourceSpec>& specs, Instant now);
  // Once a second.
  void tick(Instant now);
  void stop();

  std::vector<wire::SourceStatus> status(Instant now) const;

 private:
  struct State {
    SourceSpec spec{};
    InstanceListPtr list{};  // null: none yet
    bool is_read = false;    // by this process
    bool doubted = false;
    std::string lost{};                            // why it cannot be read; empty: it can
    Instant lost_since{};                          // if it cannot
    std::vector<std::string> names{};              // of its instances that the registry was told
    std::map<std::string, std::string> refused{};  // address and reason
    std::set<std::string> said{};                  // what was said of instances
  };

  static const State* find_alike(const std::vector<State>& before,
                                 const std::vector<SourceSpec>& specs, const SourceSpec& spec);
  void took(const std::string& source, const SourceReport& report, Instant now);
  void tell(const State& state, std::string text, std::string reason);
  void list_all(Instant now);
  void list(State& state, Registry::Discovered& listed) const;
  static void say(State& state);
  Result<> check(const SourceSpec& spec, const Endpoint& address) const;

  const Sources sources_;
  std::vector<State> states_;  // in the order of the flags
  InstanceLists kept_;         // from the file, by text
  bool has_read_kept_ = false;
  bool stopped_ = false;
  std::uint64_t addresses_version_ = 0;
  SourceReaders readers_;
};

}  // namespace tandem::master
