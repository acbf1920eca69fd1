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

// How --help shows a number. The reader of the configuration file tells by it which flags take
// numbers.
constexpr const char* number_placeholder = "N";

std::string_view shortened(std::string_view text) { return text.substr(0, limits::host_bytes_max); }

// CLI11 calls from_config() after it has read the command line and before it checks for required
// flags: the moment to fill in flags that were not given. Everything is done here, so that errors
// can name the line.
class ConfigFile : public CLI::Config {
 public:
  ConfigFile(CLI::App& app, const std::vector<ConfigTable>& tables) : app_(app), tables_(tables) {}

  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    const auto path = app_.get_config_ptr()->as<std::string>();
    const auto entries = read_config_file(input, path);
    if (!entries.ok()) throw CLI::ConfigError(entries.error().message);
    for (const auto& entry : *entries) fill(entry, path);
    return {};
  }

  std::string to_config(const CLI::App*, bool, bool, std::string) const override { return {}; }

 private:
  void fill(const ConfigEntry& entry, const std::string& path) const {
    const auto where = fmt::format("{}:{}", path, entry.line);
    const auto flag = "--" + entry.key;
    auto* option = app_.get_option_no_throw(flag);
    if (option == nullptr || !option->get_configurable()) {
      throw CLI::ConfigError(fmt::format("{}: unknown key \"{}\"", where, shortened(entry.key)));
    }
    if (entry.is_table) return fill_tables(*option, entry, path);
    const bool repeatable = option->get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
    if (entry.is_array && !repeatable) {
      throw CLI::ConfigError(fmt::format("{}: {} takes one value, not an array", where, flag));
    }
    check_type(*option, entry, fmt::format("{}: {}", where, flag));
    if (!option->empty()) return;  // flags win
    try {
      for (const auto& value : entry.values) option->add_result(value);
      if (!entry.values.empty()) option->run_callback();
    } catch (const CLI::ParseError& error) {
      throw CLI::ConfigError(fmt::format("{}: {}", where, error.what()));
    }
  }

  // [KEY.NAME]: each is a table of settings.
  void fill_tables(const CLI::Option& option, const ConfigEntry& entry,
                   const std::string& path) const {
    const auto refuse = [&](const ConfigEntry& wrong, const std::string& why) {
      throw CLI::ConfigError(fmt::format("{}:{}: {}", path, wrong.line, why));
    };
    const auto table = std::find_if(tables_.begin(), tables_.end(), [&](const auto& each) {
      return each.flag == "--" + entry.key;
    });
    if (table == tables_.end()) {
      return refuse(entry, fmt::format("{} is a table; it takes its values outside of tables",
                                       shortened(entry.key)));
    }
    for (const auto& named : entry.members) {
      if (!named.is_table) {
        refuse(named, fmt::format("{} must be a table of settings: [{}.NAME]", shortened(named.key),
                                  entry.key));
      }
      if (!option.empty()) continue;  // flags win
      for (const auto& setting : named.members) {
        const auto value = fmt::format("{}", fmt::join(setting.values, ","));
        const auto parsed = table->parser(named.name, setting.name, value, named.key);
        if (!parsed) refuse(setting, parsed.error().message);
      }
    }
  }

  static void check_type(const CLI::Option& option, const ConfigEntry& entry,
                         const std::string& subject) {
    auto expected = ConfigType::string;
    const char* described = "a string in quotes";
    if (option.get_expected_max() == 0) {
      expected = ConfigType::boolean;
      described = "true or false";
    } else if (option.get_type_name() == number_placeholder) {
      expected = ConfigType::number;
      described = "a whole number";
    }
    if (!entry.values.empty() && entry.type != expected) {
      throw CLI::ConfigError(fmt::format("{} must be {}", subject, described));
    }
  }

  CLI::App& app_;
  const std::vector<ConfigTable> tables_;
};

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

std::optional<int> parse_command_line(CLI::App& app, int argc, const char* const* argv,
                                      const std::vector<ConfigTable>& tables) {
  const auto name = app.get_name();
  app.set_help_flag("--help", "print this help and exit")->configurable(false);
  app.set_version_flag("--version", fmt::format("{} {}", name, version),
                       "print the version and exit")
      ->configurable(false);
  app.set_config("--config", "", "a file with the same keys as these flags; flags win")
      ->type_name("FILE.toml")
      ->configurable(false);
  app.config_formatter(std::make_shared<ConfigFile>(app, tables));
  const auto refuse = [&](std::string_view sentence) {
    write_text(stderr, fmt::format("{}: {}\n", name, sentence));
    return 2;
  };
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForVersion& asked) {
    return write_text(stdout, fmt::format("{}\n", asked.what())) ? 0 : 1;
  } catch (const CLI::CallForHelp&) {
    return write_text(stdout, app.help()) ? 0 : 1;
  } catch (const CLI::FileError&) {
    const auto path = app.get_config_ptr()->as<std::string>();
    return refuse(fmt::format("--config: {} cannot be read", path));
  } catch (const CLI::RequiredError& error) {
    // A mistyped command is left over; that flags are missing because of it is not worth a message.
    const auto left = app.remaining();
    return refuse(left.empty() ? error.what() : "unknown argument " + left.front());
  } catch (const CLI::ParseError& error) {
    return refuse(error.what());
  }
  return std::nullopt;
}

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
                    });
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
                    "how the log is written: as text, the default, as JSON, an object on each "
                    "line, or as systemd's journal takes it from a service, with priorities",
                    [&value](std::string_view text, std::string_view named) -> Result<> {
                      const auto parsed = parse_log_format(text, named);
                      if (!parsed.ok()) return parsed.error();
                      value = *parsed;
                      return {};
                    });
}

}  // namespace tandem
