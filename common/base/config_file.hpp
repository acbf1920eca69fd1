// config_file.hpp: a TOML configuration file as a list of keys, each with its line and its values
// as text.
//
// Only values that a flag can have are accepted: strings, whole numbers, booleans, and arrays of
// these; and tables in a table, [KEY.NAME], whose members may also be fractions. What the keys mean
// is decided by the caller: command_line.hpp.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/limits.hpp"
#include "common/base/result.hpp"

namespace tandem {

// As much of a text as a message about it quotes.
inline std::string_view shortened(std::string_view text) {
  return text.substr(0, limits::host_bytes_max);
}

enum class ConfigType { string, number, boolean, fraction };

struct ConfigEntry {
  std::string key;  // the full key, with those of its tables: service.shop.attempts
  int line = 0;     // from 1
  bool is_array = false;
  bool is_table = false;
  ConfigType type = ConfigType::string;  // of all values
  std::vector<std::string> values;       // numbers in decimal, booleans as true and false
  std::vector<ConfigEntry> members;      // of a table, in the order of the file

  // The last of the keys: attempts.
  std::string name;
};

struct ConfigEntries {
  std::vector<ConfigEntry> entries;  // that a flag could have
  std::vector<std::string> errors;   // of the others: sentences that begin with FILE:LINE
};

// Reads `input` to its end; `path` is only for error messages. Errors: `io` when it cannot be read
// or exceeds limits::config_bytes_max; `invalid`, beginning with FILE:LINE, when it is not TOML.
Result<ConfigEntries> read_config_file(std::istream& input, const std::string& path);

}  // namespace tandem
