#include <catch2/catch.hpp>

#include "master/vip/announcement.hpp"

namespace tandem::master::announcement_test {
namespace {

constexpr MacAddress own{0x02, 0, 0, 0, 0, 0x01};

std::string hex(const Frame& frame) {
  std::string text;
  for (const auto byte : frame) {
    constexpr auto digits = "0123456789abcdef";
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

}  // namespace

TEST_CASE("an IPv4 address is announced by an ARP request and an ARP reply to all") {
  const auto frames = announcements(*parse_vip("10.0.0.9/24@eth0", "f"), own);
  REQUIRE(frames.size() == 2);
  CHECK(hex(frames[0]) ==
        "ffffffffffff"
        "020000000001"
        "0806"
        "0001080006040001"
        "020000000001"
        "0a000009"
        "000000000000"
        "0a000009");
  CHECK(hex(frames[1]) ==
        "ffffffffffff"
        "020000000001"
        "0806"
        "0001080006040002"
        "020000000001"
        "0a000009"
        "ffffffffffff"
        "0a000009");
}

TEST_CASE("the owner of an IPv4 address is asked for without claiming it") {
  CHECK(hex(arp_probe(*parse_vip("10.0.0.9/24@eth0", "f"), own)) ==
        "ffffffffffff"
        "020000000001"
        "0806"
        "0001080006040001"
        "020000000001"
        "00000000"
        "000000000000"
        "0a000009");
}

TEST_CASE("an IPv6 address is announced by a neighbour advertisement that overrides") {
  const auto frames = announcements(*parse_vip("fd00::9/64@eth0", "f"), own);
  REQUIRE(frames.size() == 1);
  const auto& frame = frames[0];
  CHECK(hex(frame) ==
        "333300000001"
        "020000000001"
        "86dd"
        "60000000"
        "0020"
        "3aff"
        "fd000000000000000000000000000009"
        "ff020000000000000000000000000001"
        "8800" +
            hex({frame[56], frame[57]}) +
            "20000000"
            "fd000000000000000000000000000009"
            "0201"
            "020000000001");
  // RFC 1071: with its checksum the sum of the pseudo-header and the message is all ones.
  std::uint32_t sum = 32 + 58;
  for (std::size_t i = 22; i < frame.size(); i += 2) {
    sum += static_cast<std::uint32_t>(frame[i] << 8 | frame[i + 1]);
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  CHECK(sum == 0xffff);
}

}  // namespace tandem::master::announcement_test
