// Who asked for a change, beside the change in the log.
#include <catch2/catch.hpp>

#include "common/core/limits.hpp"
#include "master/cluster/replicated_state.hpp"
#include "master/cluster/state_document.hpp"
#include "tests/unit/master/registry_fixture.hpp"

namespace tandem::master::change_author_test {

namespace {

const wire::Author ops{"ops", "operator", "10.0.0.7"};

}  // namespace

TEST_CASE("who asked for a change stands beside it, and is read again") {
  const auto text = to_json(AuthoredChange{SetDrained{"w1"}, ops});
  CHECK(text == R"({"drain":"w1","by":{"name":"ops","role":"operator","from":"10.0.0.7"}})");
  const auto read = parse_authored_change(text);
  REQUIRE(read.ok());
  CHECK(read->by == ops);
  CHECK(to_json(*read) == text);
  // Nobody in particular: as before there were authors.
  CHECK(to_json(AuthoredChange{SetDrained{"w1"}}) == R"({"drain":"w1"})");
  CHECK(parse_authored_change(R"({"drain":"w1"})")->by.empty());
  // A state has none.
  CHECK(!parse_change(text).ok());
}

TEST_CASE("an author that cannot be read is refused, as are two changes in one") {
  for (const auto* text : {
           R"({"by":{"name":"ops","role":"operator","from":""}})",
           R"({"drain":"w1","by":"ops"})",
           R"({"drain":"w1","by":null})",
           R"({"drain":"w1","by":{"name":"ops","role":"operator"}})",
           R"({"drain":"w1","by":{"name":"","role":"operator","from":""}})",
           R"({"drain":"w1","by":{"name":"ops","role":"operator","from":"","why":1}})",
           R"({"drain":"w1","undrain":"w1","by":{"name":"ops","role":"all","from":""}})",
       }) {
    INFO(text);
    CHECK(!parse_authored_change(text).ok());
  }
}

TEST_CASE("members of an earlier version are not sent who asked, and refuse it") {
  const auto text = to_json(AuthoredChange{SetDrained{"w1"}, ops});
  CHECK(level_needed(*parse_authored_change(text)) == wire::features::change_authors);
  CHECK(level_needed(AuthoredChange{SetDrained{"w1"}}) == wire::features::oldest);
  CHECK(state_check(wire::features::change_authors).command(text).ok());
  const auto refused = state_check(wire::features::inner_addresses).command(text);
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == ErrorCode::conflict);
}

TEST_CASE("who watches changes is told who asked for each, and the state is the same") {
  RegistryFixture cluster;
  std::vector<wire::Author> told;
  ReplicatedState state(cluster.registry,
                        [&](const core::Entry&, const AuthoredChange& authored,
                            const ClusterState&) -> std::function<void()> {
                          return [&told, by = authored.by] { told.push_back(by); };
                        });
  const auto apply = [&](std::uint64_t index, std::string bytes) {
    const core::Entry entry{LogIndex(index), Term(1), core::Command{{7, index}, std::move(bytes)}};
    REQUIRE(state.apply(entry, cluster.time).ok());
  };
  const wire::WorkerSpec spec{.name = "n1", .address = {"10.0.0.5", 80}};
  apply(1, to_json(Change(AddWorker{spec})));
  apply(2, to_json(AuthoredChange{SetDrained{"n1"}, ops}));
  CHECK(told == std::vector<wire::Author>{{}, ops});
  CHECK(state.to_bytes().find("ops") == std::string::npos);
}

}  // namespace tandem::master::change_author_test
