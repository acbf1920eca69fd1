// agent.hpp: the part of a Consul agent that services register with and report to: the writing
// half of /v1/agent, the registrations behind it, and their file in the data directory.
//
// A change is answered when it is on this master's disk, if it has a data directory, and the other
// masters that can be reached know of it; a report, as soon as it is taken. So a service need know
// one master alone, any of them, and another one after that has died.
//
// Owner: the control loop's thread; the file is written on a thread of its own.
#pragma once

#include <functional>
#include <set>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "common/http/http_call.hpp"
#include "master/control/access_control.hpp"
#include "master/control/api_router.hpp"
#include "master/control/discovery/blocking_queries.hpp"
#include "master/control/discovery/registered_workers.hpp"
#include "master/control/discovery/registration_sharing.hpp"
#include "master/control/discovery/registrations.hpp"
#include "master/control/own_addresses.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

class Agent {
 public:
  // All outlive it.
  struct Sources {
    boost::asio::io_context& loop;
    boost::asio::thread_pool& disk;  // blocks
    HttpCalls& calls;
    Registry& registry;
    AccessControl& access;
    const OwnAddresses& own_addresses;
    BlockingQueries& queries;
    std::string node;
    std::string data_dir;  // empty: nothing is kept
    std::function<std::map<std::string, Endpoint>()> others;
    std::function<std::string()> token;  // that is presented to other masters
    std::function<bool()> leads;
    std::function<std::string()> primary;  // its control address; empty: there is none
  };

  explicit Agent(Sources sources);

  // Reads what was kept. Before the loop runs.
  void open(Instant now);
  void route(ApiRouter& router);
  // Called every tick of the registry.
  void tick(Instant now);
  void stop();

  const Registrations& registrations() const { return registrations_; }

 private:
  using Answer = boost::asio::awaitable<ControlResponse>;

  Answer register_service(const ControlRequest& request, std::string query);
  Answer deregister_service(const ControlRequest& request, std::string id);
  Answer register_check(const ControlRequest& request);
  Answer deregister_check(const ControlRequest& request, std::string id);
  ControlResponse report(const ControlRequest& request, std::string_view id, CheckStatus status,
                         std::string output);
  ControlResponse update(const ControlRequest& request, std::string_view id);

  void route_writing(ApiRouter& router);
  void route_reading(ApiRouter& router);
  std::string owner_of(const ControlRequest& request) const;
  std::optional<ControlResponse> refuse_place(const ControlRequest& request,
                                              const Registration& made);
  // The registration was changed here: answers when that is kept and shared.
  Answer changed(std::string id);
  void note_change();
  void drop_overdue(Instant now);

  boost::asio::awaitable<void> kept();
  void keep_soon();
  boost::asio::awaitable<void> keep();

  const Sources sources_;
  Registrations registrations_;
  RegisteredWorkers workers_;
  RegistrationSharing sharing_;
  // Of the file: versions of the registrations.
  std::uint64_t version_kept_ = 0;
  bool is_keeping_ = false;
  bool could_keep_ = true;
  std::chrono::steady_clock::time_point keep_not_before_{};
  std::set<boost::asio::steady_timer*> waiting_;
  std::uint64_t version_told_ = 0;  // to those who wait for news
  Instant second_ = Instant::never();
  bool stopped_ = false;
};

}  // namespace tandem::master
