#include <catch2/catch.hpp>

#include "common/core/limits.hpp"
#include "master/cluster/agreement.hpp"

namespace tandem::master::agreement_test {
namespace {

wire::StateDigest after(std::uint64_t index, std::uint64_t digest, std::uint64_t term = 1) {
  return {LogIndex(index), Term(term), digest};
}
const core::NodeId b("b");

}  // namespace

TEST_CASE("states are compared after the same entry, whoever is ahead") {
  Agreement agreement;
  for (std::uint64_t i = 1; i <= 5; ++i) agreement.applied(after(i, 100 + i));
  agreement.heard(b, after(3, 103));
  CHECK(!agreement.differs_from(b));
  agreement.heard(b, after(7, 999));  // not applied here yet
  CHECK(!agreement.differs_from(b));
  agreement.applied(after(6, 106));
  CHECK(!agreement.differs_from(b));
  agreement.applied(after(7, 107));
  REQUIRE(agreement.differs_from(b));
  CHECK(agreement.differing().at(b) == Difference{LogIndex(7), 107, 999});
}

TEST_CASE(
    "the first of several claims that are ahead is judged, so that changes postpone nothing") {
  Agreement agreement;
  agreement.applied(after(1, 101));
  agreement.heard(b, after(2, 999));
  agreement.heard(b, after(9, 109));
  agreement.applied(after(2, 102));
  CHECK(agreement.differs_from(b));
}

TEST_CASE("a state that differed agrees again when it says so, and when this one was replaced") {
  Agreement agreement;
  agreement.applied(after(1, 101));
  agreement.heard(b, after(1, 999));
  REQUIRE(agreement.differs_from(b));
  agreement.applied(after(2, 102));
  agreement.heard(b, after(2, 102));
  CHECK(!agreement.differs_from(b));
  agreement.heard(b, after(2, 999));
  agreement.restored(after(2, 999));
  CHECK(!agreement.differs_from(b));
}

TEST_CASE("entries of other terms, and those of long ago, prove nothing") {
  Agreement agreement;
  for (std::uint64_t i = 1; i <= limits::uncommitted_entries_max + 1; ++i)
    agreement.applied(after(i, i));
  agreement.heard(b, after(1, 999));
  agreement.heard(b, after(5, 999, 2));
  CHECK(!agreement.differs_from(b));
  agreement.heard(b, after(2, 999));
  CHECK(agreement.differs_from(b));
}

}  // namespace tandem::master::agreement_test
