#include "common/wire/flat_object.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "common/wire/limits.hpp"
#include "common/wire/repeated_heartbeat.hpp"

namespace tandem::wire::flat_object_test {
namespace {

// The members as a document, or nothing if the text is not plain.
std::optional<nlohmann::json> read(std::string_view text) {
  auto document = nlohmann::json::object();
  FlatObject object(text);
  FlatMember member;
  while (object.next(member)) {
    const std::string key(member.key);
    switch (member.kind) {
      case FlatMember::Kind::text: document[key] = std::string(member.text); break;
      case FlatMember::Kind::number: document[key] = member.number; break;
      case FlatMember::Kind::truth: document[key] = member.truth; break;
    }
  }
  return object.is_plain() ? std::optional(document) : std::nullopt;
}

bool is_repetition(std::string_view body) { return read_repetition(body).has_value(); }

}  // namespace

TEST_CASE("plain objects are read as any reader of JSON reads them") {
  for (const std::string text :
       {R"({})", R"( { } )", R"({"a":"b"})", R"({"a": 0, "b": 18, "c": true, "d": false})",
        "{\n\t\"a\" :\r\n \"\" , \"b\":9007199254740991}\n", R"({"a":9999999999999999999})"}) {
    CAPTURE(text);
    const auto plain = read(text);
    REQUIRE(plain.has_value());
    CHECK(*plain == nlohmann::json::parse(text));
  }
}

TEST_CASE("what is not plain is left to the reader of documents") {
  for (const std::string text : {"",
                                 " ",
                                 "{",
                                 "}",
                                 "[]",
                                 "1",
                                 "{\"a\"}",
                                 "{\"a\":}",
                                 "{\"a\":1,}",
                                 "{,\"a\":1}",
                                 "{\"a\":1 \"b\":2}",
                                 "{\"a\":1}}",
                                 "{\"a\":1}x",
                                 "{\"a\":01}",
                                 "{\"a\":-1}",
                                 "{\"a\":1.0}",
                                 "{\"a\":1e3}",
                                 "{\"a\":+1}",
                                 "{\"a\":null}",
                                 "{\"a\":truex}",
                                 "{\"a\":tru",
                                 "{\"a\":TRUE}",
                                 "{\"a\":\"\\n\"}",
                                 "{\"a\\u0062\":1}",
                                 "{\"a\":\"\xc3\xa4\"}",
                                 "{\"a\":\"\x01\"}",
                                 "{\"a\":{}}",
                                 "{\"a\":[1]}",
                                 "{'a':1}",
                                 "{a:1}",
                                 "{\"a\":\"b}",
                                 "{\"a\":10000000000000000000}",
                                 "\xef\xbb\xbf{}",
                                 "{\"a\":1}{}"}) {
    CAPTURE(text);
    CHECK(!read(text).has_value());
  }
}

// Objects with a few tokens changed, plain or not: whatever is read plainly is read well.
TEST_CASE("whatever is read plainly is what the document says") {
  const std::vector<std::string> tokens{"{",   "}", ":",    ",", "\"a\"", "\"b\"", "1", "0",
                                        "007", " ", "true", "[", "]",     "-",     ".", "\"\\n\""};
  const std::vector<std::string> object{"{", "\"a\"", ":", "1", ",", "\"b\"", ":", "true", "}"};
  std::size_t plain = 0;
  std::uint64_t state = 7;
  const auto pick = [&](std::size_t most) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % most;
  };
  for (int round = 0; round < 50'000; ++round) {
    auto changed = object;
    for (auto changes = pick(4); changes > 0; --changes) {
      changed[pick(changed.size())] = tokens[pick(tokens.size())];
    }
    std::string text;
    for (const auto& token : changed) text += token;
    const auto read_plainly = read(text);
    if (!read_plainly) continue;
    ++plain;
    if (nlohmann::json::parse(text, nullptr, false) != *read_plainly) FAIL(text);
  }
  CHECK(plain > 1'000);
}

TEST_CASE("a repetition is read as it was written") {
  Heartbeat heartbeat;
  heartbeat.name = "w1";
  heartbeat.incarnation = "6f1c";
  heartbeat.sequence = limits::sequence_max;
  heartbeat.in_flight = 12;
  heartbeat.term = Term(18'446'744'073'709'551u);
  const auto body = repetition_of(heartbeat);
  const auto read = read_repetition(body);
  REQUIRE(read.has_value());
  CHECK(read->name == "w1");
  CHECK(read->incarnation == "6f1c");
  CHECK(read->sequence == limits::sequence_max);
  CHECK(read->in_flight == 12);
  CHECK(read->term == heartbeat.term);
}

TEST_CASE("what is not quite a repetition is none") {
  CHECK(is_repetition(R"({"name":"w","incarnation":"i","repeats":1})"));
  CHECK(is_repetition(R"({"repeats":1,"in_flight":0,"incarnation":"i","name":"w","term":0})"));
  for (const std::string body :
       {R"({"name":"w","incarnation":"i"})", R"({"name":"w","repeats":1})",
        R"({"incarnation":"i","repeats":1})", R"({"name":"w","incarnation":"i","repeats":0})",
        R"({"name":"w","incarnation":"i","repeats":9007199254740992})",
        R"({"name":"w","incarnation":"i","repeats":"1"})",
        R"({"name":"w","incarnation":"i","repeats":1,"repeats":1})",
        R"({"name":"w","name":"w","incarnation":"i","repeats":1})",
        R"({"name":"w","incarnation":"i","repeats":1,"in_flight":1000001})",
        R"({"name":"w","incarnation":"i","repeats":1,"state":"up"})",
        R"({"name":"no name","incarnation":"i","repeats":1})",
        R"({"name":"","incarnation":"i","repeats":1})",
        R"({"name":1,"incarnation":"i","repeats":1})",
        R"({"name":"w","incarnation":"i","repeats":1})"
        "garbage"}) {
    CAPTURE(body);
    CHECK(!is_repetition(body));
  }
}

}  // namespace tandem::wire::flat_object_test
