#include "common/wire/heartbeat.hpp"
#include "common/wire/limits.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace tandem::wire::heartbeat_test {

using nlohmann::json;

namespace {

json heartbeat_json() {
  return json::parse(to_json(Heartbeat{"w1",
                                       "6f1c",
                                       "web",
                                       {"127.0.0.1", 9001},
                                       50,
                                       8,
                                       3,
                                       WorkerCondition::up,
                                       true,
                                       Term(3),
                                       WorkerProtocol::http2,
                                       WitnessOffer{4711, {"127.0.0.1", 9101}}}));
}

json reply_json() {
  return json::parse(
      to_json(HeartbeatReply{"a", "primary", Term(7), "a", 1s, true, false, 100ms, 500ms}));
}

// The field that is at fault once `member` of a good heartbeat is `value`; empty when none is.
std::string fault(const std::string& member, const json& value) {
  auto document = heartbeat_json();
  document[member] = value;
  const auto parsed = parse_heartbeat(document.dump());
  if (parsed.ok()) return "";
  CHECK(parsed.error().code == ErrorCode::invalid);
  CHECK(parsed.error().message.find(member) != std::string::npos);
  return parsed.error().field;
}

std::string reply_fault(const std::string& member, const json& value) {
  auto document = reply_json();
  document[member] = value;
  const auto parsed = parse_heartbeat_reply(document.dump());
  return parsed.ok() ? "" : parsed.error().field;
}

}  // namespace

TEST_CASE("a heartbeat is read as it was written") {
  for (const auto condition : {WorkerCondition::up, WorkerCondition::failing,
                               WorkerCondition::draining, WorkerCondition::bye}) {
    const Heartbeat sent{
        "w1", "6f1c",    "web", {"::1", 9001}, 50,           8,
        3,    condition, true,  Term(3),       std::nullopt, WitnessOffer{4711, {"::1", 9}}};
    const auto read = parse_heartbeat(to_json(sent));
    REQUIRE(read.ok());
    CHECK(read->name == "w1");
    CHECK(read->incarnation == "6f1c");
    CHECK(read->service == "web");
    CHECK(read->address == Endpoint{"::1", 9001});
    CHECK(read->weight == 50);
    CHECK(read->connections == 8);
    CHECK(read->in_flight == 3);
    CHECK(read->condition == condition);
    CHECK(read->takes_proof);
    CHECK(read->term == Term(3));
    CHECK(read->witness == sent.witness);
  }
}

TEST_CASE("a worker that knows nothing of terms and votes says nothing of them") {
  Heartbeat sent;
  sent.name = "w1";
  sent.incarnation = "6f1c";
  sent.address = {"::1", 9001};
  const auto document = json::parse(to_json(sent));
  CHECK(!document.contains("takes_proof"));
  CHECK(!document.contains("term"));
  CHECK(!document.contains("witness_control"));
  const auto read = parse_heartbeat(to_json(sent));
  REQUIRE(read.ok());
  CHECK(!read->takes_proof);
  CHECK(read->term == Term(0));
  CHECK(!read->witness);
}

TEST_CASE("a witness has an incarnation and an address, or neither") {
  for (const auto* missing : {"witness_incarnation", "witness_control"}) {
    auto document = heartbeat_json();
    document.erase(missing);
    const auto read = parse_heartbeat(document.dump());
    REQUIRE(!read.ok());
    CHECK(read.error().field == missing);
  }
  CHECK(fault("witness_incarnation", 0) == "witness_incarnation");
  CHECK(fault("witness_incarnation", std::uint64_t{1} << 53) == "witness_incarnation");
  CHECK(fault("witness_control", "127.0.0.1:0") == "witness_control");
}

TEST_CASE("a witness that makes the connections itself has an incarnation, and no address") {
  Heartbeat sent;
  sent.name = "w1";
  sent.incarnation = "6f1c";
  sent.address = {"::1", 9001};
  sent.witness = WitnessOffer{4711, {}};
  const auto document = json::parse(to_json(sent));
  CHECK(document["witness_dials"] == 4711);
  // Members that earlier masters would take for an offer, or refuse.
  CHECK(!document.contains("witness_incarnation"));
  CHECK(!document.contains("witness_control"));
  const auto read = parse_heartbeat(to_json(sent));
  REQUIRE(read.ok());
  CHECK(read->witness == sent.witness);
  CHECK(read->witness->dials());
  CHECK(fault("witness_dials", 0) == "witness_dials");
  CHECK(fault("witness_dials", std::uint64_t{1} << 53) == "witness_dials");
  CHECK(fault("witness_dials", "x") == "witness_dials");
}

