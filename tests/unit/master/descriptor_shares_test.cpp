// What the descriptors of a process are for.
#include <catch2/catch.hpp>

#include "master/forward/plane/descriptor_shares.hpp"
#include "master/forward/plane/limits.hpp"

namespace tandem::master::descriptor_shares_test {

TEST_CASE("clients get half of what is not kept, and more where there is much") {
  CHECK(clients_among(100, 1) == 32);
  CHECK(clients_among(100, 2) == 30);
  CHECK(clients_among(1'024, 4) == 448);
  CHECK(clients_among(20'000, 4) == 13'404);
}

TEST_CASE("there is room for one client at least, and for no more than the limit") {
  CHECK(clients_among(0, 1) == 1);
  CHECK(clients_among(37, 1) == 1);
  CHECK(clients_among(static_cast<std::size_t>(-1), 256) == limits::client_connections_max);
}

TEST_CASE("a process knows how many descriptors it may have") { CHECK(descriptors() >= 16); }

}  // namespace tandem::master::descriptor_shares_test
