#include "ctl/commands.hpp"

#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "ctl/draining.hpp"
#include "ctl/masters.hpp"
#include "ctl/settings.hpp"
#include "ctl/table.hpp"
#include "tests/unit/ctl/scripted_control.hpp"

namespace tandem::ctl::commands_test {
namespace {

// The lines that it tells, in order.
struct Told {
  Waiting waiting(Duration timeout) {
    return {.timeout = timeout, .progress = [this](const auto& line) { lines.push_back(line); }};
  }
  std::vector<std::string> lines;
};

}  // namespace

TEST_CASE("workers are shown as a table sorted by service and name") {
  Control control;
  CHECK(*show_workers(ControlClient({control.address}), Format::tables) ==
        "WORKER  SERVICE  ADDRESS         SPEAKS  STATE  WEIGHT  IN FLIGHT  REQUESTS  FAILURES  "
        "HEARD  REASON\n"
        "b1      default  10.0.0.5:80     ?       down        1          0         0         0  "
        "never\n"
        "w1      default  127.0.0.1:9001  http1   up        100          3      1000         0   "
        "0.2s\n"
        "w2      default  127.0.0.1:9002  http2   down      100          0         7         2     "
        "1m  3 "
        "heartbeats missed\n");
  control->status.workers.clear();
  CHECK(*show_workers(ControlClient({control.address}), Format::tables) == "no workers\n");
}

TEST_CASE("the status shows the cluster, its voters and its workers") {
  Control control;
  control->status.voters[0].lag = 0;
  control->status.voters.push_back({"b", "master", LogIndex(9), 3, false, 6'000});
  control->status.voters.push_back({"w1", "witness", LogIndex(0)});
  const auto text = show_status(ControlClient({control.address}), Format::tables)->text;
  CHECK(text.find("cluster    c-1\n"
                  "node       a, primary in term 3\n"
                  "version    0.1.0\n"
                  "primary    a, clients 127.0.0.1:8080, control 127.0.0.1:7070\n"
                  "protected  no: a loss of the primary ends service\n"
                  "log        committed 0, applied 0\n"
                  "\n"
                  "VOTER  KIND     MATCH  LAG  HEARD\n"
                  "a      master      12    0  yes\n"
                  "b      master       9    3  6.0s ago\n"
                  "w1     witness      0    ?  ?\n"
                  "\n"
                  "WORKER  SERVICE") == 0);
}

TEST_CASE("the status shows which services panic, and how long workers are left alone yet") {
  Control control;
  control->status.services = {{"default", 3, 2, true}, {"shop", 3, 1, false}};
  control->status.workers[0].state = "suspect";
  control->status.workers[0].reason = "ejected after 5 failures in a row";
  control->status.workers[0].until_ms = 1'400;
  const ControlClient client({control.address});
  auto text = show_status(client, Format::tables)->text;
  CHECK(text.find("panic      service default: 2 of 3 workers are out for their health, the least "
                  "bad are asked\n") != std::string::npos);
  CHECK(text.find("service shop") == std::string::npos);
  CHECK(text.find("ejected after 5 failures in a row, for 1.4s\n") != std::string::npos);
  control->status.workers[0].until_ms = 0;
  text = show_status(client, Format::tables)->text;
  CHECK(text.find("in a row, is being tried\n") != std::string::npos);
}

TEST_CASE("scripts get the documents as the master wrote them") {
  Control control;
  const ControlClient client({control.address});
  const auto status = control->status;
  CHECK(show_status(client, Format::json)->text == wire::to_json(status));
  CHECK(*show_workers(client, Format::json) == wire::to_json(status.workers));
  CHECK(*drain(client, "w1", Format::json) == "{}");
}

TEST_CASE("what a service answers at a client address is not taken for a master's word") {
  struct Given {
    const char* body;
    const char* via;
  };
  const auto given =
      GENERATE(Given{"<html>welcome</html>", ""}, Given{"", ""}, Given{"null", ""},
               Given{"{\"ok\": true}", "1.1 tandem"}, Given{"{\"status\": \"ok\"}", ""});
  ConnectionServer service;
  const auto answer = [&](const httplib::Request&, httplib::Response& response) {
    response.set_content(given.body, "text/html");
    if (*given.via != 0) response.set_header("Via", given.via);
  };
  service.Get(".*", answer);
  service.Post(".*", answer);
  service.Delete(".*", answer);
  const auto address = service.open({"127.0.0.1", 0}, 4);
  REQUIRE(address.ok());
  const ControlClient client({*address});
  INFO(given.body);
  for (const auto& outcome :
       {drain(client, "w1", Format::tables), undrain(client, "w1", Format::tables),
        show_workers(client, Format::json), remove_now(client, "w1", Format::tables),
        client.post("/v1/reload")}) {
    REQUIRE_FALSE(outcome.ok());
    CHECK_THAT(outcome.error().message, Catch::Contains("is none of a control address"));
  }
}

TEST_CASE("a worker is drained and undrained by its name") {
  Control control;
  const ControlClient client({control.address});
  CHECK(*drain(client, "w1", Format::tables) == "w1 is draining: it gets no new requests\n");
  CHECK(*undrain(client, "w1", Format::tables) == "w1 gets requests again\n");
  CHECK(control->asked ==
        std::vector<std::string>{"/v1/workers/w1/drain", "/v1/workers/w1/undrain"});
}

TEST_CASE("what a master refuses is told in its own sentence") {
  Control control;
  CHECK(drain(ControlClient({control.address}), "none", Format::tables).error().message ==
        "there is no worker none");
}

TEST_CASE("masters are tried in turn, and when none answers each is named") {
  Control control;
  const Endpoint absent{"127.0.0.1", 1};
  CHECK(show_status(ControlClient({absent, control.address}), Format::tables).ok());
  const auto failed = show_status(ControlClient({absent, {"127.0.0.1", 2}}), Format::tables);
  CHECK(failed.error().message ==
        "no master can answer: 127.0.0.1:1 (no connection), 127.0.0.1:2 (no connection)");
}

TEST_CASE("a document that is no status is an error, not a table") {
  Control control;
  control->status.node = "";
  CHECK(show_status(ControlClient({control.address}), Format::tables).ok());
  ConnectionServer other;
  other.Get("/status",
            [](const auto&, auto& response) { response.set_content("<html>", "text/html"); });
  const auto address = *other.open({"127.0.0.1", 0}, 2);
  CHECK(!show_status(ControlClient({address}), Format::tables).ok());
}

TEST_CASE("a table aligns characters, not bytes, and shows no control characters") {
  Table table({{"A"}, {"N", Table::Align::right}});
  table.add({"\xc3\xa9t\xc3\xa9", "1"});
  table.add({"\x1b[31mx\n", "1000"});
  CHECK(table.to_string() ==
        "A                 N\n\xc3\xa9t\xc3\xa9               1\n\\x1b[31mx\\x0a  1000\n");
}

TEST_CASE("a drain that waits goes on while no master leads, and tells what changes") {
  Control control;
  control->waiting = {
      in_flight(3), in_flight(3), refused(503, "not_primary"), in_flight(1), {200, "{}"}};
  Told told;
  CHECK(*drain_and_wait(ControlClient({control.address}), "w1", told.waiting(1min),
                        Format::tables) == "w1 is drained: nothing of it is in flight\n");
  CHECK(control->asked == std::vector<std::string>{"/v1/workers/w1/drain"});
  REQUIRE(told.lines.size() == 3);
  CHECK(told.lines[0] == "w1: 3 requests in flight");
  CHECK(told.lines[1].find("no master can answer") != std::string::npos);
  CHECK(told.lines[2] == "w1: 1 request in flight");
}

TEST_CASE("a drain whose time is over says how many requests are left") {
  Control control;
  control->waiting = {in_flight(2)};
  const auto late =
      drain_and_wait(ControlClient({control.address}), "w1", {.timeout = 1ms}, Format::tables);
  CHECK(late.error().message ==
        "w1 is drained, but not idle after 1ms: 2 requests still in flight");
}

TEST_CASE("a worker that is gone has nothing in flight") {
  Control control;
  control->waiting = {in_flight(2), refused(404, "not_found")};
  CHECK(drain_and_wait(ControlClient({control.address}), "w1", {.timeout = 1min}, Format::tables)
            .ok());
}

TEST_CASE("a removal that was made while its answer was lost is a removal") {
  Control control;
  const ControlClient client({control.address});
  control->waiting = {refused(503, "outcome_unknown"), refused(404, "not_found")};
  CHECK(*remove(client, "w1", {.timeout = 1min}, Format::tables) == "w1 is removed\n");
  CHECK(remove(client, "w1", {.timeout = 1min}, Format::tables).error().message == "cannot");
  control->waiting = {{200, R"({"workers":[]})"}};
  CHECK(*remove_now(client, "w1", Format::json) == R"({"workers":[]})");
}

TEST_CASE("the removal of a witness says what it means while no other takes its place") {
  Control control;
  control->status.voters.push_back({"w1", "witness", LogIndex(0)});
  const ControlClient client({control.address});
  control->waiting = {{200, R"({"workers":[]})"}};
  CHECK(*remove_now(client, "w1", Format::tables) ==
        "w1 is removed\nw1 was a witness, and counts as a silent voter until another worker with a "
        "--state-dir takes its place\n");
}

TEST_CASE("a master is removed once that is committed: until then its vote may be needed again") {
  Control control;
  control->status.voters_committed = false;
  Told told;
  auto waiting = told.waiting(1min);
  waiting.progress = [&](const std::string& line) {
    told.lines.push_back(line);
    control->status.voters_committed = true;
  };
  CHECK(remove_master(ControlClient({control.address}), "b", waiting, Format::json).ok());
  CHECK(told.lines == std::vector<std::string>{"the change of voters is not committed yet"});
}

TEST_CASE("a removal that waits for a silent voter names it") {
  const auto voter = [](const std::string& name, std::optional<std::int64_t> silent_ms) {
    return wire::VoterStatus{
        .name = name, .kind = "master", .match_index = {}, .silent_ms = silent_ms};
  };
  Control control;
  control->status.voters = {voter("a", {}), voter("b", {}), voter("c", 1500)};
  Told told;
  auto waiting = told.waiting(1min);
  waiting.progress = [&](const std::string& line) {
    told.lines.push_back(line);
    control->status.voters = {voter("a", {}), voter("c", {})};
  };
  CHECK(remove_master(ControlClient({control.address}), "b", waiting, Format::json).ok());
  CHECK(told.lines == std::vector<std::string>{"b still votes: c does not answer"});
}

TEST_CASE("what forbids a removal ends the wait") {
  Control control;
  control->waiting = {in_flight(1), refused(409, "conflict")};
  CHECK(remove(ControlClient({control.address}), "w1", {.timeout = 1min}, Format::tables)
            .error()
            .message == "cannot");
}

TEST_CASE("settings of a service are shown, changed one by one, and forgotten") {
  Control control;
  const ControlClient client({control.address});
  CHECK(*show_settings(client, "shop", Format::tables) == "nothing is set\n");
  REQUIRE(
      change_settings(client, "shop", {"request_timeout=2s", "retry_on=502,503"}, Format::tables));
  CHECK(*change_settings(client, "shop", {"attempts=2"}, Format::tables) ==
        "request_timeout=2s\nattempts=2\nretry_on=502,503\n");
  const auto settings = control->settings;
  CHECK(*show_settings(client, "shop", Format::json) == settings);
  const auto refused = change_settings(client, "shop", {"attempts=99"}, Format::tables);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message.find("attempts must be") != std::string::npos);
  CHECK(*reset_settings(client, "shop", Format::tables) == "nothing is set\n");
}

TEST_CASE("the status says in one line, and by how it ends, whether all is well") {
  Control control;
  const ControlClient client({control.address});
  const auto check = [&] { return *show_status(client, Format::tables, true); };
  CHECK(check().text == "DEGRADED worker w2 is down: 3 heartbeats missed\n");
  CHECK(check().health == Health::degraded);
  control->status.workers.clear();
  CHECK(check().text == "NO SERVICE no worker has joined: requests are answered 503\n");
  CHECK(check().health == Health::no_service);
  control->status.workers = {up("w1")};
  CHECK(check().text == "OK primary a in term 3, 1 voters, 1 workers\n");
  CHECK(check().health == Health::well);
  control->status.workers.push_back(up("w2"));
  control->status.workers.push_back(up("w3"));
  for (const auto drained : {1u, 2u}) control->status.workers[drained].state = "draining";
  CHECK(check().text == "OK primary a in term 3, 1 voters, 1 of 3 workers\n");
  control->status.coordinator = wire::CoordinatorStatus{.kind = "etcd", .endpoints = {}};
  CHECK(check().text == "OK primary a in term 3, coordinated by etcd, 1 of 3 workers\n");
  control->status.coordinator.reset();
  control->status.workers.resize(1);
  control->status.workers[0].reason = "its last 12 requests failed";
  CHECK(check().text == "NO SERVICE the only worker w1 is up: its last 12 requests failed\n");
  control->status.workers.push_back(up("w2"));
  CHECK(check().text == "DEGRADED worker w1 is up: its last 12 requests failed\n");
  control->status.workers[1].state = "draining";
  CHECK(check().text ==
        "NO SERVICE none of 2 workers serves: w1 is up: its last 12 requests failed\n");
  control->status.workers = {up("w1")};
  // Its workers drain, or weigh nothing.
  control->status.services = {{.name = "shop"}};
  CHECK(check().text == "DEGRADED service shop has no worker that takes requests\n");
  control->status.services.clear();
  control->status.without_vote = {"b"};
  CHECK(check().text == "DEGRADED b does not vote yet\n");
  CHECK(check().health == Health::degraded);
  control->status.without_vote.clear();
  control->status.voters.push_back({"b", "master", LogIndex(12)});
  control->status.protection = "b has not been heard for 6 s";
  CHECK(check().text == "DEGRADED not protected: b has not been heard for 6 s\n");
  CHECK(show_status(client, Format::tables)->text.find("no: b has not been heard for 6 s") !=
        std::string::npos);
  control->status.protected_ = true;
  control->status.voters[1].silent_ms = 6'000;
  CHECK(check().text == "DEGRADED b has not been heard for 6.0s\n");
  control->status.primary.reset();
  CHECK(check().text == "NO PRIMARY nobody is known to lead\n");
  CHECK(check().health == Health::no_primary);
}

TEST_CASE("a standby that the primary has not told yet who answers is asked again") {
  Control control;
  control->status.workers = {up("w1")};
  control->status.primary->control = control.address.to_string();
  control->status.role = "standby";
  control->status.voters.push_back({"b", "master", LogIndex(12)});
  control->status.protection = "all voters answer";
  control->status.protected_ = true;
  control->untold = 3;
  const auto shown = show_status(ControlClient({control.address}), Format::tables, true);
  REQUIRE(shown.ok());
  CHECK(shown->text == "OK primary a in term 3, 2 voters, 1 workers\n");
  CHECK(control->untold == 0);
}

TEST_CASE("whether requests fail is asked of the primary, which passes them on") {
  Control primary;
  primary->status.workers = {up("w1")};
  primary->status.workers[0].reason = "its last 7 requests failed";
  Control standby;
  standby->status.workers = {up("w1")};
  standby->status.node = "b";
  standby->status.role = "standby";
  standby->status.primary->control = primary.address.to_string();
  const ControlClient client({standby.address});
  CHECK(show_status(client, Format::tables, true)->text ==
        "NO SERVICE the only worker w1 is up: its last 7 requests failed\n");
  standby->status.primary->control = "127.0.0.1:1";  // it cannot be asked
  CHECK(show_status(client, Format::tables, true)->text ==
        "OK primary a in term 3, 1 voters, 1 workers\n");
}

}  // namespace tandem::ctl::commands_test
