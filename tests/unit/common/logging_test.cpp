#include "common/base/log.hpp"
#include "common/base/logging.hpp"

#include "common/base/journal_sink.hpp"
#include "common/base/log_format.hpp"
#include "common/base/repeat_filter.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <nlohmann/json.hpp>

namespace tandem::logging_test {

using namespace std::chrono_literals;

namespace {

// What `log` writes to stderr, in a process of its own: logging is started once per process.
std::string stderr_of(LogLevel level, const std::function<void()>& log,
                      LogFormat format = LogFormat::text) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], 2);
    start_logging(level, format);
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

// What a filter has written.
struct Lines {
  struct Sink final : spdlog::sinks::base_sink<spdlog::details::null_mutex> {
    explicit Sink(std::vector<std::string>& lines) : text(lines) {}
    void sink_it_(const spdlog::details::log_msg& message) override {
      text.emplace_back(message.payload.data(), message.payload.size());
    }
    void flush_() override {}
    std::vector<std::string>& text;
  };

  std::size_t count(const std::string& part) const {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [&](const auto& line) { return line.find(part) != line.npos; }));
  }

  std::vector<std::string> text{};
  std::shared_ptr<Sink> sink = std::make_shared<Sink>(text);
  spdlog::log_clock::time_point begin = spdlog::log_clock::now() - 1h;
};

}  // namespace

TEST_CASE("a log line has the time in UTC, the level, and the event") {
  auto text = stderr_of(LogLevel::info, [] {
    log::info("worker is up name={} weight={}", "w1", 100);
    log::debug("not written");
    log::warn("worker is down name=w1");
  });
  // Every digit of the times is shown as 0; "w1" and "100" come out as "w0" and "000".
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }, '0');
  CHECK(text ==
        "0000-00-00T00:00:00.000Z info worker is up name=w0 weight=000\n"
        "0000-00-00T00:00:00.000Z warning worker is down name=w0\n");
}

TEST_CASE("a log line of JSON has the event and each of its fields, whatever a stranger put in") {
  const auto text = stderr_of(
      LogLevel::info,
      [] {
        log::warn("worker state name={} weight={} reason=\"{}\"", "w1", 100,
                  "\x1b a \"quoted\" b\nlevel=error");
      },
      LogFormat::json);
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  const auto line = nlohmann::json::parse(text);
  CHECK(line["level"] == "warning");
  CHECK(line["event"] == "worker state");
  CHECK(line["name"] == "w1");
  CHECK(line["weight"] == 100);
  CHECK(line["reason"] == "\x1b a \"quoted\" b\nlevel=error");
  CHECK(line["time"].get<std::string>().size() == std::string("2026-01-31T12:00:00.123Z").size());
}

TEST_CASE("fields of an event become members, and what we say cannot be replaced") {
  const auto members = [](std::string_view event) {
    std::string out;
    append_log_members(out, event);
    return out;
  };
  CHECK(members("") == R"("event":"")");
  CHECK(members("stopping") == R"("event":"stopping")");
  CHECK(members("a = b") == R"("event":"a = b")");
  CHECK(members("voters changed voters=\"a, b\" quorum=2") ==
        R"("event":"voters changed","voters":"a, b","quorum":2)");
  CHECK(members("x a= b=007 c=12345678901234567890 d=1.5") ==
        R"("event":"x","a":"","b":"007","c":"12345678901234567890","d":"1.5")");
  CHECK(members("x a=1 a=2 level=fake time=0 event=y") == R"("event":"x","a":1)");
  CHECK(members("x a=\"never closed b=1") == R"("event":"x","a":"\"never closed b=1")");
}

TEST_CASE("the journal is told the priority of each line, and has times itself") {
  const auto text = stderr_of(
      LogLevel::debug,
      [] {
        log::debug("a");
        log::info("b name=w1");
        log::warn("c");
        log::error("d");
      },
      LogFormat::journal);
  CHECK(text == "<7>a\n<6>b name=w1\n<4>c\n<3>d\n");
}

