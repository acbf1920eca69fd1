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
  if (const auto* truth = node.as_boolean()) {
    return Scalar{ConfigType::boolean, truth->get() ? "true" : "false"};
  }
  return std::nullopt;
}

Result<ConfigEntry> read_entry(std::string key, const toml::node& node, const std::string& path) {
  ConfigEntry entry;
  entry.key = std::move(key);
  entry.line = static_cast<int>(node.source().begin.line);
  entry.is_array = node.is_array();
  const auto refuse = [&](std::string_view why) {
    return invalid(fmt::format("{}:{}: {} {}", path, entry.line, entry.key, why), entry.key);
  };
  if (node.is_table())
    return refuse("is a table; the keys of a configuration stand outside of tables");

  const auto add = [&](const toml::node& value) {
    auto scalar = read_scalar(value);
    if (!scalar || (!entry.values.empty() && scalar->type != entry.type)) return false;
    entry.type = scalar->type;
    entry.values.push_back(std::move(scalar->text));
    return true;
  };
  if (const auto* array = node.as_array()) {
    for (const auto& element : *array) {
      if (!add(element))
        return refuse("must be an array of strings, of whole numbers or of booleans");
    }
  } else if (!add(node)) {
    return refuse("must be a string, a whole number, a boolean or an array of these");
  }
  return entry;
}

}  // namespace

Result<std::vector<ConfigEntry>> read_config_file(std::istream& input, const std::string& path) {
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
  std::vector<ConfigEntry> entries;
  for (const auto& [key, node] : table) {
    auto entry = read_entry(std::string(key.str()), node, path);
    if (!entry.ok()) return entry.error();
    entries.push_back(std::move(*entry));
  }
  // The table is sorted by key; errors are easier to follow in the order of the file.
  std::sort(entries.begin(), entries.end(),
            [](const ConfigEntry& a, const ConfigEntry& b) { return a.line < b.line; });
  return entries;
}

}  // namespace tandem
