// configuration.hpp: what a program goes by: each key of its configuration with its value, and
// where that comes from; and the keys as documents for people. All are made from the flags that are
// bound to a CLI::App, so that --help, the default file and the page in docs/ cannot differ.
//
// A Configuration is a value. Any thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace tandem {

enum class ConfigSource {
  unset,
  standard,
  file,
  flag,
  replicated,  // decided by the cluster, through the control API
  request,     // of this process alone, through the control API, until the next reload
};
// "default", "file", "flag", "replicated", "request"; unset: "default"
std::string_view to_string(ConfigSource source);

struct ConfigKey {
  std::string key;                  // as in the file: idle-timeout, or service.shop.attempts
  std::vector<std::string> values;  // as text; none: unset
  bool is_array = false;
  bool is_bare = false;  // a number or a switch: without quotes in the file
  ConfigSource source = ConfigSource::unset;
  int line = 0;  // of the file, where that is the source

  bool operator==(const ConfigKey&) const = default;
};

struct Configuration {
  std::string file;             // as it was named; empty: none
  std::vector<ConfigKey> keys;  // in the order of --help; members of tables last

  const ConfigKey* find(std::string_view key) const;  // null: there is no such key
};

// The value as the file would have it: "text", 4, ["a", "b"]. Empty: unset.
std::string value_text(const ConfigKey& key);
// Where the value comes from: "default", "flag", or FILE:LINE.
std::string source_text(const Configuration& configuration, const ConfigKey& key);
// All keys that are set, as a file with the source of each as a comment.
std::string to_toml(const Configuration& configuration);

// What was filled from the file: the members of its tables, and the line of each key.
struct ConfigOrigins {
  std::string file;
  std::map<std::string, int, std::less<>> lines;  // by key
  std::vector<ConfigKey> members;
};

// REQUIRES: `app` has been parsed, or else all are defaults.
Configuration configuration_of(const CLI::App& app, const ConfigOrigins& origins);

// A file with all keys, commented out, with their help and their defaults. `more`: comments at its
// end.
std::string default_file(const CLI::App& app, std::string_view more);
// The same as a table in Markdown. `remark` says what is said of a key in the last column.
std::string keys_as_markdown(const CLI::App& app,
                             const std::function<std::string(std::string_view key)>& remark);

}  // namespace tandem
