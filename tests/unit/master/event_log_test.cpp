#include "master/events/event_log.hpp"

#include <set>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "master/control/change_events.hpp"
#include "master/control/view_events.hpp"
#include "master/events/limits.hpp"

namespace tandem::master::event_log_test {
namespace {

LogPosition at(std::uint64_t term, std::uint64_t index) { return {Term(term), LogIndex(index)}; }

struct Log {
  unsigned told = 0;
  EventLog events{"a", [this] { ++told; }};

  void change(std::uint64_t term, std::uint64_t index) {
    events.record(at(term, index), {.kind = EventKind::change, .text = "w1 is drained"});
  }
  void see(std::uint64_t term) {
    events.record(Term(term), {.kind = EventKind::worker, .text = "w1 is down"});
  }
};

}  // namespace

TEST_CASE("ids of events are read as they were written, and nothing else is one") {
  for (const auto* text : {"3.1742", "3.1742+b.1764221000123", "0.0+node.with.dots.1"}) {
    const auto id = parse_event_id(text);
    REQUIRE(id);
    CHECK(to_string(*id) == text);
  }
  for (const auto* text : {"", "3", "3.", ".3", "3.x", "3.4+", "3.4+b", "3.4+b.", "3.4+b.-1",
                           "3.4+.5", "-3.4", "3.4 ", "3.4+b c.5", "99999999999999999999.1"}) {
    INFO(text);
    CHECK_FALSE(parse_event_id(text));
  }
}

TEST_CASE("a change that is applied again after a restart has the time of the first time") {
  const auto time_of = [](const Log& log, std::uint64_t number) {
    return nlohmann::json::parse(log.events.json(number))["time"].get<std::string>();
  };
  Log before;
  before.events.times().read("1.1 1000\n1.2 62500\n");
  before.change(1, 2);
  CHECK(time_of(before, 0) == "1970-01-01T00:01:02.500Z");
  CHECK_FALSE(before.events.times().has_news());
  before.change(2, 3);
  REQUIRE(before.events.times().has_news());
  const auto kept = before.events.times().text();
  CHECK_FALSE(before.events.times().has_news());
  Log after;
  after.events.times().read(kept);
  for (const std::uint64_t index : {2, 3}) after.change(index == 2 ? 1 : 2, index);
  CHECK(time_of(after, 0) == time_of(before, 0));
  CHECK(time_of(after, 1) == time_of(before, 1));
}

TEST_CASE("times of changes are read up to what is none, and the newest are kept") {
  for (const auto* bad :
       {"x\n", "1.2\n", "1.2 x\n", "1.2 3x\n", "1.2 -3\n", "1.2+b.3 4\n", "1.2 3"}) {
    INFO(bad);
    ChangeTimes times;
    times.read(std::string("1.1 1\n") + bad);
    CHECK(times.text() == "1.1 1\n");
  }
  ChangeTimes times;
  for (std::uint64_t index = 1; index <= limits::events_max + 1; ++index) {
    times.of(at(7, index), Event::Time(std::chrono::milliseconds(5)));
  }
  CHECK(times.size() == limits::events_max);
  const auto text = times.text();
  CHECK(text.starts_with("7.2 5\n"));
  CHECK(text.size() <= limits::change_times_bytes_max);
  ChangeTimes again;
  again.read(text);
  CHECK(again.text() == text);
}

TEST_CASE("a reader goes on after its last event, also at a master that does not know that one") {
  Log log;
  log.change(1, 1);
  log.change(1, 2);
  log.see(1);
  log.change(2, 5);
  CHECK(log.told == 4);
  CHECK(log.events.after(log.events.id(2)).number == 3);
  CHECK(log.events.after({.position = at(1, 2)}).number == 2);
  // A local event of another master, long before and long after.
  CHECK(log.events.after({.position = at(1, 1), .node = "b", .number = 1}).number == 1);
  const auto later = log.events.id(2).number + 100'000;
  CHECK(log.events.after({.position = at(1, 2), .node = "b", .number = later}).number == 3);
  CHECK(log.events.after({.position = at(2, 9)}).number == 4);
  CHECK_FALSE(log.events.after({.position = at(1, 2)}).missed);
}

TEST_CASE("what a master saw in one millisecond has different ids") {
  Log log;
  for (int i = 0; i < 100; ++i) log.see(1);
  for (std::uint64_t i = 1; i < 100; ++i) {
    CHECK(log.events.id(i - 1).number < log.events.id(i).number);
  }
}

TEST_CASE("the newest events are kept, and who lacks older ones is told so") {
  Log log;
  for (std::size_t i = 0; i <= limits::events_max; ++i) log.change(1, i + 1);
  CHECK(log.events.next() - log.events.first() == limits::events_max);
  CHECK(to_string(log.events.id(log.events.first())) == "1.2");
  const auto from = log.events.after({.position = at(1, 0)});
  CHECK(from.number == log.events.first());
  CHECK(from.missed);
  CHECK_FALSE(log.events.after({.position = at(1, 3)}).missed);
}

TEST_CASE("a master that began with a snapshot says that it lacks what came before") {
  Log log;
  log.events.begins_after(at(2, 10));
  log.change(2, 11);
  CHECK(log.events.after({.position = at(1, 3)}).missed);
  CHECK_FALSE(log.events.after({.position = at(2, 10)}).missed);
}

TEST_CASE("an event is one line of JSON, and its long texts are cut between characters") {
  Event event{.kind = EventKind::change, .what = "weight", .subject = "w1"};
  event.after = "x";
  while (event.after.size() < 2 * limits::event_text_bytes_max) event.after += "é";
  event.by = {"ann", "operator", "127.0.0.1"};
  const auto text = to_json(event, {.position = at(3, 7)}, "a", Term(3));
  CHECK(text.find('\n') == text.npos);
  const auto json = nlohmann::json::parse(text);
  CHECK(json["id"] == "3.7");
  CHECK(json["by"]["name"] == "ann");
  CHECK(json["after"].get<std::string>().size() < limits::event_text_bytes_max + 4);
  CHECK_FALSE(json.contains("reason"));
}

TEST_CASE("a change is told with the old and the new value, and a secret is not") {
  ClusterState state;
  REQUIRE(state.apply(RaiseFeatureLevel{wire::features::newest}).ok());
  REQUIRE(
      state.apply(Join{.name = "w1", .worker = {.service = "shop", .address = {"127.0.0.1", 9}}})
          .ok());
  const auto drained = event_of(SetDrained{.name = "w1"}, state);
  REQUIRE(drained);
  CHECK(drained->before == "not drained");
  CHECK(drained->after == "drained");
  REQUIRE(state.apply(SetWeight{.name = "w1", .weight = 20}).ok());
  const auto weighed = event_of(SetWeight{.name = "w1", .weight = 50}, state);
  CHECK(weighed->before == "20");
  CHECK(weighed->after == "50");
  CHECK_FALSE(event_of(SetSecret{std::string(64, 'a')}, state));
}

TEST_CASE("what changes of the cluster's view is told once") {
  ViewEvents told("a");
  cluster::ClusterView view;
  view.term = Term(1);
  const auto next = [&](const char* role) { return told.next(view, role, Instant()); };
  CHECK(next("candidate").empty());
  view.role = core::Role::primary;
  view.primary = core::NodeId("a");
  view.told_by = core::NodeId("a");
  view.voters.resize(2);
  view.voters[0].name = "a";
  view.voters[1].name = "b";
  view.voters_committed = true;
  const auto elected = next("primary");
  REQUIRE(elected.size() == 3);
  CHECK(elected[0].text == "a leads, in term 1");
  CHECK(elected[1].text == "a, b vote");
  CHECK(elected[2].kind == EventKind::protection);
  CHECK(next("primary").empty());
  view.voters[1].silent_since = Instant();
  view.failure = "the disk is full";
  const auto failing = next("primary");
  REQUIRE(failing.size() == 2);
  CHECK(failing[0].text == "b does not answer");
  CHECK(failing[1].reason == "the disk is full");
  view.failure.clear();
  view.voters[1].silent_since.reset();
  CHECK(next("primary").size() == 2);
}

TEST_CASE("a master that takes part no more tells that once, and not as a matter of its disk") {
  ViewEvents told("a");
  cluster::ClusterView view;
  view.failure = "a later version wrote the log";
  view.ended = true;
  const auto events = told.next(view, "candidate", Instant());
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == EventKind::role);
  CHECK(events[0].text == "a no longer takes part");
  CHECK(events[0].reason == view.failure);
  CHECK(told.next(view, "candidate", Instant()).empty());
}

TEST_CASE("a new primary tells nothing of its voters before they have answered") {
  ViewEvents told("a");
  cluster::ClusterView view;
  view.role = core::Role::primary;
  view.primary = core::NodeId("a");
  view.told_by = core::NodeId("a");
  view.voters.resize(2);
  view.voters[1].unheard = true;
  const auto kinds = [&] {
    std::set<EventKind> found;
    for (const auto& event : told.next(view, "primary", Instant())) found.insert(event.kind);
    return found;
  };
  CHECK(!kinds().contains(EventKind::protection));
  view.voters[1].unheard = false;
  view.is_protected = true;
  CHECK(kinds().contains(EventKind::protection));
}

}  // namespace tandem::master::event_log_test
