// rtnetlink.hpp: adds, removes, lists and watches the addresses of this host's interfaces in the
// kernel (rtnetlink(7)).
//
// Our addresses are added with a lifetime, after which the kernel removes them, and as deprecated.
// So an address that a killed process has left can be told from one that the operator has added,
// and the host's own connections keep using other addresses of the network.
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
  std::optional<MacAddress> mac;  // empty: not Ethernet, so there is nothing to announce
  bool up = false;                // and has a carrier
};
// By name, in this thread's network namespace; empty when there is none.
std::optional<Interface> find_interface(const std::string& name);
// The names of all interfaces, for an error message.
std::string interface_names();

// Where an address is.
struct FoundAddress {
  unsigned interface = 0;
  bool ours = false;  // it was added by put(), in this process or another one
};

class Rtnetlink {
 public:
  // Errors: `io`.
  static Result<Rtnetlink> open();
  ~Rtnetlink();
  Rtnetlink(Rtnetlink&& other) noexcept;
  Rtnetlink& operator=(Rtnetlink&& other) noexcept;

  // Each returns 0 or the errno of the kernel's refusal. Adds the address, or renews its lifetime
  // if it is there.
  int put(const VipSpec& vip, unsigned interface, std::chrono::seconds lifetime);
  // EADDRNOTAVAIL: it is not there.
  int remove(const VipSpec& vip, unsigned interface);

  // All interfaces that have the address, with any prefix length.
  Result<std::vector<FoundAddress>> find(const VipSpec& vip);

 private:
  explicit Rtnetlink(int socket) : socket_(socket) {}
  int transact(std::vector<std::uint8_t>& request);
  int send(std::vector<std::uint8_t>& request);
  int await_end(const std::function<void(const nlmsghdr*)>& each);

  int socket_ = -1;
  std::uint32_t sequence_ = 0;
};

// Reports changes of addresses and interfaces.
class AddressEvents {
 public:
  struct Event {
    enum class Kind {
      address_removed,    // `address` of `interface`
      interface_changed,  // `interface` is there now, is up or down, or has another MAC address
      lost,               // some events were lost: anything may have happened
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
  // The events since the last call, without waiting.
  std::vector<Event> take();

 private:
  explicit AddressEvents(int socket) : socket_(socket) {}
  int socket_ = -1;
};

}  // namespace tandem::master
