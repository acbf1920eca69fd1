// What masters may count on, whoever says who leads: the same cases for the built-in protocol and
// for a real etcd (cluster::Coordination).
#include <optional>

#include <catch2/catch.hpp>

#include "tests/e2e/coordination_member.hpp"
#include "tests/e2e/etcd_server.hpp"

namespace tandem::e2e::coordination_test {
TEST_CASE("coordination: changes are applied once, in order, and a leader serves under a lease") {
  const auto by = GENERATE(By::the_built_in_protocol, By::etcd);
  if (by == By::etcd && is_etcd_missing()) return;
  TempDir dir;
  std::optional<EtcdServer> etcd;
  if (by == By::etcd) {
    etcd.emplace(dir, "e");
    etcd->start();
    REQUIRE(etcd->await_ready());
  }
  Member member(by, etcd ? etcd->address() : std::string());
  member.propose(1);  // before it takes part: never made
  member.start();
  REQUIRE(member.await([&] { return member.leads(); }));
  REQUIRE(member.await([&] { return member.until_ > now(); }));
  CHECK_FALSE(member.was_open_before_);
  CHECK(member.gate_term_ == member.role_.term);
  for (std::uint64_t i = 2; i <= 101; ++i) member.propose(i);
  REQUIRE(member.await([&] { return member.commands().size() == 100; }));
  const auto numbers = member.commands();
  for (std::size_t i = 0; i < numbers.size(); ++i) REQUIRE(numbers[i] == i + 2);
  for (std::size_t i = 0; i < member.applied_.size(); ++i) {
    REQUIRE(member.applied_[i].index == LogIndex(member.applied_.front().index.value() + i));
    REQUIRE(member.applied_[i].term <= member.role_.term);
  }
  // It is renewed.
  const auto until = member.until_;
  REQUIRE(member.await([&] { return member.until_ > until; }));
}

TEST_CASE("coordination: a leader whose workers do not know its term yet may not serve") {
  const auto by = GENERATE(By::the_built_in_protocol, By::etcd);
  if (by == By::etcd && is_etcd_missing()) return;
  TempDir dir;
  std::optional<EtcdServer> etcd;
  if (by == By::etcd) {
    etcd.emplace(dir, "e");
    etcd->start();
    REQUIRE(etcd->await_ready());
  }
  Member member(by, etcd ? etcd->address() : std::string());
  member.announces(false);
  member.start();
  REQUIRE(member.await([&] { return member.leads(); }));
  member.propose(1);
  REQUIRE(member.await([&] { return member.commands().size() == 1; }));
  CHECK(member.until_ <= now());
  member.coordination_->step(core::TermAnnounced{member.role_.term});
  REQUIRE(member.await([&] { return member.until_ > now(); }));
}

TEST_CASE("coordination: a change proposed to who does not lead is refused") {
  const auto by = GENERATE(By::the_built_in_protocol, By::etcd);
  TempDir dir;
  // Neither the etcd nor the other master is there.
  Member member(by, "127.0.0.1:1", {{core::NodeId("b"), {"127.0.0.1", 1}}}, dir.path("log"));
  member.start();
  member.propose(1);
  REQUIRE(member.await([&] { return member.refused_.size() == 1; }));
  CHECK(member.refused_.front().error.code == ErrorCode::unavailable);
  CHECK(member.commands().empty());
  CHECK(member.until_ <= now());
}

}  // namespace tandem::e2e::coordination_test
