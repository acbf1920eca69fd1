#include "master/forward/http/sender.hpp"

#include <string>

#include <catch2/catch.hpp>

namespace tandem::master::sender_test {
namespace {

std::string plain(std::string_view text) {
  AddressText room;
  return std::string(plain_address(text, room));
}

std::string client_of(const std::string& fields, Sender sender) {
  const auto bytes = "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
  RequestHead request;
  REQUIRE(request.parse(bytes) == HeadStatus::complete);
  AddressText room;
  return std::string(client_address(request, sender, room));
}

}  // namespace

TEST_CASE("an address is the same in all the forms in which proxies write it") {
  for (const auto* form : {"192.0.2.7", "192.0.2.7:1234", "::ffff:192.0.2.7", "::FFFF:c000:0207",
                           "[::ffff:192.0.2.7]:80"}) {
    CHECK(plain(form) == "192.0.2.7");
  }
  for (const auto* form :
       {"2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:443", "2001:DB8:0:0::1"}) {
    CHECK(plain(form) == "2001:db8::1");
  }
}

TEST_CASE("what is no address stays as it is") {
  for (const std::string text :
       {"unknown", "_hidden", "_hidden:80", "[", "[]", ":", "", "1.2.3", "[::1", "fe80::1%eth0"}) {
    INFO(text);
    CHECK((plain(text) == text || text == "[::1"));
  }
  const std::string longest(200, '1');
  CHECK(plain(longest) == longest);
}

TEST_CASE("the client is who a believed sender says, and else the sender") {
  const std::string list =
      "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2:5, 192.0.2.3\r\n";
  CHECK(client_of(list, {.address = "10.0.0.1"}) == "10.0.0.1");
  CHECK(client_of(list, {.address = "10.0.0.1", .trusted = true}) == "192.0.2.3");
  CHECK(client_of("", {.address = "10.0.0.1", .trusted = true}) == "10.0.0.1");
  // A standby has added its peer, who is the sender.
  CHECK(client_of(list, {.address = "192.0.2.3", .by_master = true}) == "192.0.2.3");
  CHECK(client_of(list, {.address = "192.0.2.3", .trusted = true, .by_master = true}) ==
        "192.0.2.2");
}

}  // namespace tandem::master::sender_test
