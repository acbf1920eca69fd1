#include "master/vip/virtual_addresses.hpp"

#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "master/vip/limits.hpp"

namespace tandem::master {

namespace {

// The times of the announcements after an address was taken. A frame may be lost. The last one
// comes when the kernel of a frozen former primary, which still answers ARP requests, has removed
// the address: from then on no other host should have it, so others are probed for.
constexpr Duration announced_after[] = {0ms, 100ms, 1s, 5s};
constexpr Duration claim_remembered = 60s;

constexpr std::string_view needs =
    "--vip needs CAP_NET_ADMIN, to put the address, and CAP_NET_RAW, to announce it: run as root, "
    "or give these two to the program (AmbientCapabilities= of systemd, setcap)";

std::string mac_text(const MacAddress& mac) {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3],
                     mac[4], mac[5]);
}

std::string name_of(unsigned interface) {
  char name[IF_NAMESIZE] = {};
  return ::if_indextoname(interface, name) == nullptr ? std::string("?") : std::string(name);
}

Error refusal(const VipSpec& vip, const std::string& why) {
  return invalid(fmt::format("--vip {}: {}", vip.to_string(), why), "--vip");
}

Result<PacketSocket> open_packets(const std::vector<VipSpec>& vips) {
  auto packets = PacketSocket::open(vips);
  if (packets) return packets;
  if (packets.error().code == ErrorCode::invalid) return invalid(std::string(needs), "--vip");
  return fail(ErrorCode::io, "--vip: " + packets.error().message, "--vip");
}

// Where the address is, from an earlier process of ours, or else where it belongs.
Result<std::vector<FoundAddress>> places_of(Rtnetlink& kernel, const VipSpec& vip) {
  const auto interface = find_interface(vip.interface);
  if (!interface) {
    return refusal(
        vip, fmt::format("there is no interface {}, but {}", vip.interface, interface_names()));
  }
  auto found = kernel.find(vip);
  if (!found) return found.error();
  for (const auto& each : *found) {
    if (each.ours) continue;
    return refusal(vip,
                   fmt::format("{} has that address already, and not from tandem-master, so it "
                               "would never move; remove it there, or choose another",
                               name_of(each.interface)));
  }
  if (found->empty()) found->push_back({.interface = interface->index, .ours = true});
  return found;
}

// Removes what an earlier process of ours has left, which also shows whether this process has the
// permission.
Result<> clear(Rtnetlink& kernel, const VipSpec& vip) {
  const auto places = places_of(kernel, vip);
  if (!places) return places.error();
  for (const auto& each : *places) {
    const int error = kernel.remove(vip, each.interface);
    if (error == EPERM || error == EACCES) return invalid(std::string(needs), "--vip");
    if (error == 0) log::info("left-over address removed vip={}", vip.to_string());
  }
  if (const auto interface = find_interface(vip.interface); interface && !interface->mac) {
    log::warn("address will not be announced vip={} reason=\"no Ethernet\"", vip.to_string());
  }
  return {};
}

}  // namespace

struct VirtualAddresses::Place {
  VipSpec spec;
  unsigned interface = 0;         // where it was last added
  std::optional<MacAddress> mac;  // of that
  bool up = false;                // that was
  bool there = false;             // as far as is known
  Instant taken;
  std::size_t announced = 0;                 // how often since then
  Instant put_back = Instant::never();       // when that was last necessary
  Instant claimed_until = Instant::never();  // by another host
  std::string problem;
};

Result<> VirtualAddresses::check(const std::vector<VipSpec>& vips) {
  auto kernel = Rtnetlink::open();
  if (!kernel) return kernel.error();
  if (const auto packets = open_packets(vips); !packets) return packets.error();
  for (const auto& vip : vips) {
    if (const auto places = places_of(*kernel, vip); !places) return places.error();
  }
  return {};
}

Result<std::unique_ptr<VirtualAddresses>> VirtualAddresses::open(VirtualAddressesOptions options,
                                                                 const ServingGate& gate) {
  TANDEM_ASSERT(!options.vips.empty());
  auto kernel = Rtnetlink::open();
  if (!kernel) return kernel.error();
  auto events = AddressEvents::open();
  if (!events) return events.error();
  auto packets = open_packets(options.vips);
  if (!packets) return packets.error();
  for (const auto& vip : options.vips) {
    if (auto cleared = clear(*kernel, vip); !cleared) return cleared.error();
  }
  return std::unique_ptr<VirtualAddresses>(new VirtualAddresses(
      std::move(options), gate, std::move(*kernel), std::move(*events), std::move(*packets)));
}

