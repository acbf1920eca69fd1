#include "tests/e2e/harness/network_switch.hpp"

#include <arpa/inet.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>

namespace tandem::e2e {
namespace {

constexpr std::size_t frame_bytes_max = 2048;
constexpr int frames_in_a_row_max = 64;  // of one port, before the others are looked at
constexpr int queue_bytes = 4 << 20;

int open_port(const std::string& interface) {
  const int port = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (port < 0) throw std::runtime_error("cannot open a packet socket");
  const int yes = 1;
  setsockopt(port, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof yes);
  setsockopt(port, SOL_SOCKET, SO_RCVBUFFORCE, &queue_bytes, sizeof queue_bytes);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
  if (bind(port, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("cannot bind to " + interface);
  return port;
}

bool is_ip_or_arp(std::span<const std::uint8_t> frame) {
  const unsigned protocol = static_cast<unsigned>(frame[12]) << 8 | frame[13];
  return protocol == ETH_P_IP || protocol == ETH_P_ARP || protocol == ETH_P_IPV6;
}

}  // namespace

Switch::Switch(const std::vector<std::string>& interfaces, unsigned seed)
    : random_(seed), stop_(eventfd(0, EFD_CLOEXEC)) {
  if (interfaces.size() > ports_max) throw std::runtime_error("too many hosts");
  for (const auto& interface : interfaces) ports_.push_back(open_port(interface));
  thread_ = std::thread([this] { run(); });
}

Switch::~Switch() {
  eventfd_write(stop_, 1);
  thread_.join();
  for (const int port : ports_) close(port);
  close(stop_);
}

void Switch::without_offloads(const std::string& interface) {
  const int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  for (const std::uint32_t what : {ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO}) {
    ethtool_value off{.cmd = what, .data = 0};
    ifreq request{};
    interface.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_data = reinterpret_cast<char*>(&off);
    const bool done = ioctl(any, SIOCETHTOOL, &request) == 0;
    if (!done && what == ETHTOOL_STXCSUM) {
      close(any);
      throw std::runtime_error("cannot switch the offloads of " + interface + " off");
    }
  }
  close(any);
}

void Switch::heal() {
  lost_share_ = 0;
  for (auto& row : blocked_)
    for (auto& blocked : row) blocked = false;
}

void Switch::run() {
  std::vector<pollfd> waits;
  for (const int port : ports_) waits.push_back({port, POLLIN, 0});
  waits.push_back({stop_, POLLIN, 0});
  while (waits.back().revents == 0) {
    if (poll(waits.data(), waits.size(), -1) < 0) continue;
    for (std::size_t port = 0; port < ports_.size(); ++port)
      if (waits[port].revents != 0) carry(port);
  }
}

void Switch::carry(std::size_t from) {
  std::array<std::uint8_t, frame_bytes_max> buffer;
  for (int i = 0; i < frames_in_a_row_max; ++i) {
    const auto size = recv(ports_[from], buffer.data(), buffer.size(), 0);
    if (size < ETH_HLEN) return;
    const std::span frame(buffer.data(), static_cast<std::size_t>(size));
    if (!is_ip_or_arp(frame)) continue;
    const bool to_all = (frame[0] & 1) != 0;
    for (std::size_t to = 0; to < ports_.size(); ++to)
      if (to != from && (to_all || frame[5] == to + 1)) pass(from, to, frame);
  }
}

void Switch::pass(std::size_t from, std::size_t to, std::span<const std::uint8_t> frame) {
  if (blocked_[from][to]) return;
  const std::size_t observer = ports_.size() - 1;
  const double lost = lost_share_;
  if (lost > 0 && from != observer && to != observer &&
      std::uniform_real_distribution<>(0, 1)(random_) < lost) {
    return;
  }
  // A full queue loses the frame, as in any switch.
  [[maybe_unused]] const auto sent = send(ports_[to], frame.data(), frame.size(), 0);
}

}  // namespace tandem::e2e
