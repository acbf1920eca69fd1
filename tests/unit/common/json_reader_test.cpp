#include <string>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "common/wire/json_reader.hpp"

namespace tandem::wire::json_reader_test {
namespace {

// An object with one member, a list of `zeros`: as many values and two more.
std::string list_of(std::size_t zeros) {
  std::string text = R"({"list":[0)";
  for (std::size_t i = 1; i < zeros; ++i) text += ",0";
  return text + "]}";
}

}  // namespace

TEST_CASE("a document has as many values as it may have, and one more is refused") {
  CHECK(parse_object(list_of(8), 1000, 10).ok());
  const auto refused = parse_object(list_of(9), 1000, 10);
  REQUIRE(!refused.ok());
  CHECK(refused.error().message == "the document has more than 10 values");
  for (const auto* each : {R"({"a":{},"b":[]})", R"({"a":[{}]})", R"({"a":"x","b":null})"}) {
    INFO(each);
    CHECK(parse_object(each, 1000, 3).ok());
    CHECK(!parse_object(each, 1000, 2).ok());
  }
}

TEST_CASE("a member that must be an object is not null, and an optional one may be") {
  const auto document = parse_object(R"({"a":null,"b":null})", 1000);
  REQUIRE(document.ok());
  MemberReader reader(*document);
  CHECK(reader.object("b", Presence::optional) == nullptr);
  CHECK(!reader.failed());
  CHECK(reader.object("a") == nullptr);
  CHECK(reader.failed());
}

TEST_CASE("nothing may follow a document, not even behind a NUL") {
  using namespace std::string_literals;
  for (const auto& text : {"{}\0"s, "{}\0{\"a\":1}"s, "\0{}"s, "{\"a\":\"\0\"}"s}) {
    const auto refused = parse_object(text, 1000);
    REQUIRE(!refused.ok());
    CHECK(refused.error().message.starts_with("the document is not JSON (at byte "));
  }
  CHECK(parse_object("{}\n", 1000).ok());
}

}  // namespace tandem::wire::json_reader_test
