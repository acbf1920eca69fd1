#include "common/base/canonical_host.hpp"
#include "common/base/endpoint.hpp"

#include <catch2/catch.hpp>

#include "common/base/name.hpp"

namespace tandem::endpoint_test {

TEST_CASE("an endpoint is a host and a port") {
  CHECK(*parse_endpoint("127.0.0.1:8080", "x") == Endpoint{"127.0.0.1", 8080});
  CHECK(*parse_endpoint("[::1]:7070", "x") == Endpoint{"::1", 7070});
  CHECK(*parse_endpoint("web-1.example.org:80", "x") == Endpoint{"web-1.example.org", 80});
  CHECK(*parse_endpoint("127.0.0.1:0", "x") == Endpoint{"127.0.0.1", 0});
  CHECK(parse_endpoint("[::1]:7070", "x")->to_string() == "[::1]:7070");
}

TEST_CASE("what is no endpoint is refused by the name of its field") {
  for (const auto* text :
       {"", ":", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
        "127.0.0.1:80x", ":80", "::1:80", "[::1]", "[::1]80", "[1.2.3.4]:80", "a b:80",
        "256.1.1.1:80", "1.2.3:80", "-a:80", "a..b:80", "http://a:80"}) {
    INFO(text);
    const auto result = parse_endpoint(text, "address");
    REQUIRE(!result.ok());
    CHECK(result.error().field == "address");
  }
}

TEST_CASE("an address with a zero byte in it is none, whatever stands before the byte") {
  using namespace std::string_view_literals;
  for (const auto text : {"127.0.0.1\0:80"sv, "[::1\0]:80"sv, "a\0b:80"sv}) {
    CHECK_FALSE(parse_endpoint(text, "address").ok());
  }
  CHECK_FALSE(Endpoint{std::string("127.0.0.1\0x"sv), 80}.is_numeric());
}

TEST_CASE("an address has one usual text, however it is written") {
  CHECK(canonical_host("0:0:0:0:0:0:0:1") == "::1");
  CHECK(canonical_host("::ffff:10.0.0.1") == "10.0.0.1");
  CHECK(canonical_host("10.0.0.1") == "10.0.0.1");
  CHECK(canonical_host("name.example") == "name.example");
}

TEST_CASE("loopback and unspecified addresses are recognised") {
  CHECK(Endpoint{"127.0.0.2", 1}.is_loopback());
  CHECK(Endpoint{"::1", 1}.is_loopback());
  CHECK(Endpoint{"localhost", 1}.is_loopback());
  CHECK(!Endpoint{"127.example.org", 1}.is_loopback());
  CHECK(Endpoint{"0.0.0.0", 1}.is_unspecified());
  CHECK(Endpoint{"::", 1}.is_unspecified());
  CHECK(!Endpoint{"10.0.0.1", 1}.is_unspecified());
}

TEST_CASE("localhost resolves to a loopback literal") {
  const auto resolved = resolve({"localhost", 80}, "--backend");
  REQUIRE(resolved.ok());
  CHECK(resolved->is_numeric());
  CHECK(resolved->is_loopback());
}

TEST_CASE("a name is 1 to 64 characters of a small alphabet") {
  CHECK(is_name("a"));
  CHECK(is_name("Web-1.eu_west"));
  CHECK(is_name(std::string(64, 'x')));
  CHECK(!is_name(std::string(65, 'x')));
  CHECK(!is_name(""));
  CHECK(!is_name("a b"));
  CHECK(!is_name("a/b"));
  CHECK(!is_name("\xc3\xa9"));
  CHECK(parse_name("a/b", "service").error().field == "service");
}

}  // namespace tandem::endpoint_test
