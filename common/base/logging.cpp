#include "common/base/logging.hpp"

#include <array>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <spdlog/async.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "common/base/limits.hpp"
#include "common/base/printable.hpp"

namespace tandem {

namespace {

struct NamedLevel {
  LogLevel level;
  const char* name;
  spdlog::level::level_enum spdlog_level;
};

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

void start_logging(LogLevel level) {
  spdlog::init_thread_pool(limits::log_lines_max, 1);
  auto logger = std::make_shared<spdlog::async_logger>(
      "tandem", std::make_shared<spdlog::sinks::stderr_sink_mt>(), spdlog::thread_pool(),
      spdlog::async_overflow_policy::overrun_oldest);
  logger->set_level(find(level).spdlog_level);
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<Printable>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %*");
  logger->set_formatter(std::move(formatter));
  spdlog::set_default_logger(std::move(logger));
}

void stop_logging() { spdlog::shutdown(); }

}  // namespace tandem
