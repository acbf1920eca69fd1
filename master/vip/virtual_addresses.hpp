// virtual_addresses.hpp: the addresses that clients use (--vip): this host has them while this
// master leads and may serve, and at no other time.
//
// A thread of its own puts them when the serving gate opens, announces them at once and again a few
// times, and removes them when the gate shuts, or a margin before the lease ends, whatever the
// other threads are doing. A process that is frozen or killed removes nothing: so the kernel is
// told to do it (limits::vip_lifetime), and until then the announcements of the next primary are
// the later word. When it wakes, the first thing that it does is to look at the gate, before it
// announces.
//
// Always: an address is put, renewed and announced only while the gate was open just before by the
// real clock. Whoever leads takes it without asking whether it is free: after a crash the host of
// the former primary has it still. That somebody else goes on claiming it is noticed and said.
#pragma once

#include <condition_variable>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/base/mutex.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/wire/status.hpp"
#include "master/registry/serving_gate.hpp"
#include "master/vip/packet_socket.hpp"
#include "master/vip/rtnetlink.hpp"
#include "master/vip/vip_spec.hpp"

namespace tandem::master {

struct VirtualAddressesOptions {
  std::vector<VipSpec> vips;  // one at least
  Duration margin{0};         // removed so long before the lease ends
};

class VirtualAddresses {
 public:
  // Removes what an earlier process has left, and starts the thread. `gate` outlives it.
  // Errors: `invalid`, naming the flag: a capability is missing, there is no such interface, or the
  // address was put by others.
  static Result<std::unique_ptr<VirtualAddresses>> open(VirtualAddressesOptions options,
                                                        const ServingGate& gate);
  // Gives them up.
  ~VirtualAddresses();
  VirtualAddresses(const VirtualAddresses&) = delete;
  VirtualAddresses& operator=(const VirtualAddresses&) = delete;

  // ---- any thread
  // Clients are served: the addresses are taken whenever the gate is open.
  void serve();
  // The gate has been opened, or shut: then it returns once the addresses are gone,
  // limits::vip_removal_wait at most, so that no successor hears before that it may lead.
  void look_at_gate();
  // Gives them up for good, as quickly.
  void end();
  std::vector<wire::VipStatus> status() const;

 private:
  struct Place;
  enum class Wish { none, serve, end };

  VirtualAddresses(VirtualAddressesOptions options, const ServingGate& gate, Rtnetlink kernel,
                   AddressEvents events, PacketSocket packets);
  void wake();
  void await_removal();

  // On the thread:
  void run();
  bool may_hold(Instant now) const;
  void take(Instant now);
  void give_up();
  void renew(Instant now);
  void put(Place& place, Instant now);
  void announce_due(Instant now);
  void announce(const Place& place);
  void take_events(Instant now);
  void note_claims(Instant now);
  void note_problem(Place& place, std::string problem);
  Instant due(Instant now) const;
  void wait_until(Instant due);
  void publish();

  const VirtualAddressesOptions options_;
  const ServingGate& gate_;
  Rtnetlink kernel_;
  AddressEvents events_;
  PacketSocket packets_;
  const int wake_;   // an eventfd
  const int timer_;  // a timerfd
  std::vector<Place> places_;
  Instant renewal_ = Instant::never();  // the last one

  mutable Mutex mutex_;  // guards what follows
  std::condition_variable removed_;
  Wish wish_ TANDEM_GUARDED_BY(mutex_) = Wish::none;
  bool stopping_ TANDEM_GUARDED_BY(mutex_) = false;
  bool holds_ = false;  // the addresses may be on this host; the thread alone writes it, locked
  std::vector<wire::VipStatus> status_ TANDEM_GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace tandem::master
