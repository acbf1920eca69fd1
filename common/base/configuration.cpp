#include "common/base/configuration.hpp"

#include <algorithm>
#include <cctype>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tandem {

namespace {

constexpr std::size_t line_bytes = 98;      // of a comment, without its "# "
constexpr std::size_t comment_column = 44;  // of what says where a value comes from

std::string key_of(const CLI::Option& option) {
  const auto& names = option.get_lnames();
  return names.empty() ? std::string() : names.front();
}

bool is_switch(const CLI::Option& option) { return option.get_expected_max() == 0; }
bool is_array(const CLI::Option& option) {
  return option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
}
bool is_bare(const CLI::Option& option) {
  return is_switch(option) || option.get_type_name() == "N";
}

std::vector<const CLI::Option*> configurable(const CLI::App& app) {
  std::vector<const CLI::Option*> all;
  for (const auto* option : app.get_options()) {
    if (option->get_configurable() && !key_of(*option).empty()) all.push_back(option);
  }
  return all;
}

std::string in_quotes(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string default_of(const CLI::Option& option) {
  return is_switch(option) ? "false" : option.get_default_str();
}

ConfigKey key_with_value(const CLI::Option& option, const ConfigOrigins& origins) {
  ConfigKey key{.key = key_of(option),
                .values = {},
                .is_array = is_array(option),
                .is_bare = is_bare(option)};
  if (const auto line = origins.lines.find(key.key); line != origins.lines.end()) {
    key.source = ConfigSource::file;
    key.line = line->second;
    key.values = option.results();
  } else if (option.count() > 0) {
    key.source = ConfigSource::flag;
    key.values = option.results();
  } else if (const auto value = default_of(option); !value.empty()) {
    key.source = ConfigSource::standard;
    key.values = {value};
  }
  if (is_switch(option) && key.values.size() > 1) key.values = {key.values.back()};
  return key;
}

// It goes with another key, which is not set: its default means nothing.
bool lacks_another(const CLI::Option& option) {
  const auto& needed = option.get_needs();
  return std::any_of(needed.begin(), needed.end(),
                     [](const auto* other) { return other->count() == 0; });
}

// Lines of comments that are not longer than a page is wide.
std::string as_comment(std::string_view text) {
  std::string lines;
  while (!text.empty()) {
    auto end = text.size();
    if (end > line_bytes) {
      const auto space = text.rfind(' ', line_bytes);
      end = space == text.npos || space == 0 ? line_bytes : space;
    }
    lines += fmt::format("# {}\n", text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + (end < text.size() && text[end] == ' ')));
  }
  return lines;
}

std::string sentence(std::string text) {
  if (!text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text + ".";
}

std::string in_cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != text.npos; at += 2) text.insert(at, "\\");
  return text;
}

// What --help shows for the value.
std::string placeholder(const CLI::Option& option) {
  return is_switch(option) ? "true|false" : option.get_type_name();
}

}  // namespace

std::string_view to_string(ConfigSource source) {
  switch (source) {
    case ConfigSource::file: return "file";
    case ConfigSource::flag: return "flag";
    case ConfigSource::replicated: return "replicated";
    case ConfigSource::request: return "request";
    case ConfigSource::unset:
    case ConfigSource::standard: break;
  }
  return "default";
}

const ConfigKey* Configuration::find(std::string_view key) const {
  const auto found =
      std::find_if(keys.begin(), keys.end(), [&](const auto& each) { return each.key == key; });
  return found == keys.end() ? nullptr : &*found;
}

std::string value_text(const ConfigKey& key) {
  if (key.values.empty()) return {};
  std::vector<std::string> texts;
  for (const auto& value : key.values) texts.push_back(key.is_bare ? value : in_quotes(value));
  if (!key.is_array && texts.size() == 1) return texts.front();
  return fmt::format("[{}]", fmt::join(texts, ", "));
}

std::string source_text(const Configuration& configuration, const ConfigKey& key) {
  if (key.source == ConfigSource::file) return fmt::format("{}:{}", configuration.file, key.line);
  return std::string(to_string(key.source));
}

std::string to_toml(const Configuration& configuration) {
  std::string text;
  for (const auto& key : configuration.keys) {
    if (key.values.empty()) continue;
    const auto line = fmt::format("{} = {}", key.key, value_text(key));
    text += fmt::format("{:<{}}  # {}\n", line, comment_column, source_text(configuration, key));
  }
  return text;
}

Configuration configuration_of(const CLI::App& app, const ConfigOrigins& origins) {
  Configuration configuration{.file = origins.file, .keys = {}};
  for (const auto* option : configurable(app)) {
    auto key = key_with_value(*option, origins);
    if (key.source == ConfigSource::standard && lacks_another(*option)) {
      key.source = ConfigSource::unset;
      key.values.clear();
    }
    configuration.keys.push_back(std::move(key));
  }
  configuration.keys.insert(configuration.keys.end(), origins.members.begin(),
                            origins.members.end());
  return configuration;
}

std::string default_file(const CLI::App& app, std::string_view more) {
  auto text = as_comment(fmt::format(
      "The configuration of {}, for --config FILE.toml: each key with its default. Remove the # "
      "before a key to set it. A flag of the same name takes precedence.",
      app.get_name()));
  for (const auto* option : configurable(app)) {
    auto key = key_with_value(*option, {});
    text += '\n' + as_comment(sentence(option->get_description()));
    const bool is_set = !key.values.empty();
    if (!is_set) key.values = {placeholder(*option)};
    text += fmt::format("#{} = {}{}\n", key.key, value_text(key), is_set ? "" : "  # not set");
  }
  if (!more.empty()) text += '\n';
  while (!more.empty()) {
    const auto end = std::min(more.find('\n'), more.size());
    text += as_comment(more.substr(0, end));
    more.remove_prefix(std::min(end + 1, more.size()));
  }
  return text;
}

std::string keys_as_markdown(const CLI::App& app,
                             const std::function<std::string(std::string_view key)>& remark) {
  std::string text =
      remark ? "| key | value | default | meaning | when changed |\n|---|---|---|---|---|\n"
             : "| key | value | default | meaning |\n|---|---|---|---|\n";
  for (const auto* option : configurable(app)) {
    const auto key = key_with_value(*option, {});
    const auto value = value_text(key);
    text += fmt::format("| `{}` | `{}`{} | {} | {} |", key.key, in_cell(placeholder(*option)),
                        key.is_array ? ", or an array of them" : "",
                        value.empty() ? "" : fmt::format("`{}`", in_cell(value)),
                        in_cell(sentence(option->get_description())));
    if (remark) text += fmt::format(" {} |", remark(key.key));
    text += '\n';
  }
  return text;
}

}  // namespace tandem
