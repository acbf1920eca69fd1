// services.hpp: the services that one loop knows, as the last snapshot shows them, and the room at
// their workers that loops lend each other.
//
// A worker that holds fewer connections than there are loops has places for some loops only. A loop
// whose requests wait for a place asks the others (want_room), which give back what they have above
// their share (give_room). A place that becomes free is offered to one loop after the other
// (take_room), so that no request waits while another loop's place is idle.
//
// Owner: the loop. References to a service are good while a request is in it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "master/forward/io/deadline_wheel.hpp"
#include "master/forward/workers/service.hpp"
#include "master/registry/snapshot.hpp"

namespace tandem::master {

// Room at the workers of a service, for requests of other loops. It goes around all loops once,
// back to the one that made it, and wakes as many requests as there is room for.
struct RoomOffer {
  std::string service;
  unsigned requests = 1;    // that may still be woken
  unsigned loops_left = 0;  // that have not seen it yet
};

class Services {
 public:
  struct Setup {
    unsigned loop = 0;                        // that they belong to
    unsigned loops = 1;                       // of this process
    ServiceOptions options{};                 // defaults of every service
    std::shared_ptr<PolicyFactory> policies;  // never null
    WorkerLatencies* latencies = nullptr;     // see Service::Setup
    // A request waits for a connection to a worker: asks the other loops for what they have above
    // their share. With one loop neither is called.
    std::function<void(unsigned from_loop, const std::string& service)> ask_for_room{};
    // Offers the room that is left to the next loop.
    std::function<void(unsigned from_loop, RoomOffer offer)> offer_room{};
  };

  // Both outlive it.
  Services(Reactor& reactor, DeadlineWheel& wheel, Setup setup);

  // Replaces the services. What did not change since the last snapshot is skipped.
  void apply(const SnapshotPtr& snapshot);
  // Other defaults of every service, from now on.
  void use_defaults(const ServiceOptions& defaults);
  // Null when no worker ever registered for it.
  Service* find(std::string_view name);
  // So many masters serve, and share what is allowed in all.
  unsigned sharers() const { return snapshot_ == nullptr ? 1 : snapshot_->sharers; }

  // Finishes a call that ended in a clean state, and lets a waiting request have its place.
  void finish(Service& service, WorkerCallPtr call);
  // A connection's place became free without the connection.
  void room_made(Service& service);
  // A request waits in `service`: asks the other loops for what they have above their share.
  void want_room(Service& service);
  // Another loop has asked: closes idle connections that this loop has above its share.
  void give_room(const std::string& service);
  // Another loop has offered room: waiting requests look again.
  void take_room(RoomOffer offer);

  void close_idle_before(Instant oldest);
  // Forgets services for which no worker is registered any more and which no request uses.
  void forget_departed();
  // The loop ends: every waiting request is refused.
  void refuse_all();
  void clear() { services_.clear(); }

 private:
  void adopt(const SnapshotService& shown);
  void depart(const std::string& name);
  template <class Lacks>
  void ask_others(Service& service, Lacks lacks);
  void offer_room(const std::string& service, unsigned requests);

  Reactor& reactor_;
  DeadlineWheel& wheel_;
  Setup setup_;
  std::map<std::string, std::unique_ptr<Service>, std::less<>> services_;
  SnapshotPtr snapshot_;  // the last one that was applied; null: none yet
  std::vector<std::string>
      departed_;  // no worker is registered for them any more, but requests use them
};

}  // namespace tandem::master
