#include "common/core/limits.hpp"
#include "common/core/options.hpp"

#include <catch2/catch.hpp>

namespace tandem::core::options_test {
namespace {

Options good() {
  Options options;
  options.self = {NodeId("a"), IncarnationId(1)};
  options.masters = {NodeId("a"), NodeId("b")};
  return options;
}

std::string complaint(const Options& options) {
  const auto result = options.validate();
  return result ? "" : result.error().message;
}

}  // namespace

TEST_CASE("the defaults are valid, and the lease ends before any promise does") {
  CHECK(complaint(good()).empty());
  CHECK(good().timing.lease() < good().timing.election_timeout);
}

TEST_CASE("each bad combination of options is refused with a sentence that names the field") {
  struct Case {
    const char* names;
    void (*spoil)(Options&);
  };
  const Case cases[] = {
      {"cluster-heartbeat must be", [](Options& o) { o.timing.heartbeat = 0ms; }},
      {"election-timeout (200ms) must be at least three times",
       [](Options& o) { o.timing.election_timeout = 200ms; }},
      {"election-timeout (10m) must be at most",
       [](Options& o) { o.timing.election_timeout = 600s; }},
      {"clock-margin must be longer", [](Options& o) { o.timing.clock_margin = 0ms; }},
      {"clock-margin (300ms) must leave", [](Options& o) { o.timing.clock_margin = 300ms; }},
      {"node must have a name", [](Options& o) { o.self.node = NodeId(); }},
      {"data directory must carry", [](Options& o) { o.self.incarnation = IncarnationId(0); }},
      {"name of its own", [](Options& o) { o.masters.push_back(NodeId("b")); }},
      {"must name this node", [](Options& o) { o.masters = {NodeId("b")}; }},
      {"takes its masters from the log", [](Options& o) { o.kind = VoterKind::witness; }},
      {"append-entries-max", [](Options& o) { o.append_entries_max = 0; }},
      {"append-entries-max",
       [](Options& o) { o.append_entries_max = limits::append_entries_max + 1; }},
      {"log-entries-max", [](Options& o) { o.log_entries_max = limits::log_entries_max + 1; }},
  };
  for (const auto& bad : cases) {
    Options options = good();
    bad.spoil(options);
    INFO(bad.names);
    CHECK(complaint(options).find(bad.names) != std::string::npos);
  }
}

TEST_CASE("a cluster has as many masters as the limit, and not one more") {
  Options options = good();
  options.masters = {NodeId("a"), NodeId("b"), NodeId("c"), NodeId("d"), NodeId("e")};
  REQUIRE(options.masters.size() == limits::masters_max);
  CHECK(complaint(options).empty());
  options.masters.emplace_back("f");
  CHECK(complaint(options).find("at most 5 masters") != std::string::npos);
}

}  // namespace tandem::core::options_test