TEST_CASE(
    "a heartbeat needs a name, an incarnation and an address, and has defaults for the rest") {
  const auto read =
      parse_heartbeat(R"({"name": "w1", "incarnation": "1", "address": "0.0.0.0:80"})");
  REQUIRE(read.ok());
  CHECK(read->service == "default");
  CHECK(read->weight == 100);
  CHECK(read->connections == 64);
  CHECK(read->in_flight == 0);
  CHECK(read->condition == WorkerCondition::up);
  CHECK(read->address.is_unspecified());
  for (const auto* member : {"name", "incarnation", "address"}) {
    auto document = heartbeat_json();
    document.erase(member);
    const auto parsed = parse_heartbeat(document.dump());
    REQUIRE(!parsed.ok());
    CHECK(parsed.error().field == member);
    CHECK(parsed.error().message == std::string(member) + " is missing");
  }
}

TEST_CASE("every member of a heartbeat has its type") {
  const std::map<std::string, json> good = heartbeat_json();
  const std::vector<json> values{nullptr,
                                 true,
                                 1,
                                 -1,
                                 1.5,
                                 "",
                                 "a/b",
                                 json::array(),
                                 json::object(),
                                 json::array({1}),
                                 std::string(65, 'x'),
                                 "up",
                                 "127.0.0.1:80"};
  const std::map<std::string, std::vector<json>> accepted{
      {"name", {"up"}},
      {"incarnation", {"up"}},
      {"service", {"up"}},
      {"address", {"127.0.0.1:80"}},
      {"weight", {1}},
      {"connections", {1}},
      {"in_flight", {1}},
      {"state", {"up"}},
      {"takes_proof", {true}},
      {"term", {1}},
      {"protocol", {nullptr}},
      {"witness_incarnation", {1}},
      {"witness_control", {"127.0.0.1:80"}},
  };
  for (const auto& [member, unused] : good) {
    const auto& fine = accepted.at(member);
    for (const auto& value : values) {
      INFO(member << " = " << value.dump());
      const bool is_fine = std::find(fine.begin(), fine.end(), value) != fine.end();
      CHECK(fault(member, value) == (is_fine ? "" : member));
    }
  }
}

TEST_CASE("numbers in a heartbeat are whole and within their limits") {
  const std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> ranges{
      {"weight", {0, limits::weight_max}},
      {"connections", {1, limits::worker_connections_max}},
      {"in_flight", {0, limits::worker_in_flight_max}},
  };
  for (const auto& [member, range] : ranges) {
    INFO(member);
    CHECK(fault(member, range.first) == "");
    CHECK(fault(member, range.second) == "");
    CHECK(fault(member, range.second + 1) == member);
    CHECK(fault(member, static_cast<std::int64_t>(range.first) - 1) == member);
    CHECK(fault(member, 1.0) == member);
    CHECK(fault(member, 0.5) == member);
    CHECK(fault(member, std::numeric_limits<std::uint64_t>::max()) == member);
    CHECK(fault(member, std::numeric_limits<std::int64_t>::min()) == member);
    CHECK(fault(member, 1e300) == member);
    CHECK(fault(member, "1") == member);
  }
  for (const auto* number : {"1e999", "18446744073709551616", "1e2", "01", "+1", "0x1", "NaN"}) {
    INFO(number);
    CHECK(!parse_heartbeat(
               std::string(R"({"name":"w","incarnation":"1","address":"1.2.3.4:5","weight":)") +
               number + "}")
               .ok());
  }
}

TEST_CASE("the address in a heartbeat is numeric and has a port") {
  CHECK(fault("address", "127.0.0.1:1") == "");
  CHECK(fault("address", "[::]:1") == "");
  for (const auto* text :
       {"localhost:80", "127.0.0.1:0", "127.0.0.1", "127.0.0.1:65536", "::1:80", ""}) {
    INFO(text);
    CHECK(fault("address", text) == "address");
  }
}

