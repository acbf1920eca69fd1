#include <string_view>

#include <catch2/catch.hpp>

#include "master/balance/sticky_cookie.hpp"

namespace tandem::sticky_cookie_test {

using tandem::master::StickyCookie;
using tandem::wire::parse_sticky;

namespace {

StickyCookie cookie_of(std::string_view sticky) {
  return StickyCookie(parse_sticky(sticky).value());
}

}  // namespace

TEST_CASE("a sticky cookie is kept from scripts and from other sites") {
  CHECK(cookie_of("route").set_cookie("abc") == "route=abc; Path=/; HttpOnly; SameSite=Lax");
}

TEST_CASE("a sticky cookie has the attributes that were asked for") {
  const auto cookie = cookie_of("route; Max-Age=3600; SameSite=None; Domain=shop.example; Path=/a");
  CHECK(cookie.name() == "route");
  CHECK(cookie.set_cookie("abc") ==
        "route=abc; Path=/a; HttpOnly; SameSite=None; Max-Age=3600; Domain=shop.example");
}

TEST_CASE("without a name clients do not stick") {
  CHECK_FALSE(StickyCookie().is_on());
  CHECK(cookie_of("route").is_on());
}

}  // namespace tandem::sticky_cookie_test
