#include "common/base/logging.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include <catch2/catch.hpp>
#include <spdlog/spdlog.h>

using namespace tandem;

namespace {

// What `log` writes to stderr, in a process of its own: logging is started once per process.
std::string stderr_of(LogLevel level, const std::function<void()>& log) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], 2);
    start_logging(level);
    log();
    stop_logging();
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t size = 0; (size = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, size);
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return text;
}

}  // namespace

TEST_CASE("a log line has the time in UTC, the level, and the event") {
  auto text = stderr_of(LogLevel::info, [] {
    spdlog::info("worker is up name={} weight={}", "w1", 100);
    spdlog::debug("not written");
    spdlog::warn("worker is down name=w1");
  });
  // Every digit of the times is shown as 0; "w1" and "100" come out as "w0" and "000".
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }, '0');
  CHECK(text ==
        "0000-00-00T00:00:00.000Z info worker is up name=w0 weight=000\n"
        "0000-00-00T00:00:00.000Z warning worker is down name=w0\n");
}

TEST_CASE("what a stranger may have put into a log line is one line, harmless on a terminal") {
  const auto text = stderr_of(LogLevel::info, [] {
    spdlog::warn("refused reason=\"{}\"", "\x1b[2Jall is well\n2026 info worker is up");
  });
  CHECK(text.find("reason=\"\\x1b[2Jall is well\\x0a2026 info worker is up\"\n") != text.npos);
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
}

TEST_CASE("a log level is one of five words") {
  for (const auto level :
       {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error, LogLevel::off}) {
    CHECK(*parse_log_level(to_string(level), "--log-level") == level);
  }
  for (const auto* text : {"", "INFO", "trace", "warn", "info "}) {
    INFO(text);
    CHECK(parse_log_level(text, "--log-level").error().field == "--log-level");
  }
}