TEST_CASE("a heartbeat may have unknown scalars, but no unknown objects or arrays") {
  CHECK(fault("region", "eu") == "");
  CHECK(fault("region", 5) == "");
  CHECK(fault("region", nullptr) == "");
  CHECK(fault("labels", json::object()) == "labels");
  CHECK(fault("labels", json::array({"a"})) == "labels");
}

TEST_CASE("what is no JSON object is no heartbeat") {
  std::vector<std::string> texts{"",
                                 " ",
                                 "null",
                                 "[]",
                                 "5",
                                 "\"x\"",
                                 "{",
                                 "{}}",
                                 "{\"name\":}",
                                 "{'name':'a'}",
                                 "{\"name\":\"a\",}",
                                 std::string("{}\0", 3),
                                 "// {}",
                                 "\xef\xbb{}"};
  texts.push_back("{\"name\": \"\xff\xfe\"}");      // no UTF-8
  texts.push_back("{\"name\": \"\xc0\xaf\"}");      // overlong
  texts.push_back("{\"name\": \"\xed\xa0\x80\"}");  // a surrogate
  texts.push_back("{\"name\": \"\\ud800\"}");       // half an escape
  texts.push_back("{\"name\": \"a\nb\"}");          // a bare control character
  for (const auto& text : texts) {
    INFO(text);
    const auto parsed = parse_heartbeat(text);
    REQUIRE(!parsed.ok());
    CHECK(parsed.error().code == ErrorCode::invalid);
  }
}

TEST_CASE("a member given twice is refused by its name") {
  const auto parsed =
      parse_heartbeat(R"({"name": "a", "incarnation": "1", "address": "1.2.3.4:5", "name": "b"})");
  REQUIRE(!parsed.ok());
  CHECK(parsed.error().message == "\"name\" is given twice");
  CHECK(!parse_heartbeat(R"({"x": {"y": 1, "y": 1}})").ok());
  // The same name in two objects beside each other is no repetition.
  CHECK(parse_heartbeat(R"({"x": [{"y": 1}, {"y": 1}]})").error().field == "name");
}

