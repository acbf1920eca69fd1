// What a worker sends again and again, and when it sends all of it.
#include <catch2/catch.hpp>

#include "tandem/worker.hpp"
#include "tests/unit/worker/recording_master.hpp"

namespace tandem::test::repeated_heartbeat_test {
namespace {

RegistrationOptions options_for(const RecordingMaster& master) {
  RegistrationOptions options;
  options.name = "w1";
  options.masters = {master.address()};
  options.address = "127.0.0.1:9001";
  options.heartbeat_interval = 10ms;
  return options;
}

}  // namespace

TEST_CASE("a worker repeats in the short form what a master has kept, with what is in flight now") {
  RecordingMaster master;
  master.take_repeats();
  auto options = options_for(master);
  std::atomic<unsigned> in_flight{1};
  options.in_flight = [&] { return in_flight.fetch_add(1); };
  Registration registration(options);
  REQUIRE(registration.start() == std::nullopt);
  REQUIRE(master.hears_repetitions(3));
  CHECK(master.heard().size() == 1);
  CHECK(master.heard().front().sequence == 1);
  const auto heard = master.repetitions();
  CHECK(heard[0] == 2);
  CHECK(heard[2] == 4);
  CHECK(registration.masters()[0].answers);
}

TEST_CASE("a master that says nothing of repetitions hears everything each time") {
  RecordingMaster master;
  Registration registration(options_for(master));
  REQUIRE(registration.start() == std::nullopt);
  REQUIRE(master.hears(3));
  CHECK(master.repetitions().empty());
}

TEST_CASE("a change is sent in full, under the next number") {
  RecordingMaster master;
  master.take_repeats();
  Registration registration(options_for(master));
  REQUIRE(registration.start() == std::nullopt);
  REQUIRE(master.hears_repetitions(1));
  registration.set_condition(Condition::draining);
  REQUIRE(master.hears(wire::WorkerCondition::draining));
  CHECK(master.heard().back().sequence == 2);
  const auto before = master.repetitions().size();
  REQUIRE(master.hears_repetitions(before + 1));
  registration.stop();
  CHECK(master.heard().back().condition == wire::WorkerCondition::bye);
}

TEST_CASE("a master that has forgotten what was said is told all of it at once") {
  RecordingMaster master;
  master.take_repeats();
  Registration registration(options_for(master));
  REQUIRE(registration.start() == std::nullopt);
  REQUIRE(master.hears_repetitions(1));
  master.forget();
  REQUIRE(master.hears(2));
  CHECK(master.heard().back().sequence == 1);
  CHECK(registration.masters()[0].error.empty());
}

TEST_CASE("after an answer that is none, all of it is sent again") {
  RecordingMaster master;
  master.take_repeats();
  Registration registration(options_for(master));
  REQUIRE(registration.start() == std::nullopt);
  REQUIRE(master.hears_repetitions(1));
  master.answer_with(503);
  master.tell_news();
  REQUIRE(eventually([&] { return !registration.masters()[0].answers; }));
  const auto heard = master.heard().size();
  master.answer_with(200);
  REQUIRE(master.hears(heard + 1));
  REQUIRE(eventually([&] { return registration.masters()[0].answers; }));
}

TEST_CASE("news in the answer to a repetition are taken") {
  RecordingMaster master;
  master.take_repeats();
  Registration registration(options_for(master));
  REQUIRE(registration.start() == std::nullopt);
  REQUIRE(master.hears_repetitions(1));
  master.call_itself("b", "standby", Term(9));
  master.tell_news();
  REQUIRE(eventually([&] { return registration.masters()[0].term == 9; }));
  CHECK(master.heard().size() == 1);
}

}  // namespace tandem::test::repeated_heartbeat_test