VirtualAddresses::VirtualAddresses(VirtualAddressesOptions options, const ServingGate& gate,
                                   Rtnetlink kernel, AddressEvents events, PacketSocket packets)
    : options_(std::move(options)),
      gate_(gate),
      kernel_(std::move(kernel)),
      events_(std::move(events)),
      packets_(std::move(packets)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      timer_(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)) {
  TANDEM_ASSERT(wake_ >= 0 && timer_ >= 0);
  for (const auto& spec : options_.vips) places_.emplace_back().spec = spec;
  publish();
  thread_ = std::thread([this] { run(); });
}

VirtualAddresses::~VirtualAddresses() {
  {
    const Lock lock(mutex_);
    stopping_ = true;
  }
  wake();
  thread_.join();
  ::close(wake_);
  ::close(timer_);
}

void VirtualAddresses::wake() { ::eventfd_write(wake_, 1); }

void VirtualAddresses::await_removal() {
  Lock lock(mutex_);
  removed_.wait_for(lock.native(), limits::vip_removal_wait, [this] { return !holds_; });
}

void VirtualAddresses::serve() {
  {
    const Lock lock(mutex_);
    if (wish_ == Wish::none) wish_ = Wish::serve;
  }
  wake();
}

void VirtualAddresses::look_at_gate() {
  wake();
  if (!gate_.open_at(now())) await_removal();
}

void VirtualAddresses::end() {
  {
    const Lock lock(mutex_);
    wish_ = Wish::end;
  }
  wake();
  await_removal();
}

std::vector<wire::VipStatus> VirtualAddresses::status() const {
  const Lock lock(mutex_);
  return status_;
}

// ---- the thread

void VirtualAddresses::run() {
  pthread_setname_np(pthread_self(), "vip");
  for (;;) {
    auto instant = now();
    const bool holds = holds_;  // only this thread writes it
    if (!may_hold(instant)) {
      if (holds) give_up();
      take_events(instant);
      const Lock lock(mutex_);
      if (stopping_) return;
    } else if (!holds) {
      take(instant);
    } else {
      take_events(instant);
      note_claims(instant);
      if (instant >= renewal_ + limits::vip_renewal) renew(instant);
      announce_due(instant);
    }
    instant = now();
    if (may_hold(instant) == holds_) wait_until(due(instant));
  }
}

bool VirtualAddresses::may_hold(Instant now) const {
  if (now + options_.margin >= gate_.serve_until()) return false;
  const Lock lock(mutex_);
  return wish_ == Wish::serve && !stopping_;
}

void VirtualAddresses::take(Instant instant) {
  {
    const Lock lock(mutex_);
    holds_ = true;  // set before reading the gate: whoever shuts it waits from here on
  }
  for (auto& place : places_) {
    place.taken = instant;
    place.announced = 0;
    place.there = false;
    place.put_back = place.claimed_until = Instant::never();
    if (may_hold(now())) put(place, instant);
  }
  renewal_ = instant;
  announce_due(instant);
  const auto term = gate_.open_at(now());
  for (const auto& place : places_) {
    if (place.there && term) {
      log::info("address taken vip={} term={}", place.spec.to_string(), *term);
    }
  }
  publish();
}

void VirtualAddresses::give_up() {
  std::vector<int> errors;
  for (auto& place : places_) {
    errors.push_back(place.interface == 0 ? 0 : kernel_.remove(place.spec, place.interface));
  }
  {
    const Lock lock(mutex_);
    holds_ = false;
  }
  removed_.notify_all();
  events_.take();  // of this removal
  for (std::size_t i = 0; i < places_.size(); ++i) {
    auto& place = places_[i];
    const bool gone = errors[i] == 0 || errors[i] == EADDRNOTAVAIL || errors[i] == ENODEV;
    if (gone && place.there) log::info("address given up vip={}", place.spec.to_string());
    if (!gone) {
      log::error("address cannot be removed, it lapses by itself vip={} reason=\"{}\"",
                 place.spec.to_string(), std::strerror(errors[i]));
    }
    place.there = false;
    place.problem.clear();
  }
  publish();
}

void VirtualAddresses::renew(Instant instant) {
  renewal_ = instant;
  for (auto& place : places_) {
    if (may_hold(now())) put(place, instant);
  }
  publish();
}

// Adds or renews it. An interface that was removed has another number when it returns.
void VirtualAddresses::put(Place& place, Instant instant) {
  const auto interface = find_interface(place.spec.interface);
  if (!interface) {
    place.there = false;
    return note_problem(place, fmt::format("there is no interface {}", place.spec.interface));
  }
  const int error = kernel_.put(place.spec, interface->index, limits::vip_lifetime);
  const bool is_news = !place.there || place.mac != interface->mac || (interface->up && !place.up);
  place.interface = interface->index;
  place.mac = interface->mac;
  place.up = interface->up;
  place.there = error == 0;
  if (error != 0) return note_problem(place, std::strerror(error));
  if (is_news && place.announced > 0) {
    place.taken = instant;
    place.announced = 0;
  }
  if (!place.up) return note_problem(place, "the interface is down");
  const bool claimed = instant < place.claimed_until;
  if (!claimed) note_problem(place, {});
}

