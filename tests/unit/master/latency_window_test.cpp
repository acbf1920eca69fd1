// What all but one in twenty requests take.
#include <catch2/catch.hpp>

#include "master/balance/latency_window.hpp"

namespace tandem::master::latency_window_test {

TEST_CASE("nothing is known of few requests") {
  LatencyWindow window;
  for (unsigned i = 0; i + 1 < LatencyWindow::samples_min; ++i) window.add(10ms);
  CHECK_FALSE(window.at_quantile().has_value());
  window.add(10ms);
  CHECK(window.at_quantile().has_value());
}

TEST_CASE("the quantile is at most a quarter too long, and never too short") {
  for (const auto usual : {Duration(20us), Duration(300us), Duration(7ms), Duration(2s)}) {
    LatencyWindow window;
    for (int i = 0; i < 1000; ++i) window.add(i % 50 == 0 ? usual * 100 : usual);
    REQUIRE(window.at_quantile());
    CHECK(*window.at_quantile() >= usual);
    CHECK(*window.at_quantile() <= usual + usual / 4);
  }
}

TEST_CASE("one in ten that are slow are more than the quantile leaves out") {
  LatencyWindow window;
  for (int i = 0; i < 1000; ++i) window.add(i % 10 == 0 ? Duration(100ms) : Duration(1ms));
  CHECK(*window.at_quantile() >= 100ms);
}

TEST_CASE("what was long ago is forgotten") {
  LatencyWindow window;
  for (int i = 0; i < 1000; ++i) window.add(1s);
  for (int i = 0; i < 5000; ++i) window.add(1ms);
  CHECK(*window.at_quantile() < 2ms);
}

TEST_CASE("the shortest and the longest latencies there are have a bucket") {
  LatencyWindow window;
  for (int i = 0; i < 100; ++i) window.add(0ns);
  CHECK(*window.at_quantile() <= 21us);
  for (int i = 0; i < 5000; ++i) window.add(24h);
  CHECK(*window.at_quantile() > 1h);
}

}  // namespace tandem::master::latency_window_test