TEST_CASE("the journal is given the fields of a line as fields") {
  CHECK(journal_message("worker is up name=w1 reason=\"a b\" name=w2", '6', "tandem-master") ==
        "MESSAGE=worker is up name=w1 reason=\"a b\" name=w2\nPRIORITY=6\n"
        "SYSLOG_IDENTIFIER=tandem-master\nTANDEM_NAME=w1\nTANDEM_REASON=a b\n");
  CHECK(journal_message("stopping", '4', "x") ==
        "MESSAGE=stopping\nPRIORITY=4\nSYSLOG_IDENTIFIER=x\n");
  // A name longer than the journal takes is in the message alone.
  const auto longer = std::string(60, 'x') + "=1";
  CHECK(journal_message("a " + longer, '6', "x") ==
        "MESSAGE=a " + longer + "\nPRIORITY=6\nSYSLOG_IDENTIFIER=x\n");
}

namespace {

// What would have been written to standard error.
class Written final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  std::vector<std::string> all;

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    all.emplace_back(message.payload.data(), message.payload.size());
  }
  void flush_() override {}
};

}  // namespace

TEST_CASE("the journal gets each line by its socket, and what it does not take is written") {
  char directory[] = "/tmp/tandem-journal-XXXXXX";
  REQUIRE(::mkdtemp(directory) != nullptr);
  const auto path = std::string(directory) + "/socket";
  const int journal = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(journal, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  const auto received = [journal] {
    std::string text(4096, '\0');
    const auto size = ::recv(journal, text.data(), text.size(), 0);
    text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return text;
  };
  const auto otherwise = std::make_shared<Written>();
  JournalSink sink(path, otherwise);
  const auto say = [&sink](std::string_view text) {
    sink.log(spdlog::details::log_msg("tandem", spdlog::level::warn,
                                      spdlog::string_view_t(text.data(), text.size())));
  };
  say("first a=1");  // nobody has asked for fields
  CHECK(received() == "");
  sink.take_fields(true);
  say("second a=1\nPRIORITY=0");
  const auto text = received();
  CHECK(text.starts_with("MESSAGE=second a=1\\x0aPRIORITY=0\nPRIORITY=4\nSYSLOG_IDENTIFIER="));
  CHECK(text.ends_with("TANDEM_A=1\\x0aPRIORITY=0\n"));
  // A journal that is slow, and one that is gone.
  for (int i = 0; i < 5'000 && otherwise->all.size() < 2; ++i) say(std::string(20'000, 'x'));
  CHECK(otherwise->all.size() == 2);
  ::close(journal);
  ::unlink(path.c_str());
  say("last");
  CHECK(otherwise->all.front() == "first a=1");
  CHECK(otherwise->all.back() == "last");
  ::rmdir(directory);
}

TEST_CASE("the journal reads the stream that it names, and no other") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  struct stat about {};
  REQUIRE(::fstat(ends[1], &about) == 0);
  const auto named = fmt::format("{}:{}", about.st_dev, about.st_ino);
  CHECK(is_journal_stream(ends[1], named.c_str()));
  CHECK(!is_journal_stream(STDERR_FILENO, named.c_str()));
  CHECK(!is_journal_stream(ends[1], nullptr));
  CHECK(!is_journal_stream(ends[1], ""));
  CHECK(!is_journal_stream(-1, named.c_str()));
  for (const int end : ends) ::close(end);
}

