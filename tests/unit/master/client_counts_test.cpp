// How many connections each client address has.
#include <catch2/catch.hpp>

#include "master/forward/client/client_counts.hpp"

namespace tandem::master::client_counts_test {
namespace {
boost::asio::ip::address address(const char* text) { return boost::asio::ip::make_address(text); }
}  // namespace

TEST_CASE("an address has as many connections as it may, and as many more as have left") {
  ClientCounts counts(2, 7);
  const auto first = counts.enter(address("10.0.0.1"));
  CHECK(first);
  CHECK(counts.enter(address("10.0.0.1")));
  CHECK_FALSE(counts.enter(address("10.0.0.1")));
  CHECK(counts.enter(address("10.0.0.2")));
  counts.leave(*first);
  CHECK(counts.enter(address("10.0.0.1")));
  CHECK_FALSE(counts.enter(address("10.0.0.1")));
}

TEST_CASE("IPv6 counts by its first 64 bits, a mapped IPv4 address as itself") {
  ClientCounts counts(1, 7);
  CHECK(counts.enter(address("2001:db8:0:1::1")));
  CHECK_FALSE(counts.enter(address("2001:db8:0:1:ffff::2")));
  CHECK(counts.enter(address("2001:db8:0:2::1")));
  CHECK(counts.enter(address("::ffff:10.0.0.1")));
  CHECK_FALSE(counts.enter(address("10.0.0.1")));
  CHECK(counts.enter(address("::ffff:10.0.0.2")));
}

TEST_CASE("a hundred thousand addresses do not get in each other's way") {
  ClientCounts counts(10, 7);
  unsigned refused = 0;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    const boost::asio::ip::address_v4 each(0x0a000000 + i);
    for (int connection = 0; connection < 2; ++connection) refused += counts.enter(each) ? 0 : 1;
  }
  CHECK(refused < 10);
}

}  // namespace tandem::master::client_counts_test
