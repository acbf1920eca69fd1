// What `tandem top` shows.
#include "ctl/top_screen.hpp"

#include <catch2/catch.hpp>

using namespace tandem;
using namespace tandem::ctl;

namespace {

wire::WorkerStatus worker(const std::string& name, std::uint64_t requests,
                          std::uint64_t failures = 0) {
  wire::WorkerStatus status;
  status.name = name;
  status.service = "shop";
  status.state = "up";
  status.requests = requests;
  status.failures = failures;
  return status;
}

wire::Status status(const std::string& node, std::vector<wire::WorkerStatus> workers) {
  wire::Status status;
  status.node = node;
  status.role = "primary";
  status.workers = std::move(workers);
  return status;
}

Instant at(Duration since) { return Instant(since); }

}  // namespace

TEST_CASE("rates are what a worker was asked between two looks at the same master") {
  Rates rates;
  rates.observe(status("a", {worker("w1", 100)}), at(1s));
  CHECK(rates.of("w1") == nullptr);
  rates.observe(status("a", {worker("w1", 150, 2), worker("w2", 7)}), at(3s));
  REQUIRE(rates.of("w1") != nullptr);
  CHECK(rates.of("w1")->requests == 25);
  CHECK(rates.of("w1")->failures == 1);
  CHECK(rates.of("w2") == nullptr);
  rates.observe(status("b", {worker("w1", 1'000)}), at(4s));
  CHECK(rates.of("w1") == nullptr);
  rates.observe(status("b", {worker("w1", 3)}), at(5s));  // it was started again
  CHECK(rates.of("w1") == nullptr);
}

TEST_CASE("workers are sorted by what is asked for, the other way round if wanted") {
  Rates rates;
  rates.observe(status("a", {worker("w1", 0), worker("w2", 0)}), at(1s));
  const auto shown = status("a", {worker("w1", 1), worker("w2", 9)});
  rates.observe(shown, at(2s));
  const auto first_is = [&](const TopView& view, const std::string& name) {
    const auto text = top_text(shown, rates, view);
    return text.find("\n" + name) < text.find(name == "w1" ? "\nw2" : "\nw1");
  };
  CHECK(first_is({.asked = "", .trouble = ""}, "w1"));
  CHECK(first_is({.asked = "", .trouble = "", .sort = SortBy::requests}, "w2"));
  CHECK(first_is({.asked = "", .trouble = "", .sort = SortBy::requests, .reversed = true}, "w1"));
}

TEST_CASE(
    "a screen has as many lines and columns as there are, and no control character of others") {
  auto shown = status("a", {});
  for (int number = 0; number < 50; ++number)
    shown.workers.push_back(worker("w" + std::to_string(number), 1));
  shown.protection = "\x1b[2J";
  const auto screen = top_screen(shown, Rates(), {.asked = "", .trouble = ""}, 10, 30);
  CHECK(std::count(screen.begin(), screen.end(), '\n') == 9);
  CHECK(screen.find('\x1b') == std::string::npos);
  for (std::size_t begin = 0; begin < screen.size();) {
    const auto end = std::min(screen.find('\n', begin), screen.size());
    CHECK(end - begin <= 30);
    begin = end + 1;
  }
  CHECK(screen.find("q quit") != std::string::npos);
}
