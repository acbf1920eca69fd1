#include "common/base/command_line.hpp"

#include <algorithm>
#include <charconv>
#include <istream>
#include <memory>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "common/base/config_file.hpp"
#include "common/base/duration.hpp"
#include "common/base/limits.hpp"
#include "common/base/name.hpp"
#include "common/base/version.hpp"
#include "common/base/write_text.hpp"

namespace tandem {

namespace {

// For a single endpoint, optional or not.
template <class Target>
FlagParser endpoint_parser(Target& value) {
  return [&value](std::string_view text, std::string_view named) -> Result<> {
    auto parsed = parse_endpoint(text, named);
    if (!parsed.ok()) return parsed.error();
    value = std::move(*parsed);
    return {};
  };
}

}  // namespace

CLI::Option* bind_value(CLI::App& app, const std::string& flag, const std::string& placeholder,
                        const std::string& help, FlagParser parser) {
  // CLI11 hands over all values of the flag at once.
  auto* option = app.add_option(
      flag,
      [flag, parser = std::move(parser)](const CLI::results_t& values) {
        for (const auto& value : values) {
          const auto parsed = parser(value, flag);
          if (!parsed.ok()) throw CLI::ValidationError(parsed.error().message);
        }
        return true;
      },
      help);
  return option->type_name(placeholder)->expected(1)->allow_extra_args(false);
}

CLI::Option* bind_each(CLI::App& app, const std::string& flag, const std::string& placeholder,
                       const std::string& help, FlagParser parser) {
  return bind_value(app, flag, placeholder, help, std::move(parser))
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

CLI::Option* bind_text(CLI::App& app, const std::string& flag, const std::string& placeholder,
                       const std::string& help, std::string& value) {
  return bind_value(app, flag, placeholder, help,
                    [&value](std::string_view text, std::string_view named) -> Result<> {
                      if (text.empty())
                        return invalid(fmt::format("{} must not be empty", named),
                                       std::string(named));
                      value = text;
                      return {};
                    })
      ->default_str(value);
}

CLI::Option* bind_name(CLI::App& app, const std::string& flag, const std::string& help,
                       std::string& value) {
  return bind_value(app, flag, "NAME", help,
                    [&value](std::string_view text, std::string_view named) -> Result<> {
                      auto parsed = parse_name(text, named);
                      if (!parsed.ok()) return parsed.error();
                      value = std::move(*parsed);
                      return {};
                    })
      ->default_str(value);
}

CLI::Option* bind_endpoint(CLI::App& app, const std::string& flag, const std::string& help,
                           Endpoint& value) {
  return bind_value(app, flag, "HOST:PORT", help, endpoint_parser(value))
      ->default_str(value.host.empty() ? "" : value.to_string());
}

CLI::Option* bind_endpoint(CLI::App& app, const std::string& flag, const std::string& help,
                           std::optional<Endpoint>& value) {
  return bind_value(app, flag, "HOST:PORT", help, endpoint_parser(value))
      ->default_str(value ? value->to_string() : "");
}

CLI::Option* bind_endpoints(CLI::App& app, const std::string& flag, const std::string& help,
                            std::vector<Endpoint>& values) {
  return bind_each(app, flag, "HOST:PORT", help,
                   [&values](std::string_view text, std::string_view named) -> Result<> {
                     auto parsed = parse_endpoint(text, named);
                     if (!parsed.ok()) return parsed.error();
                     values.push_back(std::move(*parsed));
                     return {};
                   });
}

CLI::Option* bind_duration(CLI::App& app, const std::string& flag, const std::string& help,
                           Duration& value, DurationRange range) {
  return bind_value(app, flag, "DURATION", help,
                    [&value, range](std::string_view text, std::string_view named) -> Result<> {
                      const auto parsed = parse_duration(text, named);
                      if (!parsed.ok()) return parsed.error();
                      if (*parsed < range.min || *parsed > range.max) {
                        return invalid(
                            fmt::format("{} must be {} to {}, not {}", named, to_string(range.min),
                                        to_string(range.max), shortened(text)),
                            std::string(named));
                      }
                      value = *parsed;
                      return {};
                    })
      ->default_str(to_string(value));
}

CLI::Option* bind_number(CLI::App& app, const std::string& flag, const std::string& help,
                         unsigned& value, NumberRange range) {
  return bind_value(app, flag, number_placeholder, help,
                    [&value, range](std::string_view text, std::string_view named) -> Result<> {
                      unsigned number = 0;
                      const auto* end = text.data() + text.size();
                      const auto parsed = std::from_chars(text.data(), end, number);
                      if (parsed.ec != std::errc{} || parsed.ptr != end || number < range.min ||
                          number > range.max) {
                        return invalid(
                            fmt::format("{} must be a whole number from {} to {}, not \"{}\"",
                                        named, range.min, range.max, shortened(text)),
                            std::string(named));
                      }
                      value = number;
                      return {};
                    })
      ->default_str(std::to_string(value));
}

CLI::Option* bind_choice(CLI::App& app, const std::string& flag, const std::string& help,
                         bool& value, Choice first, Choice second) {
  const auto placeholder = fmt::format("{}|{}", first.word, second.word);
  const auto word = value == first.value ? first.word : second.word;
  return bind_value(app, flag, placeholder, help,
                    [&value, first = std::move(first), second = std::move(second)](
                        std::string_view text, std::string_view named) -> Result<> {
                      if (text != first.word && text != second.word) {
                        return invalid(fmt::format("{} must be {} or {}, not \"{}\"", named,
                                                   first.word, second.word, shortened(text)),
                                       std::string(named));
                      }
                      value = text == first.word ? first.value : second.value;
                      return {};
                    })
      ->default_str(word);
}

CLI::Option* bind_switch(CLI::App& app, const std::string& flag, const std::string& help,
                         bool& value) {
  return app.add_flag(flag, value, help)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

CLI::Option* bind_log_level(CLI::App& app, LogLevel& value) {
  return bind_value(app, "--log-level", "debug|info|warning|error|off",
                    "the lowest severity that is logged",
                    [&value](std::string_view text, std::string_view named) -> Result<> {
                      const auto parsed = parse_log_level(text, named);
                      if (!parsed.ok()) return parsed.error();
                      value = *parsed;
                      return {};
                    })
      ->default_str(to_string(value));
}

CLI::Option* bind_log_format(CLI::App& app, LogFormat& value) {
  return bind_value(app, "--log-format", "text|json|journal",
                    "how the log is written: as text, as JSON, an object on each line, or as "
                    "systemd's journal takes it from a service, with priorities and fields",
                    [&value](std::string_view text, std::string_view named) -> Result<> {
                      const auto parsed = parse_log_format(text, named);
                      if (!parsed.ok()) return parsed.error();
                      value = *parsed;
                      return {};
                    })
      ->default_str(to_string(value));
}

}  // namespace tandem