void VirtualAddresses::note_problem(Place& place, std::string problem) {
  if (place.problem == problem) return;
  if (!problem.empty()) {
    log::warn("address trouble vip={} reason=\"{}\"", place.spec.to_string(), problem);
  }
  place.problem = std::move(problem);
}

void VirtualAddresses::announce_due(Instant instant) {
  for (auto& place : places_) {
    if (!place.there || place.announced >= std::size(announced_after)) continue;
    if (instant < place.taken + announced_after[place.announced]) continue;
    ++place.announced;
    announce(place);
  }
}

// The last announcement also probes for other hosts.
void VirtualAddresses::announce(const Place& place) {
  if (!place.mac) return;
  for (const auto& frame : announcements(place.spec, *place.mac)) {
    if (!may_hold(now())) return;
    const int error = packets_.send(frame, place.interface);
    if (error != 0) {
      log::warn("address cannot be announced vip={} reason=\"{}\"", place.spec.to_string(),
                std::strerror(error));
    }
  }
  if (place.announced == std::size(announced_after) && !place.spec.v6) {
    packets_.send(arp_probe(place.spec, *place.mac), place.interface);
  }
}

// An address that somebody else has removed is added again, but only once per renewal, so that this
// host does not fight with whoever removes it.
void VirtualAddresses::take_events(Instant instant) {
  for (const auto& event : events_.take()) {
    for (auto& place : places_) {
      using Kind = AddressEvents::Event::Kind;
      const bool concerned = event.kind == Kind::lost || event.interface == place.interface ||
                             (event.kind == Kind::interface_changed && !place.there);
      if (!holds_ || !concerned) continue;
      if (event.kind != Kind::address_removed) {
        renewal_ = std::min(renewal_, instant - limits::vip_renewal);
        continue;
      }
      if (event.v6 != place.spec.v6 || event.address != place.spec.bytes || !place.there) continue;
      place.there = false;
      log::warn("address was removed by somebody else, it is added again vip={}",
                place.spec.to_string());
      if (place.put_back > instant - limits::vip_renewal) continue;
      place.put_back = instant;
      if (may_hold(now())) put(place, instant);
    }
  }
}

void VirtualAddresses::note_claims(Instant instant) {
  for (const auto& claim : packets_.take_claims()) {
    for (auto& place : places_) {
      const auto& bytes = place.spec.bytes;
      const bool meant = !place.spec.v6 && claim.interface == place.interface && place.there &&
                         std::equal(claim.address.begin(), claim.address.end(), bytes.begin());
      if (!meant || claim.by == place.mac || place.announced < std::size(announced_after)) continue;
      place.claimed_until = instant + claim_remembered;
      note_problem(place, fmt::format("another host has it too, {}", mac_text(claim.by)));
    }
  }
}

Instant VirtualAddresses::due(Instant instant) const {
  if (!holds_) return Instant::forever();
  auto due = renewal_ + limits::vip_renewal;
  for (const auto& place : places_) {
    if (!place.there || place.announced >= std::size(announced_after)) continue;
    due = std::min(due, place.taken + announced_after[place.announced]);
  }
  const auto until = gate_.serve_until();
  if (until != Instant::forever() && until != Instant::never()) {
    due = std::min(due, until - options_.margin);
  }
  return std::max(due, instant);
}

// The clock continues while the machine is suspended, so deadlines that passed meanwhile are
// noticed at once.
void VirtualAddresses::wait_until(Instant due) {
  itimerspec when{};
  if (due != Instant::forever()) {
    const auto ns = std::max<std::int64_t>(due.since_boot().count(), 1);
    when.it_value = {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
  }
  ::timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr);
  pollfd waits[] = {{wake_, POLLIN, 0},
                    {timer_, POLLIN, 0},
                    {events_.descriptor(), POLLIN, 0},
                    {packets_.descriptor(), POLLIN, 0}};
  if (::poll(waits, std::size(waits), -1) < 0) return;
  eventfd_t count = 0;
  if (waits[0].revents != 0) ::eventfd_read(wake_, &count);
  // Nothing else reads the claims while no address is held.
  if (!holds_) packets_.take_claims();
}

void VirtualAddresses::publish() {
  std::vector<wire::VipStatus> next;
  for (const auto& place : places_) {
    next.push_back({.address = fmt::format("{}/{}", place.spec.address(), place.spec.prefix_bits),
                    .interface = place.spec.interface,
                    .held = place.there,
                    .problem = place.problem});
  }
  const Lock lock(mutex_);
  status_ = std::move(next);
}

}  // namespace tandem::master
