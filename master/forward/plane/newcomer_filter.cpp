#include "master/forward/plane/newcomer_filter.hpp"

#include <arpa/inet.h>

#include <array>
#include <cstdint>
#include <cstring>

namespace tandem::master {

namespace {

constexpr std::uint32_t whole_packet = 0xffff'ffff;
constexpr std::uint32_t network_header = static_cast<std::uint32_t>(SKF_NET_OFF);
constexpr std::uint32_t flags_of_tcp = 13;
constexpr std::uint32_t destination_v4 = network_header + 16;
constexpr std::uint32_t destination_v6 = network_header + 24;

sock_filter load_word(std::uint32_t at) { return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at); }
sock_filter load_byte(std::uint32_t at) { return BPF_STMT(BPF_LD | BPF_B | BPF_ABS, at); }
sock_filter give(std::uint32_t bytes) { return BPF_STMT(BPF_RET | BPF_K, bytes); }
// Skips that many instructions if equal, or if not.
sock_filter if_equal(std::uint32_t value, std::uint8_t equal, std::uint8_t other) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, equal, other);
}

// Drops a packet to that address of IP version `version`; other packets reach the next check.
void add(std::vector<sock_filter>& filter, std::uint32_t version, std::uint32_t destination,
         const std::uint8_t* bytes, unsigned words) {
  const auto skipped = static_cast<std::uint8_t>(2 * words + 1);
  filter.push_back(load_byte(network_header));
  filter.push_back(BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 4));
  filter.push_back(if_equal(version, 0, skipped));
  for (unsigned word = 0; word < words; ++word) {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes + 4 * word, sizeof value);
    filter.push_back(load_word(destination + 4 * word));
    filter.push_back(
        if_equal(ntohl(value), 0, static_cast<std::uint8_t>(skipped - 2 * (word + 1))));
  }
  filter.push_back(give(0));
}

// Passes what is not the first packet of a connection: SYN without ACK.
std::vector<sock_filter> pass_all_but_the_first() {
  return {load_byte(flags_of_tcp), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x12), if_equal(0x02, 1, 0),
          give(whole_packet)};
}

}  // namespace

std::vector<sock_filter> filter_of_all_newcomers() {
  auto filter = pass_all_but_the_first();
  filter.push_back(give(0));
  return filter;
}

std::vector<sock_filter> newcomer_filter(const std::vector<std::string>& addresses) {
  auto filter = pass_all_but_the_first();
  for (const auto& address : addresses) {
    std::array<std::uint8_t, 16> bytes{};
    if (::inet_pton(AF_INET, address.c_str(), bytes.data()) == 1) {
      add(filter, 4, destination_v4, bytes.data(), 1);
    } else if (::inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1) {
      add(filter, 6, destination_v6, bytes.data(), 4);
    }
  }
  filter.push_back(give(whole_packet));
  return filter;
}

}  // namespace tandem::master
