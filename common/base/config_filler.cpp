#include "common/base/config_filler.hpp"

#include <algorithm>
#include <cstdlib>
#include <istream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/base/config_file.hpp"
#include "common/base/limits.hpp"
#include "common/base/nearest_word.hpp"

namespace tandem {

namespace {

// Of an error that begins with FILE:LINE.
int line_of(const std::string& error, const std::string& file) {
  return error.size() > file.size() ? std::atoi(error.c_str() + file.size() + 1) : 0;
}

std::vector<std::string> keys_of(const CLI::App& app) {
  std::vector<std::string> keys;
  for (const auto* option : app.get_options()) {
    if (option->get_configurable() && !option->get_lnames().empty()) {
      keys.push_back(option->get_lnames().front());
    }
  }
  return keys;
}

// Empty: the value has the type that the flag takes.
std::string wrong_type(const CLI::Option& option, const ConfigEntry& entry) {
  auto expected = ConfigType::string;
  const char* described = "a string in quotes";
  if (option.get_expected_max() == 0) {
    expected = ConfigType::boolean;
    described = "true or false";
  } else if (option.get_type_name() == number_placeholder) {
    expected = ConfigType::number;
    described = "a whole number";
  }
  return entry.values.empty() || entry.type == expected ? std::string() : described;
}

class ConfigFiller : public CLI::Config {
 public:
  ConfigFiller(CLI::App& app, std::vector<ConfigTable> tables, ConfigFilled& filled)
      : app_(app), tables_(std::move(tables)), filled_(filled) {}

  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override;
  std::string to_config(const CLI::App*, bool, bool, std::string) const override { return {}; }

 private:
  void fill(const ConfigEntry& entry) const;
  void fill_tables(const CLI::Option& option, const ConfigEntry& entry) const;
  void refuse(const ConfigEntry& entry, const std::string& why) const;

  CLI::App& app_;
  const std::vector<ConfigTable> tables_;
  ConfigFilled& filled_;
};

std::vector<CLI::ConfigItem> ConfigFiller::from_config(std::istream& input) const {
  filled_.origins.file = app_.get_config_ptr()->as<std::string>();
  const auto read = read_config_file(input, filled_.origins.file);
  if (!read) {
    filled_.errors.push_back(read.error().message);
  } else {
    filled_.errors = read->errors;
    for (const auto& entry : read->entries) fill(entry);
    std::stable_sort(filled_.errors.begin(), filled_.errors.end(),
                     [this](const auto& a, const auto& b) {
                       return line_of(a, filled_.origins.file) < line_of(b, filled_.origins.file);
                     });
  }
  if (!filled_.errors.empty()) throw CLI::ConfigError(filled_.errors.front());
  return {};
}

void ConfigFiller::refuse(const ConfigEntry& entry, const std::string& why) const {
  filled_.errors.push_back(fmt::format("{}:{}: {}", filled_.origins.file, entry.line, why));
}

void ConfigFiller::fill(const ConfigEntry& entry) const {
  const auto flag = "--" + entry.key;
  auto* option = app_.get_option_no_throw(flag);
  if (option == nullptr || !option->get_configurable()) {
    return refuse(entry, fmt::format("unknown key \"{}\"{}", shortened(entry.key),
                                     did_you_mean(entry.key, keys_of(app_))));
  }
  if (entry.is_table) return fill_tables(*option, entry);
  const bool repeatable = option->get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
  if (entry.is_array && !repeatable) {
    return refuse(entry, fmt::format("{} takes one value, not an array", flag));
  }
  if (const auto wanted = wrong_type(*option, entry); !wanted.empty()) {
    return refuse(entry, fmt::format("{} must be {}", flag, wanted));
  }
  if (!option->empty()) return;  // flags win
  try {
    for (const auto& value : entry.values) option->add_result(value);
    if (!entry.values.empty()) {
      filled_.origins.lines.emplace(entry.key, entry.line);
      option->run_callback();
    }
  } catch (const CLI::ParseError& error) {
    refuse(entry, error.what());
  }
}

// [KEY.NAME]: each is a table of settings.
void ConfigFiller::fill_tables(const CLI::Option& option, const ConfigEntry& entry) const {
  const auto table = std::find_if(tables_.begin(), tables_.end(),
                                  [&](const auto& each) { return each.flag == "--" + entry.key; });
  if (table == tables_.end()) {
    return refuse(entry, fmt::format("{} is a table; it takes its values outside of tables",
                                     shortened(entry.key)));
  }
  for (const auto& named : entry.members) {
    if (!named.is_table) {
      refuse(named, fmt::format("{} must be a table of settings: [{}.NAME]", shortened(named.key),
                                entry.key));
      continue;
    }
    if (!option.empty()) continue;  // flags win
    for (const auto& setting : named.members) {
      const auto value = fmt::format("{}", fmt::join(setting.values, ","));
      const auto parsed = table->parser(named.name, setting.name, value, named.key);
      if (!parsed) {
        const auto& known = table->members;
        const bool is_known = std::find(known.begin(), known.end(), setting.name) != known.end();
        refuse(setting,
               parsed.error().message + (is_known ? "" : did_you_mean(setting.name, known)));
        continue;
      }
      filled_.origins.lines.emplace(setting.key, setting.line);
      filled_.origins.members.push_back({.key = setting.key,
                                         .values = {value},
                                         .is_array = false,
                                         .is_bare = false,
                                         .source = ConfigSource::file,
                                         .line = setting.line});
    }
  }
}

}  // namespace

std::shared_ptr<CLI::Config> config_filler(CLI::App& app, std::vector<ConfigTable> tables,
                                           ConfigFilled& filled) {
  return std::make_shared<ConfigFiller>(app, std::move(tables), filled);
}

}  // namespace tandem
