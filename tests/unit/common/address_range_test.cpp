#include "common/base/address_range.hpp"

#include <catch2/catch.hpp>

namespace tandem::address_range_test {
namespace {

bool contains(std::string_view range, const std::string& address) {
  return parse_address_range(range, "x")->contains(address);
}

}  // namespace

TEST_CASE("a range holds its first and its last address and not their neighbours") {
  CHECK_FALSE(contains("10.0.0.0/8", "9.255.255.255"));
  CHECK(contains("10.0.0.0/8", "10.0.0.0"));
  CHECK(contains("10.0.0.0/8", "10.255.255.255"));
  CHECK_FALSE(contains("10.0.0.0/8", "11.0.0.0"));
}

TEST_CASE("a prefix that ends inside a byte is counted to the bit") {
  CHECK_FALSE(contains("172.16.0.0/12", "172.15.255.255"));
  CHECK(contains("172.16.0.0/12", "172.31.255.255"));
  CHECK_FALSE(contains("172.16.0.0/12", "172.32.0.0"));
  CHECK(contains("192.0.2.128/31", "192.0.2.129"));
  CHECK_FALSE(contains("192.0.2.128/31", "192.0.2.130"));
  CHECK(contains("2001:db8::/33", "2001:db8:7fff::1"));
  CHECK_FALSE(contains("2001:db8::/33", "2001:db8:8000::"));
}

TEST_CASE("an address without a prefix is that address alone") {
  CHECK(contains("127.0.0.1", "127.0.0.1"));
  CHECK_FALSE(contains("127.0.0.1", "127.0.0.2"));
  CHECK(contains("::1", "::1"));
  CHECK_FALSE(contains("::1", "::2"));
  CHECK(*parse_address_range("::1", "x") == *parse_address_range("::1/128", "x"));
  CHECK(*parse_address_range("10.1.2.3", "x") == *parse_address_range("10.1.2.3/32", "x"));
}

TEST_CASE("a prefix of no bits holds the whole family and nothing of the other") {
  CHECK(contains("0.0.0.0/0", "255.255.255.255"));
  CHECK_FALSE(contains("0.0.0.0/0", "::1"));
  CHECK(contains("::/0", "2001:db8::1"));
  CHECK_FALSE(contains("::/0", "10.0.0.1"));
}

TEST_CASE("an IPv4 address mapped into IPv6 is an IPv4 address") {
  CHECK(contains("10.0.0.0/8", "::ffff:10.1.1.1"));
  CHECK(contains("::ffff:10.0.0.0/104", "10.1.1.1"));
}

TEST_CASE("what is no address is in no range") {
  for (const auto* text : {"", "unix:", "10.0.0", "10.0.0.1 ", "[::1]"}) {
    INFO(text);
    CHECK_FALSE(contains("0.0.0.0/0", text));
    CHECK_FALSE(contains("::/0", text));
  }
}

TEST_CASE("what is no range is refused by the name of its flag") {
  for (const auto* text :
       {"", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.0/ 8", "::/129",
        "10.0.0.1/8", "2001:db8::1/32", "[::1]/128", "localhost", "10.0.0.0/8/8"}) {
    INFO(text);
    const auto range = parse_address_range(text, "--trusted-proxy");
    REQUIRE_FALSE(range);
    CHECK(range.error().message.starts_with("--trusted-proxy"));
  }
}

}  // namespace tandem::address_range_test
