// What `tandem top` shows.
#include "ctl/top_screen.hpp"

#include <algorithm>
#include <iterator>
#include <sstream>

#include <catch2/catch.hpp>

namespace tandem::ctl::top_screen_test {
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
  rates.observe(status("a", {worker("w1", 100)}), "a", at(1s));
  CHECK(rates.of("w1") == nullptr);
  rates.observe(status("a", {worker("w1", 150, 2), worker("w2", 7)}), "a", at(3s));
  REQUIRE(rates.of("w1") != nullptr);
  CHECK(rates.of("w1")->requests == 25);
  CHECK(rates.of("w1")->failures == 1);
  CHECK(rates.of("w2") == nullptr);
  rates.observe(status("b", {worker("w1", 1'000)}), "b", at(4s));
  CHECK(rates.of("w1") == nullptr);
  rates.observe(status("b", {worker("w1", 3)}), "b", at(5s));  // it was started again
  CHECK(rates.of("w1") == nullptr);
}

TEST_CASE("workers are sorted by what is asked for, the other way round if wanted") {
  Rates rates;
  rates.observe(status("a", {worker("w1", 0), worker("w2", 0)}), "a", at(1s));
  const auto shown = status("a", {worker("w1", 1), worker("w2", 9)});
  rates.observe(shown, "a", at(2s));
  const auto first_is = [&](const TopView& view, const std::string& name) {
    const auto text = top_text(shown, rates, view);
    return text.find("\n" + name) < text.find(name == "w1" ? "\nw2" : "\nw1");
  };
  CHECK(first_is({.asked = "", .trouble = ""}, "w1"));
  CHECK(first_is({.asked = "", .trouble = "", .sort = SortBy::requests}, "w2"));
  CHECK(first_is({.asked = "", .trouble = "", .sort = SortBy::requests, .reversed = true}, "w1"));
}

TEST_CASE("what workers take and what waits is shown, and a dash where it is not known") {
  auto view = TopView{.asked = "", .trouble = ""};
  view.measures = parse_measures(
      R"({"node":"a","workers":{"w1":{"p50_ms":1.25,"p99_ms":240.4},"w2":{"p50_ms":"x"}}})",
      R"({"node":"a","waiting":{"shop":7,"gone":3,"odd":-1}})");
  auto told = status("a", {worker("w1", 1), worker("w2", 1), worker("w3", 1)});
  told.services.push_back({});
  told.services.back().name = "shop";
  const auto text = top_text(told, Rates(), view);
  const auto line_of = [&](const std::string& beginning) {
    const auto at = text.find("\n" + beginning) + 1;
    std::istringstream words(text.substr(at, text.find('\n', at) - at));
    return std::vector<std::string>(std::istream_iterator<std::string>(words), {});
  };
  const auto has = [](const std::vector<std::string>& line, const std::string& word) {
    return std::find(line.begin(), line.end(), word) != line.end();
  };
  const auto titles = line_of("WORKER");
  CHECK(has(titles, "P99"));
  CHECK(has(line_of("w1"), "1.2"));
  CHECK(has(line_of("w1"), "240"));
  CHECK(has(line_of("w3"), "-"));
  CHECK(has(line_of("shop"), "7"));
  CHECK(has(line_of("gone"), "3"));
  CHECK(text.find("odd") == text.npos);
  view.sort = SortBy::p99;
  view.reversed = true;
  CHECK(top_text(told, Rates(), view).find("\nw1") > top_text(told, Rates(), view).find("\nw3"));
  CHECK(parse_measures("", "[]").workers.empty());
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

TEST_CASE("without an answer the screen says so first, and nothing of what it knew as of now") {
  auto shown = status("a", {worker("w1", 1)});
  shown.protected_ = true;
  shown.protection = "all voters answer";
  TopView view{.asked = "127.0.0.1:1", .trouble = ""};
  CHECK(top_text(shown, Rates(), view).find("\nprotected yes: all voters answer\n") !=
        std::string::npos);
  view.trouble = "no master can answer: 127.0.0.1:1 (no connection)";
  view.silent = 7s;
  const auto text = top_text(shown, Rates(), view);
  CHECK(
      text.starts_with("NO MASTER ANSWERS, for 7 s: no master can answer: 127.0.0.1:1 (no "
                       "connection)\nWhat follows was known before that.\n"));
  CHECK(text.find("\nprotected") == std::string::npos);
  CHECK(text.find("\nwas protected yes: all voters answer\n") != std::string::npos);
}

}  // namespace tandem::ctl::top_screen_test
