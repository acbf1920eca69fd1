// service_settings_table.hpp: the table of all settings of services and of routes.
//
// A row has a setting's name, its member, its possible values, its default, and its meaning. The
// readers and writers of documents, KEY=VALUE on command lines, the error messages, `--help`, and
// the table in master/README.md (compared by a test) all come from the rows. So a new setting is a
// row in service_settings_table.cpp, a member of RequestRules or ServiceSettings, and its use.
//
// The rows have the order of members in documents, which is part of the digest that masters
// compare: new rows go to the end. Pure. Internal to service_settings*.cpp and their tests.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/wire/json_reader.hpp"
#include "common/wire/service_settings.hpp"

namespace tandem::wire {

// Owner: RequestRules or ServiceSettings.
template <class Owner>
struct SettingRow {
  std::string key;      // on a command line
  std::string member;   // in a document
  std::string values;   // the possible values, in short
  std::string unsaid;   // what applies when it is unset
  std::string meaning;  // in a few words

  // `name`: its name in error messages. Errors: `invalid`; then the owner is unchanged.
  std::function<Result<>(std::string_view text, std::string_view name, Owner&)> read;
  // As read() reads it; nothing when it is unset.
  std::function<std::optional<std::string>(const Owner&)> write;
  std::function<void(MemberReader&, Owner&)> read_member;  // REQUIRES: it is there
  std::function<void(nlohmann::ordered_json&, const Owner&)> write_member;
};

// The settings that a route may have too, and those of services only.
const std::vector<SettingRow<RequestRules>>& rule_rows();
const std::vector<SettingRow<ServiceSettings>>& service_rows();

}  // namespace tandem::wire
