// The part of command_line.hpp that reads: the flags, the file, and what they say together.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <set>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "common/base/ascii.hpp"
#include "common/base/command_line.hpp"
#include "common/base/config_filler.hpp"
#include "common/base/nearest_word.hpp"
#include "common/base/version.hpp"
#include "common/base/write_text.hpp"

namespace tandem {

namespace {

std::string why_unreadable(const std::string& file) {
  struct stat about {};
  if (::stat(file.c_str(), &about) != 0) return std::strerror(errno);
  if (S_ISDIR(about.st_mode)) return std::strerror(EISDIR);
  return ::access(file.c_str(), R_OK) == 0 ? "it is no file" : std::strerror(errno);
}

constexpr std::string_view check_flag = "--check-config";

// --check-config FILE is --config FILE, and nothing is started.
std::vector<std::string> without_check(int argc, const char* const* argv, bool& is_check) {
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i) {
    std::string_view text = argv[i];
    if (text == check_flag ||
        (text.starts_with(check_flag) && text.substr(check_flag.size()).starts_with('='))) {
      is_check = true;
      arguments.push_back(fmt::format("--config{}", text.substr(check_flag.size())));
    } else {
      arguments.emplace_back(text);
    }
  }
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  return arguments;
}

class Reading {
 public:
  Reading(CLI::App& app, const FlagRules& rules) : app_(app), rules_(rules) {
    const auto name = app_.get_name();
    app_.set_help_flag("--help", "print this help and exit")->configurable(false);
    app_.set_version_flag("--version", fmt::format("{} {}", name, version),
                          "print the version and exit")
        ->configurable(false);
    app_.set_config("--config", "", "a file with the same keys as these flags; flags win")
        ->type_name("FILE.toml")
        ->configurable(false);
    if (rules_.is_configured) add_modes();
    app_.config_formatter(config_filler(app_, rules_.tables, filled_));
  }

  CommandLineReading read(int argc, const char* const* argv) {
    bool is_check = false;
    try {
      if (rules_.is_configured) {
        auto arguments = without_check(argc, argv, is_check);
        app_.parse(std::move(arguments));
      } else {
        app_.parse(argc, argv);
      }
    } catch (const CLI::CallForVersion& asked) {
      return {
          .status = 0, .output = fmt::format("{}\n", asked.what()), .errors = {}, .in_force = {}};
    } catch (const CLI::CallForHelp&) {
      return {.status = 0, .output = app_.help(), .errors = {}, .in_force = {}};
    } catch (const CLI::ParseError& error) {
      return refused(errors_of(error));
    }
    // A variable that is not set, most likely.
    const auto* file = app_.get_config_ptr();
    if (file != nullptr && file->count() > 0 && file->as<std::string>().empty()) {
      return refused({fmt::format("{} names no file", is_check ? check_flag : "--config")});
    }
    if (prints_default_) return printed(default_file(app_, rules_.file_footer));
    if (prints_page_) return printed(keys_as_markdown(app_, rules_.remark));
    auto wrong = together(is_check);
    if (!wrong.empty()) return refused(std::move(wrong));
    auto in_force = configuration_of(app_, filled_.origins);
    auto shown = is_check ? to_toml(in_force) : std::string();
    return {.status = is_check ? std::optional<int>(0) : std::nullopt,
            .output = std::move(shown),
            .errors = {},
            .in_force = std::move(in_force)};
  }

 private:
  void add_modes() {
    app_.add_option(std::string(check_flag), ignored_,
                    "say what is wrong with the file, all of it, or else what would be in force; "
                    "and exit")
        ->type_name("FILE.toml")
        ->configurable(false);
    app_.add_flag("--print-default-config", prints_default_,
                  "print a file with all keys and their defaults as comments, and exit")
        ->configurable(false);
    app_.add_flag("--print-config-page", prints_page_, "docs/configuration.md is made of it")
        ->configurable(false)
        ->group("");
  }

  static CommandLineReading refused(std::vector<std::string> errors) {
    return {.status = 2, .output = {}, .errors = std::move(errors), .in_force = {}};
  }
  static CommandLineReading printed(std::string text) {
    return {.status = 0, .output = std::move(text), .errors = {}, .in_force = {}};
  }

