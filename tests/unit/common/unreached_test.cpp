// The voters that a master does not reach, as a header field.
#include "common/wire/unreached.hpp"

#include <catch2/catch.hpp>

namespace tandem::wire::unreached_test {

using Nodes = std::vector<core::NodeId>;

TEST_CASE("the voters that a master does not reach are read as they were written") {
  const Nodes some{core::NodeId("w1"), core::NodeId("b.example-2")};
  CHECK(unreached_to_string(some) == "w1, b.example-2");
  CHECK(parse_unreached("w1, b.example-2") == some);
  CHECK(unreached_to_string({}).empty());
  CHECK(parse_unreached("").empty());
}

TEST_CASE("a list of voters that is not understood counts as none") {
  CHECK(parse_unreached("w1,w2").empty());
  CHECK(parse_unreached("w1, ").empty());
  CHECK(parse_unreached(", w1").empty());
  CHECK(parse_unreached("w1, w 2").empty());
  CHECK(parse_unreached(std::string(65, 'w')).empty());
  CHECK(parse_unreached("1, 2, 3, 4, 5, 6, 7").size() == 7);
  CHECK(parse_unreached("1, 2, 3, 4, 5, 6, 7, 8").empty());
}

}  // namespace tandem::wire::unreached_test
