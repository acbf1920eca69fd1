// announcement.hpp: the frames with which a host announces that it has an address from now on:
// gratuitous ARP (RFC 5227 §3) and unsolicited neighbour advertisements (RFC 4861 §7.2.6); and the
// probe for another host that has it too.
//
// Pure: bytes from addresses.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "master/vip/vip_spec.hpp"

namespace tandem::master {

using MacAddress = std::array<std::uint8_t, 6>;
using Frame = std::vector<std::uint8_t>;  // as it is sent, from the Ethernet header on

// IPv4: an ARP request and an ARP reply, both broadcast, because some hosts accept only one of the
// two. IPv6: one neighbour advertisement to all nodes, which overrides what they know.
std::vector<Frame> announcements(const VipSpec& vip, const MacAddress& own);

// Asks all hosts for the address without claiming it (RFC 5227 §2.1.1). REQUIRES: IPv4
Frame arp_probe(const VipSpec& vip, const MacAddress& own);

}  // namespace tandem::master