  // A sentence about flags, with the line of the file that gave the first of them.
  std::string located(const std::string& sentence) const {
    const auto begin = sentence.find("--");
    if (begin == sentence.npos) return sentence;
    const auto is_in_key = [](char c) { return c == '-' || is_lower(c) || is_digit(c); };
    const auto end = std::find_if_not(sentence.begin() + static_cast<std::ptrdiff_t>(begin),
                                      sentence.end(), is_in_key);
    const std::string key(sentence.begin() + static_cast<std::ptrdiff_t>(begin) + 2, end);
    const auto& origins = filled_.origins;
    const auto line = origins.lines.find(key);
    if (line == origins.lines.end()) return sentence;
    return fmt::format("{}:{}: {}", origins.file, line->second, sentence);
  }

  // Flags that need others, or exclude them; CLI11 says but the first.
  std::vector<std::string> missing_or_excluded() const {
    std::vector<std::string> errors;
    for (const auto* option : app_.get_options()) {
      if (option->count() == 0) continue;
      for (const auto* needed : option->get_needs()) {
        if (needed->count() > 0) continue;
        errors.push_back(
            located(fmt::format("{} requires {}", option->get_name(), needed->get_name())));
      }
      for (const auto* excluded : option->get_excludes()) {
        if (excluded->count() == 0 || excluded < option) continue;  // each pair once
        errors.push_back(
            located(fmt::format("{} excludes {}", option->get_name(), excluded->get_name())));
      }
    }
    return errors;
  }

  std::vector<std::string> together(bool is_check) const {
    auto errors =
        rules_.contradictions ? rules_.contradictions(is_check) : std::vector<std::string>();
    for (auto& error : errors) error = located(error);
    return errors;
  }

  // What is left over of the command line.
  std::vector<std::string> unexpected(const CLI::ParseError& error) const {
    std::vector<std::string> known;
    const auto add = [&known](const CLI::App& app) {
      for (const auto* option : app.get_options()) {
        for (const auto& name : option->get_lnames()) known.push_back(name);
      }
    };
    add(app_);
    for (const auto* command : app_.get_subcommands()) add(*command);
    for (const auto& left : app_.remaining(true)) {
      if (!left.starts_with("--")) continue;
      const auto name = left.substr(2, left.find('=') - 2);
      return {error.what() + did_you_mean(name, known, "--", "")};
    }
    return {error.what()};
  }

  std::vector<std::string> errors_of(const CLI::ParseError& error) const {
    if (!filled_.errors.empty()) return filled_.errors;
    if (dynamic_cast<const CLI::FileError*>(&error) != nullptr) {
      const auto file = app_.get_config_ptr()->as<std::string>();
      return {fmt::format("--config: {} cannot be read: {}", file, why_unreadable(file))};
    }
    if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) return unexpected(error);
    if (dynamic_cast<const CLI::RequiresError*>(&error) != nullptr ||
        dynamic_cast<const CLI::ExcludesError*>(&error) != nullptr) {
      auto errors = missing_or_excluded();
      if (!errors.empty()) {
        const auto more = together(false);
        errors.insert(errors.end(), more.begin(), more.end());
        return errors;
      }
    }
    if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
      // A mistyped command is left over; that flags are missing because of it is not worth a
      // message.
      const auto left = app_.remaining();
      if (!left.empty()) return {"unknown argument " + left.front()};
    }
    return {error.what()};
  }

  CLI::App& app_;
  const FlagRules& rules_;
  ConfigFilled filled_;
  std::string ignored_;
  bool prints_default_ = false;
  bool prints_page_ = false;
};

}  // namespace

CommandLineReading read_command_line(CLI::App& app, int argc, const char* const* argv,
                                     const FlagRules& rules) {
  return Reading(app, rules).read(argc, argv);
}

std::optional<int> report(const CommandLineReading& reading, const std::string& program) {
  if (!reading.status) return std::nullopt;
  for (const auto& error : reading.errors) {
    write_text(stderr, fmt::format("{}: {}\n", program, error));
  }
  if (!reading.output.empty() && !write_text(stdout, reading.output)) return 1;
  return reading.status;
}

std::optional<int> parse_command_line(CLI::App& app, int argc, const char* const* argv,
                                      const std::vector<ConfigTable>& tables) {
  FlagRules rules;
  rules.tables = tables;
  return report(read_command_line(app, argc, argv, rules), app.get_name());
}

}  // namespace tandem
