// services.hpp: the services that one loop knows, as the last snapshot shows them, and the room at
// their workers that loops lend each other.
//
// A worker that can hold fewer connections than there are loops has a place for some of them only.
// A loop whose requests wait for one asks the others (want_room), which give back what they have
// above their share (give_room); what has become free is offered around (take_room), so that no
// request waits while another loop's place is idle.
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

// Room at the workers of a service that other loops wait for. It goes once around, back to where it
// was made, so that it wakes as many requests as it is for.
struct RoomOffer {
  std::string service;
  unsigned requests = 1;    // so many may be woken
  unsigned loops_left = 0;  // that are to see it
};

class Services {
 public:
  struct Setup {
    unsigned loop = 0;                        // whose they are
    unsigned loops = 1;                       // of this process
    ServiceOptions options{};                 // where nothing is said for a service
    std::shared_ptr<PolicyFactory> policies;  // never null
    // A request waits for a connection to a worker: the other loops are asked for what they have
    // too much of. With one loop neither is called.
    std::function<void(unsigned from_loop, const std::string& service)> ask_for_room{};
    // Room that is left goes to the next loop.
    std::function<void(unsigned from_loop, RoomOffer offer)> offer_room{};
  };

  // Both outlive it.
  Services(Reactor& reactor, DeadlineWheel& wheel, Setup setup);

  // From now on these are the services. What did not change since the last one is passed over.
  void apply(const SnapshotPtr& snapshot);
  // Null when no worker ever registered for it.
  Service* find(std::string_view name);

  // Finishes a call that ended in a clean state, and lets a waiting request have its place.
  void finish(Service& service, WorkerCallPtr call);
  // A connection's place became free without the connection.
  void room_made(Service& service);
  // Called for a request that waits in `service`: asks other loops for what they have too much of.
  void want_room(Service& service);
  // Another loop did so: closes idle connections that this loop has above its share.
  void give_room(const std::string& service);
  // Another loop did that: whoever waits here tries again.
  void take_room(RoomOffer offer);

  void close_idle_before(Instant oldest);
  // Services that nobody is registered for any more and no request is in go.
  void forget_departed();
  // The loop ends: whoever waits is refused.
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
  const Setup setup_;
  std::map<std::string, std::unique_ptr<Service>, std::less<>> services_;
  SnapshotPtr snapshot_;  // that they go by; null: none yet
  std::vector<std::string>
      departed_;  // nobody is registered for them any more, requests are in them
};

}  // namespace tandem::master
