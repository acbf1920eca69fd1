#include <catch2/catch.hpp>

#include "master/balance/sticky_cookie.hpp"

using tandem::master::StickyCookie;

TEST_CASE("the value of a sticky cookie names a worker and tells nothing of it") {
  const StickyCookie cookie("route", "secret");
  const auto value = cookie.value_for("10.0.0.5-8080");
  CHECK(value.size() == 24);
  CHECK(value.find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(value != cookie.value_for("10.0.0.6-8080"));
  CHECK(value != StickyCookie("route", "another").value_for("10.0.0.5-8080"));
  CHECK(value == StickyCookie("other", "secret").value_for("10.0.0.5-8080"));
}

TEST_CASE("a sticky cookie is kept from scripts and from other sites") {
  const StickyCookie cookie("route", "secret");
  CHECK(cookie.set_cookie("abc") == "route=abc; Path=/; HttpOnly; SameSite=Lax");
}

TEST_CASE("without a name clients do not stick") {
  CHECK_FALSE(StickyCookie().is_on());
  CHECK(StickyCookie("route", "").is_on());
}