TEST_CASE("what a stranger may have put into a log line is one line, harmless on a terminal") {
  const auto text = stderr_of(LogLevel::info, [] {
    log::warn("refused reason=\"{}\"", "\x1b[2Jall is well\n2026 info worker is up");
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

TEST_CASE("a line that says the same as the one before is counted, and told before the next") {
  const auto text = stderr_of(LogLevel::info, [] {
    for (int i = 0; i < 58; ++i) log::warn("worker is down name=w1");
    log::info("worker is down name=w1");
    log::info("worker is up name=w1");
    log::info("worker is up name=w1");
  });
  std::vector<std::string> lines;
  std::istringstream input(text);
  for (std::string line; std::getline(input, line);) lines.push_back(line.substr(line.find(' ')));
  CHECK(lines == std::vector<std::string>{" warning worker is down name=w1",
                                          " warning repeated 57 times: worker is down name=w1",
                                          " info worker is down name=w1",
                                          " info worker is up name=w1",
                                          " info worker is up name=w1"});
}

TEST_CASE("a line that comes again between others is written some times, then counted and told") {
  Lines lines;
  {
    RepeatFilter filter(lines.sink);
    const auto say = [&](const std::string& text, std::chrono::milliseconds at) {
      filter.log({lines.begin + at, {}, "tandem", spdlog::level::warn, text});
    };
    for (int i = 0; i < 20; ++i) {
      say("worker is down name=w1", i * 10ms);
      say("other " + std::to_string(i), i * 10ms);
    }
    CHECK(lines.count("worker is down name=w1") == 8);
    CHECK(lines.count("repeated") == 0);
    // No other line comes, and its time is not over.
    filter.flush();
    CHECK(lines.count("repeated 12 times: worker is down name=w1") == 1);
    // As soon as that is over it is written again.
    say("worker is down name=w1", 10s);
    CHECK(lines.text.back() == "worker is down name=w1");
    say("worker is down name=w1", 10s);
    CHECK(lines.count("worker is down name=w1") == 10);  // one of them tells the count
  }
  CHECK(lines.text.back() == "worker is down name=w1");  // told at the end
  CHECK(lines.count("worker is down name=w1") == 11);
}

TEST_CASE("what was counted is not told before its time is over") {
  Lines lines;
  lines.begin = spdlog::log_clock::now();
  RepeatFilter filter(lines.sink);
  for (int i = 0; i < 5; ++i) {
    filter.log({lines.begin, {}, "tandem", spdlog::level::info, "again"});
  }
  filter.flush();
  CHECK(lines.text == std::vector<std::string>{"again"});
}

TEST_CASE("however many lines differ, none is lost and as many are known as there may be") {
  Lines lines;
  {
    RepeatFilter filter(lines.sink);
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 1000; ++i) {
        const auto text = fmt::format("refused from=10.0.{}.{}", i / 250, i % 250);
        for (int twice = 0; twice < 2; ++twice) {
          filter.log({lines.begin, {}, "tandem", spdlog::level::info, text});
        }
      }
    }
    // Too long to be known.
    const std::string text(RepeatFilter::line_bytes_max + 1, 'x');
    for (int i = 0; i < 2; ++i) filter.log({lines.begin, {}, "tandem", spdlog::level::info, text});
  }
  CHECK(lines.count("refused") == 6000);
  CHECK(lines.count("xxx") == 2);
}

TEST_CASE("the level and the format of the log change from one line to the next") {
  const auto text = stderr_of(LogLevel::info, [] {
    log::debug("not written");
    set_log_level(LogLevel::debug);
    log::debug("written");
    spdlog::default_logger()->flush();
    set_log_level(LogLevel::error);
    log::warn("not written");
  });
  CHECK(text.find("debug written") != text.npos);
  CHECK(text.find("not written") == text.npos);
  const auto json = stderr_of(LogLevel::info, [] {
    set_log_format(LogFormat::json);
    log::info("worker is up name=w1");
  });
  CHECK(nlohmann::json::parse(json)["name"] == "w1");
}

TEST_CASE("a log that nobody reads does not keep a program from ending, nor does a slow reader") {
  for (const bool reads_slowly : {false, true}) {
    INFO(reads_slowly);
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::dup2(ends[1], 2);
      start_logging(LogLevel::info, LogFormat::text);
      // More than a pipe takes, and different, so that none is counted instead.
      for (int line = 0; line < 4'000; ++line) log::info("line={} {}", line, std::string(90, 'x'));
      stop_logging();
      ::_exit(7);
    }
    ::close(ends[1]);
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    int status = 0;
    pid_t ended = 0;
    while (ended == 0 && std::chrono::steady_clock::now() < deadline) {
      char some[1'000];
      const bool is_closed = reads_slowly && ::read(ends[0], some, sizeof some) == 0;
      if (!is_closed) ::usleep(400'000);  // a reader that would take minutes for all of it
      ended = ::waitpid(child, &status, is_closed ? 0 : WNOHANG);
    }
    if (ended == 0) {
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
    }
    ::close(ends[0]);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 7);
  }
}

}  // namespace tandem::logging_test
