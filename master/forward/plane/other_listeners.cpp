#include "master/forward/plane/other_listeners.hpp"

#include <cstdint>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

#include <boost/asio/ip/address.hpp>

namespace tandem::master {

namespace {

using Address = boost::asio::ip::address;
using AddressV6 = boost::asio::ip::address_v6;

constexpr std::string_view listens = "0A";  // TCP_LISTEN

Address unmapped(const Address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6());
}

// Each word of eight digits is as the processor has it in memory.
bool parse_address(std::string_view digits, Address& address) {
  AddressV6::bytes_type bytes{};
  if (digits.size() != 8 && digits.size() != 32) return false;
  for (std::size_t at = 0; at < digits.size(); at += 8) {
    const auto word =
        static_cast<std::uint32_t>(std::stoul(std::string(digits.substr(at, 8)), nullptr, 16));
    std::memcpy(bytes.data() + at / 2, &word, sizeof word);
  }
  if (digits.size() == 32) {
    address = unmapped(AddressV6(bytes));
    return true;
  }
  boost::asio::ip::address_v4::bytes_type short_bytes{};
  std::memcpy(short_bytes.data(), bytes.data(), short_bytes.size());
  address = boost::asio::ip::address_v4(short_bytes);
  return true;
}

bool is_hexadecimal(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789ABCDEFabcdef") == text.npos;
}

}  // namespace

TableLine look_at_line(std::string_view line, const Endpoint& address, ino_t& inode) {
  std::istringstream fields{std::string(line)};
  std::string number, local, remote, state, queues, timer, retransmits, user, timeout;
  fields >> number >> local >> remote >> state >> queues >> timer >> retransmits >> user >>
      timeout >> inode;
  const auto colon = local.find(':');
  if (!fields || state != listens || colon == local.npos) return TableLine::no_listener;
  const auto host = local.substr(0, colon);
  const auto port = local.substr(colon + 1);
  Address there;
  if (!is_hexadecimal(host) || !is_hexadecimal(port) || port.size() != 4) {
    return TableLine::no_listener;
  }
  if (!parse_address(host, there)) return TableLine::no_listener;
  if (std::stoul(port, nullptr, 16) != address.port) return TableLine::elsewhere;
  const auto wanted = unmapped(boost::asio::ip::make_address(address.host));
  const bool overlaps = there == wanted || there.is_unspecified() || wanted.is_unspecified();
  return overlaps ? TableLine::there : TableLine::elsewhere;
}

bool others_listen_at(const Endpoint& address, const std::set<ino_t>& own) {
  bool is_readable = false;
  for (const auto* const table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream lines(table);
    std::string line;
    std::getline(lines, line);  // the titles
    is_readable = is_readable || lines.good();
    while (std::getline(lines, line)) {
      ino_t inode = 0;
      const auto found = look_at_line(line, address, inode);
      if (found == TableLine::no_listener) break;  // those that listen come first
      if (found == TableLine::there && !own.contains(inode)) return true;
    }
  }
  return !is_readable;
}

}  // namespace tandem::master
