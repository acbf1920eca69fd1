// Masters that apply one log have one state, whatever each of them hears, and whenever it was away.
#include <catch2/catch.hpp>

#include "common/base/splitmix64.hpp"
#include "common/wire/limits.hpp"
#include "master/cluster/replicated_state.hpp"
#include "tests/unit/master/registry_fixture.hpp"

namespace tandem::master::registry_agreement_test {
namespace {

wire::WorkerSpec spec(const std::string& name, std::uint16_t port) {
  return {.name = name, .service = "default", .address = {"10.0.0.5", port}};
}

JoinedWorker joined(std::uint16_t port, std::string incarnation) {
  return {.service = "default",
          .address = {"10.0.0.9", port},
          .incarnation = std::move(incarnation),
          .witness = {}};
}

ClusterState agreed() {
  ClusterState state;
  REQUIRE(state.apply(RaiseFeatureLevel{wire::features::newest}).ok());
  return state;
}

std::string address_at(const RegistryFixture& master, const std::string& name) {
  const auto worker = master.registry.worker(name, master.time);
  return worker ? worker->address : "unknown";
}

// One master: its registry, the state machine over it, and what it has applied.
struct Replica {
  RegistryFixture fixture;
  ReplicatedState state{fixture.registry};
};

// Changes of few names and addresses, so that they meet.
class RandomLog {
 public:
  explicit RandomLog(std::uint64_t seed) : random_(seed) {}

  core::Entry next() {
    const LogIndex index(++index_);
    const core::CommandId id{1 + random_.below(3), random_.below(2) == 0 ? index_ : index_ / 2 + 1};
    return {index, Term(1 + index_ / 50), core::Command{id, to_json(change())}};
  }
  std::string name() { return fmt::format("w{}", random_.below(5)); }
  std::uint16_t port() { return static_cast<std::uint16_t>(9001 + random_.below(4)); }
  std::string incarnation() { return fmt::format("life-{}", random_.below(3)); }
  std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }

 private:
  Change change() {
    switch (random_.below(12)) {
      case 0:
      case 1: return Join{name(), joined(port(), incarnation())};
      case 2: return Leave{name()};
      case 3: return SetDrained{name(), random_.below(2) == 0, random_.below(8) == 0};
      case 4: return SetWeight{name(), weight(), random_.below(8) == 0};
      case 5:
      case 6: return AddWorker{spec(name(), port())};
      case 7: return RemoveWorker{name(), random_.below(2) == 0 ? incarnation() : ""};
      case 8:
        return SetRoute{
            {.host = "", .prefix = fmt::format("/{}", random_.below(3)), .service = name()}};
      case 9: return RemoveRoute{"", fmt::format("/{}", random_.below(3))};
      case 10: return SetSettings{name(), {}};
      default: return RemoveSettings{name()};
    }
  }
  std::optional<unsigned> weight() {
    if (random_.below(3) == 0) return std::nullopt;
    return static_cast<unsigned>(random_.below(100));
  }

