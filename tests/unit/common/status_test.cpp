#include "common/wire/status.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "common/wire/error_document.hpp"

namespace tandem::wire::status_test {

using nlohmann::json;

namespace {

WorkerStatus worker(const std::string& name) {
  return {name, "default", "127.0.0.1:9001", "tandem", "up", "", "http1", 100, 64, 3, 1'000,
          2,    250};
}

Status status() {
  Status status;
  status.cluster = "c-1";
  status.node = "a";
  status.version = "0.1.0";
  status.role = "primary";
  status.term = Term(3);
  status.protected_ = true;
  status.primary = PrimaryStatus{"a", "127.0.0.1:7070", "127.0.0.1:8080", "127.0.0.1:7443"};
  status.commit_index = LogIndex(12);
  status.applied_index = LogIndex(11);
  status.voters_told_by = "a";
  status.voters_committed = false;
  status.voters = {{"a", "master", LogIndex(12), 0, true},
                   {"w1", "witness", LogIndex(10), 2, false, 700}};
  status.services = {{"default", 3, 2, true}};
  status.publications = {{"etcd=h:1", "lost", "refused", 7, 3, 1, "theirs"}};
  status.sources = {{"web=etcd:h:1", "web", "lost", "refused", 7, 3, 1, "taken", 2, "no address"}};
  status.vips = {{"10.0.0.9/24", "eth0", true, "the interface is down"}};
  status.certificates = {{"a.pem", {"a.example", "*.a.example"}, "2026-12-24T00:00:00Z", 28}};
  status.workers = {worker("w1"), worker("w2")};
  status.workers[1].until_ms = 1'500;
  return status;
}

// The field at fault once the member at `pointer` of a good status is `value`.
std::string fault(const std::string& pointer, const json& value) {
  auto document = json::parse(to_json(status()));
  document[json::json_pointer(pointer)] = value;
  const auto parsed = parse_status(document.dump());
  return parsed.ok() ? "" : parsed.error().field;
}

}  // namespace

TEST_CASE("a status says how the cluster is as a whole, by the worst problem") {
  const auto verdict = [](const Status& each) { return json::parse(to_json(each))["verdict"]; };
  auto told = status();
  CHECK(verdict(told) ==
        json{{"health", "degraded"}, {"why", "address 10.0.0.9/24: the interface is down"}});
  told.workers[0].state = "draining";
  told.workers[1].reason = "its last 5 requests failed";
  CHECK(verdict(told) ==
        json{{"health", "no_service"}, {"why", "none of 2 workers serves: w1 is draining"}});
  told.primary.reset();
  CHECK(verdict(told) == json{{"health", "no_primary"}, {"why", "nobody is known to lead"}});
  Status well = status();
  well.vips.clear();
  well.voters[1].silent_ms.reset();
  well.services[0].panic = false;
  CHECK(verdict(well) == json{{"health", "well"}, {"why", ""}});
  well.certificates[0].valid_from = "2026-12-01T00:00:00Z";
  CHECK(verdict(well) ==
        json{{"health", "degraded"},
             {"why", "certificate a.pem is not valid before 2026-12-01T00:00:00Z"}});
  const auto read = parse_status(to_json(well));
  REQUIRE(read.ok());
  CHECK(read->certificates[0].valid_from == "2026-12-01T00:00:00Z");
}

TEST_CASE("a status is read as it was written") {
  const auto read = parse_status(to_json(status()));
  REQUIRE(read.ok());
  CHECK(read->cluster == "c-1");
  CHECK(read->role == "primary");
  CHECK(read->term == Term(3));
  CHECK(read->protected_);
  REQUIRE(read->primary);
  CHECK(read->primary->control == "127.0.0.1:7070");
  CHECK(read->primary->inner == "127.0.0.1:7443");
  CHECK(read->commit_index == LogIndex(12));
  CHECK(read->applied_index == LogIndex(11));
  REQUIRE(read->voters.size() == 2);
  CHECK(read->voters[1].kind == "witness");
  CHECK(read->voters[1].match_index == LogIndex(10));
  CHECK(read->voters[1].lag == 2);
  CHECK(read->voters[1].in_sync == false);
  CHECK(read->voters[1].silent_ms == 700);
  CHECK(read->voters_told_by == "a");
  CHECK_FALSE(read->voters_committed);
  REQUIRE(read->workers.size() == 2);
  CHECK(read->workers[1].name == "w2");
  CHECK(read->workers[1].requests == 1'000);
  CHECK(read->workers[1].last_heartbeat_ms == 250);
  CHECK(read->workers[1].until_ms == 1'500);
  CHECK(!read->workers[0].until_ms);
  REQUIRE(read->sources.size() == 1);
  CHECK(read->sources[0].source == "web=etcd:h:1");
  CHECK(read->sources[0].state == "lost");
  CHECK(read->sources[0].lost_ms == 7);
  CHECK(read->sources[0].left_out_why == "taken");
  CHECK(read->sources[0].skipped == 2);
  REQUIRE(read->publications.size() == 1);
  CHECK(read->publications[0].publication == "etcd=h:1");
  CHECK(read->publications[0].state == "lost");
  CHECK(read->publications[0].lost_ms == 7);
  CHECK(read->publications[0].entries == 3);
  CHECK(read->publications[0].left_out_why == "theirs");
  REQUIRE(read->vips.size() == 1);
  CHECK(read->vips[0].address == "10.0.0.9/24");
  CHECK(read->vips[0].interface == "eth0");
  CHECK(read->vips[0].held);
  CHECK(read->vips[0].problem == "the interface is down");
  REQUIRE(read->certificates.size() == 1);
  CHECK(read->certificates[0].file == "a.pem");
  CHECK(read->certificates[0].names == std::vector<std::string>{"a.example", "*.a.example"});
  CHECK(read->certificates[0].expires == "2026-12-24T00:00:00Z");
  CHECK(read->certificates[0].days_left == 28);
  REQUIRE(read->services.size() == 1);
  CHECK(read->services[0].out == 2);
  CHECK(read->services[0].panic);
  CHECK(to_json(*read) == to_json(status()));
}

TEST_CASE("a status says null where there is no primary and no heartbeat") {
  auto unknown = status();
  unknown.primary.reset();
  unknown.workers[0].last_heartbeat_ms.reset();
  const auto document = json::parse(to_json(unknown));
  CHECK(document["primary"].is_null());
  CHECK(document["workers"][0]["last_heartbeat_ms"].is_null());
  const auto read = parse_status(document.dump());
  REQUIRE(read.ok());
  CHECK(!read->primary);
  CHECK(!read->workers[0].last_heartbeat_ms);
}

TEST_CASE("a mistake in a status is named by its place") {
  CHECK(fault("/workers/1/weight", -1) == "workers[1].weight");
  CHECK(fault("/workers/1", 5) == "workers[1]");
  CHECK(fault("/workers/0/last_heartbeat_ms", "soon") == "workers[0].last_heartbeat_ms");
  CHECK(fault("/voters/0/match_index", 1.5) == "voters[0].match_index");
  CHECK(fault("/voters", json::object()) == "voters");
  CHECK(fault("/primary/node", nullptr) == "primary.node");
  CHECK(fault("/primary", "a") == "primary");
  CHECK(fault("/protected", "yes") == "protected");
  CHECK(fault("/term", -1) == "term");
}

TEST_CASE("a status of a newer master may say more") {
  CHECK(fault("/dashboard", json{{"a", {1, 2}}}) == "");
  CHECK(fault("/workers/0/labels", json::array({1})) == "");
}

TEST_CASE("lists of workers and services have a name around them") {
  const auto workers = parse_workers(to_json(std::vector{worker("w1")}));
  REQUIRE(workers.ok());
  CHECK(workers->at(0).name == "w1");
  CHECK(parse_workers("{}").error().field == "workers");
  CHECK(parse_workers(R"({"workers": []})")->empty());

  const ServiceInstances web{"web", {worker("w1")}};
  CHECK(json::parse(to_json(web))["instances"][0]["name"] == "w1");
  CHECK(json::parse(to_json(std::vector{web}))["services"][0]["name"] == "web");
  CHECK(to_json(std::vector<ServiceInstances>{}) == R"({"services":[]})");
}

TEST_CASE("an error document has a code, a message, and the field when there is one") {
  CHECK(error_document(invalid("weight must be 1", "weight")) ==
        R"({"error":{"code":"invalid","message":"weight must be 1","field":"weight"}})");
  CHECK(error_document(fail(ErrorCode::not_found, "no worker")) ==
        R"({"error":{"code":"not_found","message":"no worker"}})");
  CHECK(error_document("no_worker", "none is up") ==
        R"({"error":{"code":"no_worker","message":"none is up"}})");
}

TEST_CASE("an error document is valid JSON whatever the message holds") {
  const auto text = error_document("x", "a\"\n\xff\x01");
  CHECK(json::accept(text));
}

TEST_CASE("the message of an error document is found, and other text is its own message") {
  CHECK(error_message(error_document("x", "none is up")) == "none is up");
  CHECK(error_message("Bad Gateway") == "Bad Gateway");
  CHECK(error_message(R"({"error": "x"})") == R"({"error": "x"})");
  CHECK(error_message(R"({"error": {"message": 5}})") == R"({"error": {"message": 5}})");
}

}  // namespace tandem::wire::status_test