TEST_CASE("nesting stops at its limit") {
  const auto nested = [](int depth) {
    return std::string(R"({"x":)") + std::string(static_cast<std::size_t>(depth - 1), '[') +
           std::string(static_cast<std::size_t>(depth - 1), ']') + "}";
  };
  CHECK(parse_heartbeat(nested(limits::json_depth_max)).error().message == "name is missing");
  CHECK(parse_heartbeat(nested(limits::json_depth_max + 1)).error().message.find("nested") !=
        std::string::npos);
  CHECK(parse_heartbeat(std::string(60'000, '[')).error().message.find("nested") !=
        std::string::npos);
  std::string objects;
  for (int i = 0; i < 10'000; ++i) objects += "{\"a\":";
  CHECK(parse_heartbeat(objects).error().message.find("nested") != std::string::npos);
}

TEST_CASE("a heartbeat has a size limit") {
  auto text = heartbeat_json().dump();
  text += std::string(limits::control_body_bytes_max - text.size(), ' ');
  CHECK(parse_heartbeat(text).ok());
  text += ' ';
  CHECK(!parse_heartbeat(text).ok());
}

TEST_CASE("a reply to a heartbeat is read as it was written") {
  const auto read =
      parse_heartbeat_reply(to_json(HeartbeatReply{"a", "standby", Term(9), "b", 250ms, true}));
  REQUIRE(read.ok());
  CHECK(read->node == "a");
  CHECK(read->role == "standby");
  CHECK(read->term == Term(9));
  CHECK(read->primary == "b");
  CHECK(read->interval == Duration(250ms));
  CHECK(read->registered);
}

TEST_CASE("a reply says after which entry of which cluster's log its masters are the masters") {
  HeartbeatReply reply{"a", "standby", Term(9), "b", 250ms, true};
  reply.masters = "a=10.0.0.1:7070";
  CHECK(parse_heartbeat_reply(to_json(reply))->masters_as_of == 0);
  reply.masters_as_of = std::numeric_limits<std::uint64_t>::max();
  reply.cluster = "8311";
  const auto read = parse_heartbeat_reply(to_json(reply));
  REQUIRE(read.ok());
  CHECK(read->masters == "a=10.0.0.1:7070");
  CHECK(read->masters_as_of == reply.masters_as_of);
  CHECK(read->cluster == "8311");
  CHECK(reply_fault("masters_as_of", -1) == "masters_as_of");
  CHECK(reply_fault("cluster", "a b") == "cluster");
}

TEST_CASE("a reply to a heartbeat keeps its limits") {
  CHECK(reply_fault("role", "king") == "role");
  CHECK(reply_fault("role", 1) == "role");
  CHECK(reply_fault("node", "") == "node");
  CHECK(reply_fault("primary", "") == "");
  CHECK(reply_fault("primary", "a b") == "primary");
  CHECK(reply_fault("primary", nullptr) == "primary");
  CHECK(reply_fault("term", std::numeric_limits<std::uint64_t>::max()) == "");
  CHECK(reply_fault("term", -1) == "term");
  CHECK(reply_fault("registered", 1) == "registered");
  CHECK(reply_fault("removed", 1) == "removed");
  CHECK(reply_fault("interval_ms", 10) == "");
  CHECK(reply_fault("interval_ms", 9) == "interval_ms");
  CHECK(reply_fault("interval_ms", 60'000) == "");
  CHECK(reply_fault("interval_ms", 60'001) == "interval_ms");
  CHECK(reply_fault("hint", "x") == "");
  CHECK(reply_fault("hint", json::object()) == "hint");
  for (const auto& [member, unused] : std::map<std::string, json>(reply_json())) {
    auto document = reply_json();
    document.erase(member);
    INFO(member);
    const bool is_optional =
        member == "removed" || member.starts_with("cluster_") || member.starts_with("election_");
    CHECK(parse_heartbeat_reply(document.dump()).ok() == is_optional);
    if (!is_optional) CHECK(parse_heartbeat_reply(document.dump()).error().field == member);
  }
}

TEST_CASE("an answer may say how the service is to be probed, and what is wrong") {
  HeartbeatReply reply;
  reply.node = "a";
  reply.role = "primary";
  reply.interval = 1s;
  const auto plain = to_json(reply);
  CHECK(parse_heartbeat_reply(plain)->checks.empty());
  reply.checks = "check_path=/a\"b check_interval=2s";
  reply.warning = "it advertises 127.0.0.1:9001";
  CHECK(to_json(reply) ==
        with_member(with_member(plain, "checks", reply.checks), "warning", reply.warning));
  const auto parsed = parse_heartbeat_reply(to_json(reply));
  REQUIRE(parsed.ok());
  CHECK(parsed->checks == reply.checks);
  CHECK(parsed->warning == reply.warning);
}

// Both readers of heartbeats, by the same document with a member that only one of them reads.
TEST_CASE("the quick reader of heartbeats and the careful one read alike") {
  auto document = heartbeat_json();
  document["sequence"] = 5;
  document["tls"] = true;
  const auto carefully = [](json changed) {
    changed["a_later_member"] = 1;  // nothing that the quick reader knows
    return parse_heartbeat(changed.dump());
  };
  const auto check_alike = [&](const json& changed) {
    CAPTURE(changed.dump());
    const auto quickly = parse_heartbeat(changed.dump());
    const auto slowly = carefully(changed);
    REQUIRE(quickly.ok() == slowly.ok());
    if (quickly.ok()) CHECK(*quickly == *slowly);
    if (!quickly.ok()) CHECK(quickly.error().message == slowly.error().message);
  };
  check_alike(document);
  for (const auto& [key, value] : document.items()) {
    auto changed = document;
    changed.erase(key);
    check_alike(changed);
    for (const json& other :
         {json(), json(0), json(1), json(-1), json(1.5), json("x"), json(""), json("bye"),
          json("http1"), json("http3"), json("[::1]:80"), json("host:80"), json("127.0.0.1:0"),
          json(true), json(false), json(1'000'001), json(std::uint64_t{1} << 53), json::object()}) {
      changed[key] = other;
      check_alike(changed);
    }
  }
}

}  // namespace tandem::wire::heartbeat_test
