// packet_socket.hpp: sends raw Ethernet frames, and receives other hosts' ARP claims to our
// addresses (packet(7)).
//
// The kernel passes it only ARP packets whose sender has one of the addresses, so that a busy
// network costs nothing. IPv6 claims are not watched.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "common/base/result.hpp"
#include "master/vip/announcement.hpp"

namespace tandem::master {

// Another host has claimed the address.
struct AddressClaim {
  unsigned interface = 0;
  std::array<std::uint8_t, 4> address{};
  MacAddress by{};
};

class PacketSocket {
 public:
  // Errors: `invalid` without CAP_NET_RAW; else `io`.
  static Result<PacketSocket> open(const std::vector<VipSpec>& vips);
  ~PacketSocket();
  PacketSocket(PacketSocket&& other) noexcept;
  PacketSocket& operator=(PacketSocket&&) = delete;

  int descriptor() const { return socket_; }
  // Returns 0 or errno.
  int send(const Frame& frame, unsigned interface);
  // The claims since the last call, without waiting.
  std::vector<AddressClaim> take_claims();

 private:
  explicit PacketSocket(int socket) : socket_(socket) {}
  int socket_ = -1;
};

}  // namespace tandem::master
