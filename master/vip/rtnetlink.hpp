// rtnetlink.hpp: the addresses of this host's interfaces, as the kernel keeps them: put, removed,
// listed, and watched (rtnetlink(7)).
//
// An address of ours is put with a lifetime after which the kernel removes it, and deprecated from
// the beginning: so what a process that was killed has left can be told from what the operator has
// put, and the host's own connections go on having other addresses of the network.
//
// Owner: one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "master/vip/announcement.hpp"
#include "master/vip/vip_spec.hpp"

struct nlmsghdr;

namespace tandem::master {

struct Interface {
  unsigned index = 0;
  std::optional<MacAddress> mac;  // empty: no Ethernet, there is nobody to announce anything to
  bool up = false;                // and has a carrier
};
// By name, in this thread's network namespace; empty when there is none.
std::optional<Interface> find_interface(const std::string& name);
// Their names, for a sentence.
std::string interface_names();

// Where an address is.
struct FoundAddress {
  unsigned interface = 0;
  bool ours = false;  // it was put by put(), by this process or another one
};

class Rtnetlink {
 public:
  // Errors: `io`.
  static Result<Rtnetlink> open();
  ~Rtnetlink();
  Rtnetlink(Rtnetlink&& other) noexcept;
  Rtnetlink& operator=(Rtnetlink&& other) noexcept;

  // Each returns 0 or the errno of the kernel's refusal.
  // Puts the address, or renews its lifetime when it is there.
  int put(const VipSpec& vip, unsigned interface, std::chrono::seconds lifetime);
  // EADDRNOTAVAIL: it is not there.
  int remove(const VipSpec& vip, unsigned interface);

  // Every interface that has the address, with any length of its network.
  Result<std::vector<FoundAddress>> find(const VipSpec& vip);

 private:
  explicit Rtnetlink(int socket) : socket_(socket) {}
  int transact(std::vector<std::uint8_t>& request);
  int send(std::vector<std::uint8_t>& request);
  int await_end(const std::function<void(const nlmsghdr*)>& each);

  int socket_ = -1;
  std::uint32_t sequence_ = 0;
};

// What happens to addresses and interfaces.
class AddressEvents {
 public:
  struct Event {
    enum class Kind {
      address_removed,    // `address` of `interface`
      interface_changed,  // `interface` is there now, is up or down, or has another MAC address
      lost,               // some events were: anything may have happened
    };
    Kind kind;
    unsigned interface = 0;
    bool v6 = false;
    std::array<std::uint8_t, 16> address{};
  };

  static Result<AddressEvents> open();
  ~AddressEvents();
  AddressEvents(AddressEvents&& other) noexcept;
  AddressEvents& operator=(AddressEvents&&) = delete;

  int descriptor() const { return socket_; }
  // What has happened since; without waiting.
  std::vector<Event> take();

 private:
  explicit AddressEvents(int socket) : socket_(socket) {}
  int socket_ = -1;
};

}  // namespace tandem::master
