// A reader of a registry, before a source that answers what the test has written down.
#include <catch2/catch.hpp>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio.hpp>

#include "master/discovery/reader.hpp"

namespace tandem::master::source_reader_test {
namespace {

namespace asio = boost::asio;

const std::string lost = "lost";

// "a b": of these instances; "": none; "lost": no answer.
Result<InstanceList> answer(const std::string& text) {
  if (text == lost) return fail(ErrorCode::unavailable, "refused");
  InstanceCollector collector;
  for (const char c : text) {
    if (c != ' ') collector.take("x", {"10.0.0.1", static_cast<std::uint16_t>(c)});
  }
  return std::move(collector).list();
}

struct Written : Source {
  Written(asio::io_context& loop, std::deque<std::string> all, std::string& asked_for)
      : answers(std::move(all)), asked(asked_for), endless(loop) {}

  asio::awaitable<Result<InstanceList>> read(When when) override {
    asked += when == When::now ? 'n' : 'c';
    if (answers.empty()) {
      boost::system::error_code ignored;
      endless.expires_after(1h);
      if (on_end) on_end();
      co_await endless.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      co_return fail(ErrorCode::unavailable, "cancelled");
    }
    auto next = answer(answers.front());
    answers.pop_front();
    co_return next;
  }
  void cancel() override { endless.cancel(); }

  std::deque<std::string> answers;
  std::string& asked;
  asio::steady_timer endless;
  std::function<void()> on_end;
};

struct Told {
  std::string asked;                 // n: at once, c: once something has changed
  std::vector<std::string> reports;  // "2" instances, "-" as before, "lost", "doubted"
};

Told read_all(std::deque<std::string> answers, std::size_t servers = 1,
              InstanceListPtr known = {}) {
  Told told;
  asio::io_context loop;
  auto source = std::make_unique<Written>(loop, std::move(answers), told.asked);
  auto& written = *source;
  auto reader = std::make_shared<Reader>(
      loop, std::move(source), servers, std::move(known),
      [&told](const SourceReport& report) {
        told.reports.push_back(!report.lost.empty() ? lost
                               : report.doubted     ? "doubted"
                               : report.list == nullptr
                                   ? "-"
                                   : std::to_string(report.list->instances.size()));
      },
      ReaderPauses{.after_answer = 1ms, .second_look = 1ms, .retry_first = 1ms, .retry_max = 2ms});
  written.on_end = [&] { asio::post(loop, [reader] { reader->stop(); }); };
  reader->start();
  loop.run();  // ends, since nothing is waited for after stop()
  return told;
}

using Reports = std::vector<std::string>;

}  // namespace

TEST_CASE("the first list is read at once, and further ones once something has changed") {
  const auto told = read_all({"a", "ab", "ab", "b"});
  CHECK(told.asked == "ncccc");
  CHECK(told.reports == Reports{"1", "2", "1"});
}

TEST_CASE("a service without instances is told as that") {
  CHECK(read_all({"", "", "a"}).reports == Reports{"0", "1"});
}

TEST_CASE(
    "a list that has become empty is believed when it is read again, at once and not before") {
  const auto told = read_all({"ab", "", "", "a"});
  CHECK(told.reports == Reports{"2", "doubted", "0", "1"});
  CHECK(told.asked == "ncncc");
}

TEST_CASE("a list that was empty for a moment takes nothing away") {
  CHECK(read_all({"ab", "", "ab", "", "b"}).reports ==
        Reports{"2", "doubted", "-", "doubted", "1"});
}

TEST_CASE(
    "a registry that is lost takes nothing away, and an empty list after that is doubted anew") {
  const auto told = read_all({"ab", lost, lost, lost, "ab"});
  CHECK(told.reports == Reports{"2", lost, lost, "-"});
  CHECK(told.asked == "ncnnnc");
  CHECK(read_all({"ab", "", lost, "", "ab"}).reports == Reports{"2", "doubted", "doubted", "-"});
}

TEST_CASE("a registry is lost when each of its servers has failed, and one once more") {
  CHECK(read_all({"a", lost, lost, lost, "a"}, 3).reports == Reports{"1"});
  CHECK(read_all({"a", lost, lost, lost, lost, "a"}, 3).reports == Reports{"1", lost, "-"});
  CHECK(read_all({lost, lost}, 1).reports == Reports{lost});
}

TEST_CASE("what was known before counts like a list that was read") {
  const auto known = std::make_shared<const InstanceList>(*answer("ab"));
  CHECK(read_all({"ab"}, 1, known).reports == Reports{"-"});
  CHECK(read_all({"", "ab"}, 1, known).reports == Reports{"doubted", "-"});
  CHECK(read_all({"", ""}, 1, known).reports == Reports{"doubted", "0"});
}

}  // namespace tandem::master::source_reader_test
