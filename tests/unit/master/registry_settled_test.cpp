// What changes with time, and with what others do, is noticed without looking at every worker.
#include <catch2/catch.hpp>

#include "tests/unit/master/registry_fixture.hpp"

namespace tandem::master::registry_settled_test {
namespace {

std::vector<std::string> texts(const std::vector<Change>& changes) {
  std::vector<std::string> all;
  for (const auto& change : changes) all.push_back(to_json(change));
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace

// A level that the cluster has already changes nothing, and makes the registry look at everyone.
TEST_CASE("who has to be registered is the same whether all are looked at or those that changed") {
  RegistryFixture cluster({.forget_after = 4s});
  cluster.registry.began_to_lead(cluster.time);
  std::uint64_t state = 11;
  const auto pick = [&](std::uint64_t most) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % most;
  };
  std::size_t due = 0;
  for (int round = 0; round < 3'000; ++round) {
    const auto name = "w" + std::to_string(pick(12));
    auto heartbeat = RegistryFixture::heartbeat_of(name);
    heartbeat.incarnation = name + "-" + std::to_string(pick(2));
    heartbeat.weight = 50 + static_cast<unsigned>(pick(2));
    switch (pick(9)) {
      case 0: heartbeat.condition = wire::WorkerCondition::bye; [[fallthrough]];
      case 1:
      case 2: (void)cluster.hear(heartbeat); break;
      case 3:
        heartbeat.address.port = 9'001;
        (void)cluster.hear(heartbeat);
        break;
      case 4: cluster.pass(700ms); break;
      case 5: cluster.pass(2s); break;
      case 6: (void)cluster.remove(name); break;
      case 7: (void)cluster.add({.name = name, .address = heartbeat.address}); break;
      default: (void)cluster.commit_registrations(); break;
    }
    const auto changed = texts(cluster.registry.unregistered(cluster.time, 100));
    REQUIRE(cluster.registry.apply(RaiseFeatureLevel{wire::features::newest}, cluster.time).ok());
    REQUIRE(changed == texts(cluster.registry.unregistered(cluster.time, 100)));
    due += changed.size();
  }
  CHECK(due > 100);
}

TEST_CASE("a standby that never registers anybody remembers no more names than there are") {
  RegistryFixture cluster;
  for (int i = 0; i < 2'000; ++i) {
    auto heartbeat = RegistryFixture::heartbeat_of("w1");
    heartbeat.name = heartbeat.incarnation = "passing-" + std::to_string(i);
    REQUIRE(cluster.hear(heartbeat).ok());  // at the address of the one before, which is retired
  }
  CHECK(cluster.registry.unregistered(cluster.time, 10'000).size() == 1);
}

TEST_CASE("a repetition is a good sign, and what is in flight is taken from it") {
  RegistryFixture cluster;
  auto heartbeat = RegistryFixture::heartbeat_of("w1");
  heartbeat.sequence = 3;
  REQUIRE(cluster.hear(heartbeat).ok());
  int caller = 0;
  cluster.registry.keep("w1", {.sequence = 3,
                               .caller = {std::shared_ptr<void>(), &caller},
                               .host = "10.0.0.9",
                               .admissions = 5,
                               .reply = 1});
  const wire::RepeatedHeartbeat repeated{
      .name = "w1", .incarnation = "w1-first", .sequence = 3, .in_flight = 9, .term = {}};
  const auto repeat = [&](Registry::Sender sender, std::uint64_t reply = 1) {
    return cluster.registry.repeat(repeated, sender, reply, cluster.time);
  };
  cluster.pass(5s);
  REQUIRE(cluster.state("w1") == "down");
  for (const Registry::Sender& other : {Registry::Sender{nullptr, "10.0.0.9", 5},
                                        {&caller, "10.0.0.8", 5},
                                        {&caller, "10.0.0.9", 6}}) {
    CHECK(repeat(other).worker == nullptr);
  }
  CHECK(cluster.state("w1") == "down");
  const Registry::Sender own{&caller, "10.0.0.9", 5};
  REQUIRE(repeat(own).worker != nullptr);
  CHECK(cluster.state("w1") == "up");
  CHECK_FALSE(repeat(own).is_news);
  CHECK(repeat(own, 2).is_news);
  CHECK_FALSE(repeat(own, 2).is_news);
  CHECK(cluster.shown("w1")->counters->in_flight_elsewhere == 9);
}

TEST_CASE("a worker that repeats itself in time stays up, and is down when it stops") {
  RegistryFixture cluster;
  auto heartbeat = RegistryFixture::heartbeat_of("w1");
  heartbeat.sequence = 1;
  REQUIRE(cluster.hear(heartbeat).ok());
  cluster.registry.keep("w1", {.sequence = 1, .host = "10.0.0.9"});
  const wire::RepeatedHeartbeat repeated{
      .name = "w1", .incarnation = "w1-first", .sequence = 1, .in_flight = 0, .term = {}};
  for (int i = 0; i < 30; ++i) {
    cluster.pass(1s);
    REQUIRE(cluster.registry.repeat(repeated, {nullptr, "10.0.0.9", 0}, 0, cluster.time).worker);
  }
  CHECK(cluster.state("w1") == "up");
  cluster.pass(3s);
  CHECK(cluster.state("w1") == "up");
  cluster.pass(cluster.registry.options().tick_interval());
  CHECK(cluster.state("w1") == "down");
}

}  // namespace tandem::master::registry_settled_test
