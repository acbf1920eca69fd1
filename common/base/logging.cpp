#include "common/base/logging.hpp"

#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <spdlog/async.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/sink.h>
#include <spdlog/spdlog.h>

#include "common/base/journal_sink.hpp"
#include "common/base/limits.hpp"
#include "common/base/log.hpp"
#include "common/base/log_format.hpp"
#include "common/base/log_priority.hpp"
#include "common/base/mutex.hpp"
#include "common/base/patient_writer.hpp"
#include "common/base/printable.hpp"
#include "common/base/repeat_filter.hpp"

namespace tandem {

namespace {

struct NamedLevel {
  LogLevel level;
  const char* name;
  spdlog::level::level_enum spdlog_level;
};

// How long repetitions that were counted may be told late.
constexpr std::chrono::seconds repeats_told_every{2};
// How long a program that ends waits for who reads its log, in all.
constexpr std::chrono::seconds log_close_max{1};

constexpr std::array<NamedLevel, 5> levels{{
    {LogLevel::debug, "debug", spdlog::level::debug},
    {LogLevel::info, "info", spdlog::level::info},
    {LogLevel::warning, "warning", spdlog::level::warn},
    {LogLevel::error, "error", spdlog::level::err},
    {LogLevel::off, "off", spdlog::level::off},
}};

const NamedLevel& find(LogLevel level) {
  for (const auto& known : levels) {
    if (known.level == level) return known;
  }
  assertion_failed("a known log level", __FILE__, __LINE__);
}

// "<6>": how the journal is told the priority of a line.
class Priority final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& line) override {
    const char text[] = {'<', log_priority_of(message.level), '>'};
    line.append(text, text + sizeof text);
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<Priority>();
  }
};

// The message as members of a JSON object.
class Members final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& line) override {
    std::string text;
    append_log_members(text, {message.payload.data(), message.payload.size()});
    line.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<Members>();
  }
};

const char* pattern_of(LogFormat format) {
  switch (format) {
    case LogFormat::text: return "%Y-%m-%dT%H:%M:%S.%eZ %l %*";
    case LogFormat::json: return R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%&})";
    case LogFormat::journal: return "%~%*";
  }
  assertion_failed("a known log format", __FILE__, __LINE__);
}

// The message: names, reasons and addresses in it may come from a stranger.
class Printable final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& line) override {
    const auto text = printable({message.payload.data(), message.payload.size()});
    line.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<Printable>();
  }
};

}  // namespace

const char* to_string(LogLevel level) { return find(level).name; }

Result<LogLevel> parse_log_level(std::string_view text, std::string_view field) {
  for (const auto& known : levels) {
    if (text == known.name) return known.level;
  }
  return invalid(fmt::format("{} must be debug, info, warning, error or off, not \"{}\"", field,
                             text.substr(0, limits::name_bytes_max)),
                 std::string(field));
}

const char* to_string(LogFormat format) {
  switch (format) {
    case LogFormat::text: return "text";
    case LogFormat::json: return "json";
    case LogFormat::journal: return "journal";
  }
  assertion_failed("a known log format", __FILE__, __LINE__);
}

Result<LogFormat> parse_log_format(std::string_view text, std::string_view field) {
  if (text == "text") return LogFormat::text;
  if (text == "json") return LogFormat::json;
  if (text == "journal") return LogFormat::journal;
  return invalid(fmt::format("{} must be text, json or journal, not \"{}\"", field,
                             text.substr(0, limits::name_bytes_max)),
                 std::string(field));
}

namespace {

std::unique_ptr<spdlog::formatter> formatter_for(LogFormat format) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<Printable>('*').add_flag<Priority>('~').add_flag<Members>('&');
  formatter->set_pattern(pattern_of(format));
  return formatter;
}

// Lines on the standard error, whose reader may not read. A line that it does not take is lost.
class ErrorLines final : public spdlog::sinks::sink {
 public:
  ErrorLines() { writer_.use(STDERR_FILENO); }
  void end() { ending_.store(true, std::memory_order_relaxed); }

  void log(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    {
      const Lock lock(mutex_);
      formatter_->format(message, line);
    }
    std::string_view text(line.data(), line.size());
    writer_.write(text, ending_);
  }
  void flush() override {}
  void set_pattern(const std::string& pattern) override {
    set_formatter(std::make_unique<spdlog::pattern_formatter>(pattern));
  }
  void set_formatter(std::unique_ptr<spdlog::formatter> formatter) override {
    const Lock lock(mutex_);
    formatter_ = std::move(formatter);
  }

 private:
  Mutex mutex_;
  std::unique_ptr<spdlog::formatter> formatter_ TANDEM_GUARDED_BY(mutex_) =
      std::make_unique<spdlog::pattern_formatter>();
  std::atomic<bool> ending_{false};
  PatientWriter writer_{log_close_max};
};

constexpr const char* journal_socket = "/run/systemd/journal/socket";

std::shared_ptr<ErrorLines> error_lines;

std::shared_ptr<JournalSink> output;

}  // namespace

void start_logging(LogLevel level, LogFormat format) {
  spdlog::init_thread_pool(limits::log_lines_max, 1);
  const bool is_journal = is_journal_stream(STDERR_FILENO, ::getenv("JOURNAL_STREAM"));
  error_lines = std::make_shared<ErrorLines>();
  output = std::make_shared<JournalSink>(is_journal ? journal_socket : "", error_lines);
  output->take_fields(format == LogFormat::journal);
  auto logger = std::make_shared<spdlog::async_logger>(
      "tandem", std::make_shared<RepeatFilter>(output), spdlog::thread_pool(),
      spdlog::async_overflow_policy::overrun_oldest);
  logger->set_level(find(level).spdlog_level);
  logger->set_formatter(formatter_for(format));
  spdlog::set_default_logger(std::move(logger));
  spdlog::flush_every(repeats_told_every);
}

void set_log_level(LogLevel level) {
  spdlog::default_logger()->set_level(find(level).spdlog_level);
}

void set_log_format(LogFormat format) {
  output->take_fields(format == LogFormat::journal);
  spdlog::default_logger()->set_formatter(formatter_for(format));
}

void stop_logging() {
  if (error_lines) error_lines->end();
  spdlog::shutdown();  // and what was counted is told
  output.reset();
  error_lines.reset();
}

void log::write(LogLevel level, fmt::string_view format, fmt::format_args arguments) {
  auto* logger = spdlog::default_logger_raw();
  const auto wanted = find(level).spdlog_level;
  if (!logger->should_log(wanted)) return;
  logger->log(wanted, fmt::vformat(format, arguments));
}

}  // namespace tandem
