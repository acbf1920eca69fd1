// What the probes of a target add up to.
#include <catch2/catch.hpp>

#include "worker/program/limits.hpp"
#include "worker/program/target_health.hpp"

namespace tandem::target_health_test {
namespace {

constexpr Instant start(1h);

// One probe each second.
struct Probes {
  bool then(std::initializer_list<Probed> probes) {
    for (const auto probed : probes) {
      time = time + 1s;
      health.note(probed, check, time);
    }
    return health.is_alive();
  }

  Instant time = start;
  TargetCheck check;
  TargetHealth health{start};
};

using enum Probed;

}  // namespace

TEST_CASE("a target is failing until it has answered well, as often as wanted") {
  Probes probes;
  CHECK_FALSE(probes.health.is_alive());
  CHECK(probes.then({good}));
  Probes twice;
  twice.check.healthy = 2;
  CHECK_FALSE(twice.then({good, bad, good}));
  CHECK(twice.then({good}));
}

TEST_CASE("a target is failing after so many bad probes in a row") {
  Probes probes;
  CHECK(probes.then({good, bad, bad, good, bad, bad}));
  CHECK_FALSE(probes.then({bad}));
}

TEST_CASE("one refused connection is enough") {
  Probes probes;
  CHECK_FALSE(probes.then({good, refused}));
}

TEST_CASE("one slow request does not take out a service of one process") {
  Probes probes;
  REQUIRE(probes.then({good}));
  while (probes.time - start < Duration(limits::target_busy_max)) CHECK(probes.then({silent}));
  CHECK_FALSE(probes.then({silent, silent}));
}

TEST_CASE("silence counts among other bad probes") {
  Probes probes;
  CHECK(probes.then({good, silent, silent, silent, silent}));
  CHECK(probes.then({good, bad, silent, silent}));
  CHECK_FALSE(probes.then({bad}));
}

TEST_CASE("settings of the service go before") {
  TargetCheck check;
  check.path = "/own";
  wire::ServiceSettings settings;
  CHECK(check.overlaid(settings) == check);
  REQUIRE(wire::parse_setting("check_path=/up", "checks", settings).ok());
  REQUIRE(wire::parse_setting("check_interval=5s", "checks", settings).ok());
  REQUIRE(wire::parse_setting("check_status=200-299", "checks", settings).ok());
  const auto overlaid = check.overlaid(settings);
  CHECK(overlaid.path == "/up");
  CHECK(overlaid.interval == 5s);
  CHECK_FALSE(overlaid.expects(404));
  CHECK(overlaid.timeout == check.timeout);
}

}  // namespace tandem::target_health_test
