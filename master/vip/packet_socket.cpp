#include "master/vip/packet_socket.hpp"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

namespace tandem::master {

namespace {

constexpr std::size_t arp_frame_bytes = 42;
constexpr std::uint32_t sender_mac_at = 22;
constexpr std::uint32_t sender_address_at = 28;
constexpr int claims_in_a_row_max = 64;  // more of them say nothing new

// Passes ARP packets whose sender has one of the IPv4 addresses.
std::vector<sock_filter> filter_for(const std::vector<VipSpec>& vips) {
  std::vector<sock_filter> filter{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, sender_address_at)};
  for (const auto& vip : vips) {
    if (vip.v6) continue;
    std::uint32_t address = 0;
    std::memcpy(&address, vip.bytes.data(), sizeof address);
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ntohl(address), 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, arp_frame_bytes));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
  return filter;
}

}  // namespace

Result<PacketSocket> PacketSocket::open(const std::vector<VipSpec>& vips) {
  const int fd = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 && errno == EPERM) return invalid("CAP_NET_RAW is missing");
  if (fd < 0) return fail(ErrorCode::io, std::strerror(errno));
  auto filter = filter_for(vips);
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  const int yes = 1;
  ::setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof yes);
  sockaddr_ll all{};
  all.sll_family = AF_PACKET;
  all.sll_protocol = htons(ETH_P_ARP);
  if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0 ||
      ::bind(fd, reinterpret_cast<const sockaddr*>(&all), sizeof all) != 0) {
    auto error = fail(ErrorCode::io, std::strerror(errno));
    ::close(fd);
    return error;
  }
  return PacketSocket(fd);
}

PacketSocket::~PacketSocket() {
  if (socket_ >= 0) ::close(socket_);
}
PacketSocket::PacketSocket(PacketSocket&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)) {}

int PacketSocket::send(const Frame& frame, unsigned interface) {
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = static_cast<int>(interface);
  to.sll_halen = ETH_ALEN;
  std::copy_n(frame.begin(), ETH_ALEN, to.sll_addr);
  to.sll_protocol = static_cast<unsigned short>(frame[12] | frame[13] << 8);  // in network order
  return ::sendto(socket_, frame.data(), frame.size(), 0, reinterpret_cast<const sockaddr*>(&to),
                  sizeof to) < 0
             ? errno
             : 0;
}

std::vector<AddressClaim> PacketSocket::take_claims() {
  std::vector<AddressClaim> claims;
  for (int i = 0; i < claims_in_a_row_max; ++i) {
    std::array<std::uint8_t, arp_frame_bytes> frame{};
    sockaddr_ll from{};
    socklen_t from_size = sizeof from;
    const auto size = ::recvfrom(socket_, frame.data(), frame.size(), 0,
                                 reinterpret_cast<sockaddr*>(&from), &from_size);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) break;
    if (static_cast<std::size_t>(size) < arp_frame_bytes || from.sll_pkttype == PACKET_OUTGOING) {
      continue;
    }
    auto& claim = claims.emplace_back();
    claim.interface = static_cast<unsigned>(from.sll_ifindex);
    std::copy_n(frame.begin() + sender_mac_at, 6, claim.by.begin());
    std::copy_n(frame.begin() + sender_address_at, 4, claim.address.begin());
  }
  return claims;
}

}  // namespace tandem::master