  SplitMix64 random_;
  std::uint64_t index_ = 0;
};

// What a master alone sees: workers that are heard or not, and time that passes, or jumps.
void live(Replica& replica, RandomLog& log) {
  auto& fixture = replica.fixture;
  for (auto i = log.below(3); i > 0; --i) {
    auto heartbeat = RegistryFixture::heartbeat_of(log.name(), log.port());
    heartbeat.incarnation = log.incarnation();
    if (log.below(6) == 0) heartbeat.condition = wire::WorkerCondition::bye;
    (void)fixture.hear(heartbeat);
  }
  if (log.below(4) == 0) fixture.pass(std::chrono::milliseconds(log.below(4'000)));
  if (log.below(20) == 0) fixture.freeze(30s);
}

// Every backend that the state has is at this master what the state says, and no other is there.
void check_backends(const Replica& replica) {
  const auto& state = replica.fixture.registry.state();
  std::size_t backends = 0;
  for (const auto& worker : replica.fixture.registry.workers(replica.fixture.time)) {
    if (worker.kind != "backend") continue;
    ++backends;
    const auto added = state.added.find(worker.name);
    REQUIRE(added != state.added.end());
    CHECK(worker.address == added->second.address.to_string());
    CHECK((worker.state == "draining") ==
          (worker.state != "down" && state.drained.contains(worker.name)));
  }
  CHECK(backends == state.added.size());
}

}  // namespace

TEST_CASE("masters that apply one log agree, through snapshots, absences and what each hears") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    INFO(seed);
    RandomLog log(seed);
    Replica always;
    std::vector<std::optional<Outcome>> outcomes;
    std::vector<core::Entry> entries;
    std::optional<Replica> other(std::in_place);
    for (int i = 0; i < 300; ++i) {
      entries.push_back(log.next());
      const auto applied = always.state.apply(entries.back(), always.fixture.time);
      REQUIRE(applied.ok());
      outcomes.push_back(*applied);
      live(always, log);
      live(*other, log);
      if (log.below(10) == 0) {  // it was away past the compaction, or was restarted
        if (log.below(4) == 0) other.emplace();
        const core::Snapshot snapshot{
            always.state.applied(), always.state.term(), {}, always.state.to_bytes()};
        REQUIRE(other->state.restore(snapshot, other->fixture.time).ok());
      } else if (log.below(3) == 0) {
        while (other->state.applied() < always.state.applied()) {
          const auto at = other->state.applied().value();
          const auto mirrored = other->state.apply(entries[at], other->fixture.time);
          REQUIRE(mirrored.ok());
          REQUIRE(mirrored->has_value() == outcomes[at].has_value());
          if (*mirrored) CHECK((*mirrored)->ok() == outcomes[at]->ok());
        }
      }
      if (other->state.applied() != always.state.applied()) continue;
      REQUIRE(other->state.to_bytes() == always.state.to_bytes());
      REQUIRE(other->state.digest() == always.state.digest());
      check_backends(*other);
      check_backends(always);
    }
  }
}

TEST_CASE("of two workers added by one name the first in the log is there, the second is refused") {
  auto state = agreed();
  REQUIRE(state.apply(AddWorker{spec("n1", 80)}).ok());
  const auto second = state.apply(AddWorker{spec("n1", 81)});
  CHECK(second.error().code == ErrorCode::conflict);
  CHECK(second.error().message == "the name n1 belongs to the worker at 10.0.0.5:80");
  CHECK(state.added.at("n1").address.port == 80);
  CHECK(state.apply(Join{"n1", joined(9001, "first")}).error().code == ErrorCode::conflict);
}

TEST_CASE("a change of what another has removed meanwhile is refused, and leaves nothing behind") {
  auto state = agreed();
  REQUIRE(state.apply(AddWorker{spec("n1", 80)}).ok());
  REQUIRE(state.apply(RemoveWorker{"n1"}).ok());
  const auto digest = state.digest();
  for (const Change& late : std::vector<Change>{SetDrained{"n1", true}, SetWeight{"n1", 7},
                                                RemoveWorker{"n1"}, Leave{"n1"}}) {
    CHECK(state.apply(late).error().code == ErrorCode::not_found);
  }
  CHECK(state.digest() == digest);
  REQUIRE(state.apply(AddWorker{spec("n1", 80)}).ok());
  CHECK(!state.drained.contains("n1"));
}

TEST_CASE("a worker that was removed does not join again in the same life") {
  auto state = agreed();
  REQUIRE(state.apply(Join{"w1", joined(9001, "first")}).ok());
  REQUIRE(state.apply(RemoveWorker{"w1", "first"}).ok());
  CHECK(state.apply(Join{"w1", joined(9001, "first")}).error().code == ErrorCode::conflict);
  CHECK(state.apply(Join{"w1", joined(9001, "second")}).ok());
}

TEST_CASE("below the level that judges, changes are made as older versions make them") {
  ClusterState state;
  REQUIRE(state.apply(Join{"n1", joined(9001, "")}).ok());
  REQUIRE(state.apply(AddWorker{spec("n1", 80)}).ok());
  REQUIRE(state.apply(AddWorker{spec("n1", 81)}).ok());
  CHECK(state.added.at("n1").address.port == 81);
  CHECK(state.apply(SetDrained{"n9", true}).ok());
  // At the level no name is both.
  REQUIRE(state.apply(RaiseFeatureLevel{wire::features::newest}).ok());
  CHECK(state.added.contains("n1"));
  CHECK(!state.joined.contains("n1"));
}

TEST_CASE("a backend that was removed and added elsewhere while a master was away is there alone") {
  RegistryFixture primary;
  RegistryFixture standby;
  for (auto* each : {&primary, &standby}) REQUIRE(each->add(spec("n1", 80)).ok());
  REQUIRE(primary.remove("n1").ok());
  REQUIRE(primary.add(spec("n1", 81)).ok());
  standby.registry.restore(primary.registry.state(), standby.time);
  CHECK(address_at(standby, "n1") == "10.0.0.5:81");
}

TEST_CASE("a backend takes the place of a worker that left, where that is still heard") {
  RegistryFixture standby;
  REQUIRE(standby.hear("n1").ok());
  standby.commit_registrations();
  // It thaws, and has not missed the worker that said bye to all others.
  REQUIRE(standby.registry.apply(Leave{"n1"}, standby.time).ok());
  CHECK(standby.state("n1") == "up");
  REQUIRE(standby.registry.apply(AddWorker{spec("n1", 80)}, standby.time).ok());
  CHECK(address_at(standby, "n1") == "10.0.0.5:80");
  CHECK(standby.hear("n1").error().code == ErrorCode::conflict);
}

TEST_CASE("a worker that others heard elsewhere is looked for there, once it is silent here") {
  RegistryFixture standby;
  REQUIRE(standby.hear("w1").ok());
  standby.commit_registrations();
  REQUIRE(standby.registry.apply(Join{"w1", joined(9500, "second")}, standby.time).ok());
  CHECK(address_at(standby, "w1") != "10.0.0.9:9500");  // what is heard is nearer
  standby.pass(5s);
  CHECK(address_at(standby, "w1") == "10.0.0.9:9500");
  CHECK(standby.reason("w1") == "not heard yet");
}

TEST_CASE("a worker that found no room here gets its place when there is one") {
  RegistryFixture master;
  for (std::size_t i = 0; i < limits::services_max; ++i) {
    auto other = spec(fmt::format("s{}", i), 80);
    other.service = other.name;
    REQUIRE(master.registry.apply(AddWorker{other}, master.time).ok());
  }
  REQUIRE(master.registry.apply(AddWorker{spec("n1", 80)}, master.time).ok());
  CHECK(master.state("n1") == "unknown");
  REQUIRE(master.remove("s7").ok());
  master.pass(1s);
  CHECK(address_at(master, "n1") == "10.0.0.5:80");
}

TEST_CASE("the digest tells states apart by any record of them, and not by their history") {
  const auto with = [](const std::vector<Change>& changes) {
    auto state = agreed();
    for (const auto& change : changes) REQUIRE(state.apply(change).ok());
    return state.digest();
  };
  const AddWorker n1{spec("n1", 80)};
  const AddWorker n2{spec("n2", 80)};
  CHECK(with({n1, n2}) == with({n2, n1}));
  CHECK(with({n1, n2, RemoveWorker{"n2"}}) == with({n1}));
  CHECK(with({n1, SetWeight{"n1", 5}, SetWeight{"n1", std::nullopt}}) == with({n1}));
  std::set<std::uint64_t> different{with({}), with({n1}), with({n2})};
  for (const Change& more : std::vector<Change>{
           SetDrained{"n1", true}, SetWeight{"n1", 5}, SetWeight{"n1", 6},
           Join{"w1", joined(1, "a")}, Join{"w1", joined(1, "b")}, Join{"w1", joined(2, "a")},
           SetRoute{{.host = "", .prefix = "/a", .service = "s"}}, SetSettings{"s", {}},
           RemoveWorker{"w7", "a"}, SetSecret{std::string(64, 'a')}}) {
    different.insert(with({n1, more}));
  }
  CHECK(different.size() == 13);
}

}  // namespace tandem::master::registry_agreement_test
