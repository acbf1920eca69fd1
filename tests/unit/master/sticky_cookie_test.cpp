#include <catch2/catch.hpp>

#include "master/balance/sticky_cookie.hpp"

using tandem::master::StickyCookie;

TEST_CASE("a sticky cookie is kept from scripts and from other sites") {
  const StickyCookie cookie("route");
  CHECK(cookie.set_cookie("abc") == "route=abc; Path=/; HttpOnly; SameSite=Lax");
}

TEST_CASE("without a name clients do not stick") {
  CHECK_FALSE(StickyCookie().is_on());
  CHECK(StickyCookie("route").is_on());
}
