#include <catch2/catch.hpp>

#include "common/wire/features.hpp"

namespace tandem::wire::features_test {

TEST_CASE("what a member can and the level that it goes by are read as they were written") {
  const Features features{FeatureLevel(7), FeatureLevel(3)};
  CHECK(to_string(features) == "7;level=3");
  CHECK(parse_features("7;level=3") == features);
}

TEST_CASE("a member that says nothing, or what is not understood, is of the oldest level") {
  for (const auto* field : {"", "2", "2;level=", ";level=2", "2;level=3", "0;level=0", "2;level=2 ",
                            "-2;level=1", "2;level=1;x=1", "99999999999;level=1", "two;level=1"}) {
    INFO(field);
    CHECK(parse_features(field) == Features{});
  }
}

}  // namespace tandem::wire::features_test
