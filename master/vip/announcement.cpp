#include "master/vip/announcement.hpp"

#include <algorithm>

#include "common/base/assert.hpp"

namespace tandem::master {

namespace {

constexpr MacAddress everybody{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
constexpr MacAddress nobody{};
constexpr std::uint16_t arp = 0x0806;
constexpr std::uint16_t ipv6 = 0x86dd;
constexpr std::uint16_t arp_request = 1;
constexpr std::uint16_t arp_reply = 2;
constexpr std::uint8_t icmpv6 = 58;
constexpr std::uint8_t neighbour_advertisement = 136;
constexpr std::uint8_t override_flag = 0x20;
constexpr std::uint8_t target_link_layer_address = 2;

void put16(Frame& frame, std::uint16_t value) {
  frame.push_back(static_cast<std::uint8_t>(value >> 8));
  frame.push_back(static_cast<std::uint8_t>(value & 0xff));
}

template <class Bytes>
void put(Frame& frame, const Bytes& bytes) {
  frame.insert(frame.end(), std::begin(bytes), std::end(bytes));
}

void put_address(Frame& frame, const VipSpec& vip) {
  frame.insert(frame.end(), vip.bytes.begin(),
               vip.bytes.begin() + static_cast<std::ptrdiff_t>(vip.size()));
}

void put_ethernet(Frame& frame, const MacAddress& to, const MacAddress& from, std::uint16_t type) {
  put(frame, to);
  put(frame, from);
  put16(frame, type);
}

// RFC 826. `claims`: the sender has the address.
Frame arp_frame(const VipSpec& vip, const MacAddress& own, std::uint16_t operation, bool claims) {
  Frame frame;
  put_ethernet(frame, everybody, own, arp);
  put16(frame, 1);       // Ethernet
  put16(frame, 0x0800);  // IPv4
  frame.push_back(6);
  frame.push_back(4);
  put16(frame, operation);
  put(frame, own);
  if (claims) {
    put_address(frame, vip);
  } else {
    put(frame, std::array<std::uint8_t, 4>{});
  }
  put(frame, operation == arp_reply ? everybody : nobody);
  put_address(frame, vip);
  return frame;
}

// RFC 1071: the checksum over the frame from `first` on, added to `sum`.
std::uint16_t checksum(const Frame& frame, std::size_t first, std::uint32_t sum) {
  for (std::size_t i = first; i + 1 < frame.size(); i += 2) {
    sum += static_cast<std::uint32_t>(frame[i] << 8 | frame[i + 1]);
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

Frame neighbour_frame(const VipSpec& vip, const MacAddress& own) {
  constexpr std::array<std::uint8_t, 16> all_nodes{0xff, 0x02, 0, 0, 0, 0, 0, 0,
                                                   0,    0,    0, 0, 0, 0, 0, 1};
  constexpr std::uint16_t message_bytes = 32;
  Frame frame;
  put_ethernet(frame, {0x33, 0x33, 0, 0, 0, 1}, own, ipv6);
  put16(frame, 0x6000);  // version 6
  put16(frame, 0);
  put16(frame, message_bytes);
  frame.push_back(icmpv6);
  frame.push_back(255);  // RFC 4861 §7.1.2: the packet has passed no router
  const auto addresses = frame.size();
  put_address(frame, vip);
  put(frame, all_nodes);
  const auto message = frame.size();
  frame.push_back(neighbour_advertisement);
  frame.push_back(0);
  put16(frame, 0);  // the checksum
  frame.push_back(override_flag);
  put(frame, std::array<std::uint8_t, 3>{});
  put_address(frame, vip);
  frame.push_back(target_link_layer_address);
  frame.push_back(1);  // eight bytes
  put(frame, own);
  TANDEM_ASSERT(frame.size() - message == message_bytes);
  const auto sum = checksum(frame, addresses, message_bytes + std::uint32_t{icmpv6});
  frame[message + 2] = static_cast<std::uint8_t>(sum >> 8);
  frame[message + 3] = static_cast<std::uint8_t>(sum & 0xff);
  return frame;
}

}  // namespace

std::vector<Frame> announcements(const VipSpec& vip, const MacAddress& own) {
  if (vip.v6) return {neighbour_frame(vip, own)};
  return {arp_frame(vip, own, arp_request, true), arp_frame(vip, own, arp_reply, true)};
}

Frame arp_probe(const VipSpec& vip, const MacAddress& own) {
  TANDEM_ASSERT(!vip.v6);
  return arp_frame(vip, own, arp_request, false);
}

}  // namespace tandem::master
