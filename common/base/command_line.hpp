// command_line.hpp: how every program reads its flags and its configuration file.
//
// A program declares its flags on a CLI::App with the bind_ functions below, then calls
// parse_command_line(). That adds --help, --version and --config FILE.toml. The file has the flags'
// names as keys, without dashes: strings, whole numbers, booleans for switches, arrays for
// repeatable flags; and tables for the flags for which a ConfigTable is passed. The file supplies
// what the command line did not; flags win. An error is reported in one sentence on stderr that
// names the flag, or FILE:LINE and the flag, and the exit status is 2.
//
// The bound variables must live until parse_command_line() returns; what they hold before that is
// the default, which --help shows. Pure but for the files that are read.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/configuration.hpp"
#include "common/base/endpoint.hpp"
#include "common/base/logging.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace tandem {

// A flag that may be written as tables in the file, [KEY.NAME], each with settings of its own.
struct ConfigTable {
  std::string flag;  // with dashes; bound with bind_each()
  // Takes one setting, its value as text; the members of an array are separated by commas. An error
  // is a sentence that begins with `table`, KEY.NAME.
  std::function<Result<>(std::string_view name, std::string_view key, std::string_view value,
                         std::string_view table)>
      parser;
  std::vector<std::string> members{};  // the keys that there are, for "did you mean"
};

// How --help shows a number. The reader of the configuration file tells by it which flags take
// numbers.
inline constexpr const char* number_placeholder = "N";

// What a program that is configured by a file says of its flags, besides binding them.
struct FlagRules {
  std::vector<ConfigTable> tables{};
  // Called once all values have been read. Returns what they contradict, a sentence each, which
  // names the flags. `is_check`: --check-config; files that the flags name are to be read, too.
  std::function<std::vector<std::string>(bool is_check)> contradictions{};
  // Adds --check-config and --print-default-config.
  bool is_configured = false;
  std::string file_footer{};  // comments at the end of the default file
  // What the page says about changing a key; empty: nothing.
  std::function<std::string(std::string_view key)> remark{};
};

struct CommandLineReading {
  // The exit status with which the program must end now: 0 after --help and the like, 2 after an
  // error; nothing if it should continue.
  std::optional<int> status;
  std::string output;               // with 0: for the standard output
  std::vector<std::string> errors;  // with 2: each a sentence, without the name of the program
  Configuration in_force;           // with nothing, and of --check-config
};

// As parse_command_line(), and prints nothing.
CommandLineReading read_command_line(CLI::App& app, int argc, const char* const* argv,
                                     const FlagRules& rules);
// Prints what was read, where the program must end. Returns the exit status.
std::optional<int> report(const CommandLineReading& reading, const std::string& program);

// Parses argv and the file it names, and fills the bound variables. `app` has the program's name,
// which --version prints with the version of the build. Returns the exit status with which the
// program must end now (0 after --help and --version, 2 after an error; both have been printed), or
// nothing if it should continue.
std::optional<int> parse_command_line(CLI::App& app, int argc, const char* const* argv,
                                      const std::vector<ConfigTable>& tables = {});

// Takes one value of a flag and stores it. An error is a sentence that begins with `flag`.
using FlagParser = std::function<Result<>(std::string_view text, std::string_view flag)>;

// `flag` is the long form, "--listen"; `placeholder` stands for the value in --help. Each returns
// the option so that the caller can add to it (->required(), ->excludes(...)). A flag given twice
// is refused.
CLI::Option* bind_value(CLI::App& app, const std::string& flag, const std::string& placeholder,
                        const std::string& help, FlagParser parser);
// Repeatable: the parser is called once for each value, in order.
CLI::Option* bind_each(CLI::App& app, const std::string& flag, const std::string& placeholder,
                       const std::string& help, FlagParser parser);

// Any text that is not empty, such as a path.
CLI::Option* bind_text(CLI::App& app, const std::string& flag, const std::string& placeholder,
                       const std::string& help, std::string& value);
CLI::Option* bind_name(CLI::App& app, const std::string& flag, const std::string& help,
                       std::string& value);
CLI::Option* bind_endpoint(CLI::App& app, const std::string& flag, const std::string& help,
                           Endpoint& value);
CLI::Option* bind_endpoint(CLI::App& app, const std::string& flag, const std::string& help,
                           std::optional<Endpoint>& value);
// Repeatable.
CLI::Option* bind_endpoints(CLI::App& app, const std::string& flag, const std::string& help,
                            std::vector<Endpoint>& values);

// The range is inclusive; the error message states it.
struct DurationRange {
  Duration min;
  Duration max;
};
CLI::Option* bind_duration(CLI::App& app, const std::string& flag, const std::string& help,
                           Duration& value, DurationRange range);
struct NumberRange {
  unsigned min;
  unsigned max;
};
CLI::Option* bind_number(CLI::App& app, const std::string& flag, const std::string& help,
                         unsigned& value, NumberRange range);

// One of two words, and what it means: "on" and "off", say.
struct Choice {
  std::string word;
  bool value;
};
CLI::Option* bind_choice(CLI::App& app, const std::string& flag, const std::string& help,
                         bool& value, Choice first, Choice second);
// A flag without a value: true when given, and for `key = true` in the file.
CLI::Option* bind_switch(CLI::App& app, const std::string& flag, const std::string& help,
                         bool& value);
// --log-level LEVEL, the same in all programs.
CLI::Option* bind_log_level(CLI::App& app, LogLevel& value);
// --log-format FORMAT, likewise.
CLI::Option* bind_log_format(CLI::App& app, LogFormat& value);

}  // namespace tandem
