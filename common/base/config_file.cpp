#include "common/base/config_file.hpp"

#include <algorithm>
#include <istream>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "common/base/limits.hpp"

namespace tandem {

namespace {

struct Scalar {
  ConfigType type;
  std::string text;
};

std::optional<Scalar> read_scalar(const toml::node& node) {
  if (const auto* text = node.as_string()) return Scalar{ConfigType::string, text->get()};
  if (const auto* number = node.as_integer())
    return Scalar{ConfigType::number, std::to_string(number->get())};
  if (const auto* fraction = node.as_floating_point())
    return Scalar{ConfigType::fraction, fmt::format("{}", fraction->get())};
  if (const auto* truth = node.as_boolean()) {
    return Scalar{ConfigType::boolean, truth->get() ? "true" : "false"};
  }
  return std::nullopt;
}

// [KEY.NAME], and no deeper.
constexpr unsigned table_depth_max = 2;

// Reads the nodes of one file; the path is for error messages.
class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path) {}

  // The members of `table`. `before`: the table's own key, followed by a dot.
  std::vector<ConfigEntry> read(const toml::table& table, const std::string& before = "",
                                unsigned depth = 0) {
    std::vector<ConfigEntry> entries;
    for (const auto& [key, node] : table) {
      ConfigEntry entry;
      entry.name = std::string(key.str());
      entry.key = before + entry.name;
      entry.line = static_cast<int>(node.source().begin.line);
      if (const auto done = read_value(node, depth, entry)) {
        entries.push_back(std::move(entry));
      } else {
        errors_.push_back(done.error().message);
      }
    }
    // The table is sorted by key; errors are easier to follow in the order of the file.
    std::sort(entries.begin(), entries.end(),
              [](const ConfigEntry& a, const ConfigEntry& b) { return a.line < b.line; });
    return entries;
  }
  std::vector<std::string> errors() && { return std::move(errors_); }

 private:
  Error refuse(const ConfigEntry& entry, std::string_view why) const {
    return invalid(fmt::format("{}:{}: {} {}", path_, entry.line, entry.key, why), entry.key);
  }

  Result<> read_value(const toml::node& node, unsigned depth, ConfigEntry& entry) {
    if (const auto* table = node.as_table()) {
      if (depth == table_depth_max) return refuse(entry, "is a table nested too deep");
      entry.is_table = true;
      entry.members = read(*table, entry.key + ".", depth + 1);
      return {};
    }
    const bool takes_fractions = depth == table_depth_max;
    if (const auto* array = node.as_array()) {
      entry.is_array = true;
      for (const auto& element : *array) {
        if (!add(element, takes_fractions, entry)) {
          return refuse(entry, "must be an array of strings, of whole numbers or of booleans");
        }
      }
    } else if (!add(node, takes_fractions, entry)) {
      return refuse(entry, "must be a string, a whole number, a boolean or an array of these");
    }
    return {};
  }

  static bool add(const toml::node& value, bool takes_fractions, ConfigEntry& entry) {
    auto scalar = read_scalar(value);
    if (!scalar || (scalar->type == ConfigType::fraction && !takes_fractions)) return false;
    if (!entry.values.empty() && scalar->type != entry.type) return false;
    entry.type = scalar->type;
    entry.values.push_back(std::move(scalar->text));
    return true;
  }

  const std::string& path_;
  std::vector<std::string> errors_;
};

}  // namespace

Result<ConfigEntries> read_config_file(std::istream& input, const std::string& path) {
  std::string text(limits::config_bytes_max + 1, '\0');
  input.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (input.bad()) return fail(ErrorCode::io, fmt::format("{} cannot be read", path));
  text.resize(static_cast<std::size_t>(input.gcount()));
  if (text.size() > limits::config_bytes_max) {
    return fail(ErrorCode::io,
                fmt::format("{} is longer than {} bytes", path, limits::config_bytes_max));
  }

  toml::table table;
  try {
    table = toml::parse(text, path);
  } catch (const toml::parse_error& error) {
    return invalid(fmt::format("{}:{}: {}", path, error.source().begin.line, error.description()));
  }
  Reader reader(path);
  auto entries = reader.read(table);
  return ConfigEntries{std::move(entries), std::move(reader).errors()};
}

}  // namespace tandem
