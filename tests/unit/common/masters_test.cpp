#include "common/wire/masters.hpp"

#include <catch2/catch.hpp>

namespace tandem::wire::masters_test {
namespace {

Masters three() {
  return {.cluster = "8311",
          .node = "b",
          .primary = "a",
          .term = Term(7),
          .masters = {{"a", "10.0.0.1:7070", "10.0.0.1:80", true},
                      {"b", "b.example:7070", "", true},
                      {"c", "[::1]:7070", "", false, "b", "c has not been heard"}}};
}

std::string why_not(std::string_view json) {
  const auto masters = parse_masters(json);
  return masters ? "" : masters.error().message;
}

}  // namespace

TEST_CASE("a list of masters is read as it was written") {
  const auto read = parse_masters(to_json(three()));
  REQUIRE(read);
  CHECK(read->cluster == "8311");
  CHECK(read->node == "b");
  CHECK(read->primary == "a");
  CHECK(read->term == Term(7));
  CHECK(read->masters == three().masters);
}

TEST_CASE("a list of masters of a later version is understood as far as it is known") {
  const auto read = parse_masters(
      R"({"cluster":"","node":"a","primary":"","term":0,"weather":{"sky":["blue"]},)"
      R"("masters":[{"name":"a","control":"h:1","listen":"","votes":true,"zone":["x"]}]})");
  REQUIRE(read);
  CHECK(read->masters.size() == 1);
}

TEST_CASE("a list of masters with an address that is none is refused by name") {
  const auto list = [](std::string_view entry) {
    return fmt::format(R"({{"cluster":"","node":"a","primary":"","term":0,"masters":[{}]}})",
                       entry);
  };
  CHECK(why_not(list(R"({"name":"a","control":"","listen":"","votes":true})")) ==
        "masters[0].control must be HOST:PORT");
  CHECK(why_not(list(R"({"name":"a","control":"a","listen":"","votes":true})")) != "");
  CHECK(why_not(list(R"({"name":"a b","control":"a:1","listen":"","votes":true})")) != "");
  CHECK(why_not(list("1")) == "masters must be an array of objects");
  CHECK(why_not("{}") != "");
}

}  // namespace tandem::wire::masters_test
