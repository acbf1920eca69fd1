// Members of different versions: who may speak to whom, and what the primary learns of them.
#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include "tests/unit/cluster/members_fixture.hpp"
#include "tests/unit/master/temporary_directory.hpp"

namespace tandem::cluster::features_test {

namespace asio = boost::asio;

namespace {

constexpr auto oldest = wire::features::oldest;
constexpr auto newest = wire::features::newest;

struct Two {
  explicit Two(wire::FeatureLevel of_b) : a(loop, with("a", newest)), b(loop, with("b", of_b)) {
    a.start({&b});
    b.start({&a});
  }

  ClusterOptions with(const std::string& name, wire::FeatureLevel features_max) const {
    auto options = options_of(name);
    options.features_max = features_max;
    options.directory = (directory.path() / name).string();
    std::filesystem::create_directory(options.directory);
    return options;
  }
  bool await(const std::function<bool()>& condition) { return run_until(loop, condition); }
  bool await_both_voting() {
    return await([&] { return a.may_serve() && a.view().voters.size() == 2; });
  }

  asio::io_context loop{1};
  TemporaryDirectory directory;
  Member a, b;
};

}  // namespace

TEST_CASE("a primary knows the level that all can, and who holds it back") {
  Two two(oldest);
  REQUIRE(two.await_both_voting());
  CHECK(two.await([&] { return two.a.view().features_held_back == "b supports levels up to 1"; }));
  CHECK(two.a.view().features_of_all == oldest);

  Two newer(newest);
  REQUIRE(newer.await_both_voting());
  CHECK(newer.await([&] { return newer.a.view().features_of_all == newest; }));
  CHECK(newer.a.view().features_held_back.empty());
  CHECK(newer.b.view().features_of_all == oldest);  // a standby does not know
}

TEST_CASE("a voter that is silent holds the level back, whatever it said before") {
  Two two(newest);
  REQUIRE(two.await_both_voting());
  REQUIRE(two.await([&] { return two.a.view().features_of_all == newest; }));
  two.b.end();
  CHECK(two.await([&] { return two.a.view().features_held_back == "b has not been heard"; }));
  CHECK(two.a.view().features_of_all == oldest);
}

TEST_CASE("members learn the level from those that know it") {
  Two two(newest);
  REQUIRE(two.await_both_voting());
  two.a.node().set_feature_level(newest);
  wire::ClusterEnvelope from_older;
  from_older.node = core::NodeId("c");
  from_older.election_timeout = 200ms;
  CHECK(two.await([&] { return !two.b.node().check(from_older).ok(); }));
  CHECK(two.b.node().check(from_older).error().message ==
        fmt::format("this cluster is at feature level {}, and c supports levels up to 1: start a "
                    "version there that supports it, without a lower --feature-level",
                    newest));
  from_older.features = {newest, newest};
  CHECK(two.b.node().check(from_older).ok());
}

TEST_CASE("a member below the level is refused, and refuses those at it") {
  Two two(oldest);
  REQUIRE(two.await_both_voting());
  two.a.node().set_feature_level(newest);
  const auto refused = two.b.node().refusals().foreign.load();
  CHECK(two.await([&] { return two.b.node().refusals().foreign > refused; }));
  wire::ClusterEnvelope from_a;
  from_a.node = core::NodeId("a");
  from_a.election_timeout = 200ms;
  from_a.features = {newest, newest};
  CHECK(two.b.node().check(from_a).error().message ==
        fmt::format("a uses feature level {}, and b supports levels up to 1: start a version there "
                    "that supports it, without a lower --feature-level",
                    newest));
}

}  // namespace tandem::cluster::features_test
