// Where clients are sent.
#include <catch2/catch.hpp>

#include "master/forward/http/location.hpp"

namespace tandem::master::location_test {

TEST_CASE("a location is an origin and the target that was asked for") {
  CHECK(location("http://a", "/x?y") == "http://a/x?y");
  CHECK(location("http://a", "?y") == "http://a/?y");
  CHECK(location("http://a", "") == "http://a");
  CHECK(location("http://a", "*") == "http://a");
}

TEST_CASE("the https origin keeps the host, and leaves out a port that is the usual one") {
  CHECK(https_origin("a.example", "443") == "https://a.example");
  CHECK(https_origin("a.example:80", "443") == "https://a.example");
  CHECK(https_origin("a.example:80", "8443") == "https://a.example:8443");
  CHECK(https_origin("[2001:db8::1]:80", "443") == "https://[2001:db8::1]");
  CHECK(https_origin("[2001:db8::1]", "8443") == "https://[2001:db8::1]:8443");
}

}  // namespace tandem::master::location_test
