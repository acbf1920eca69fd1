// service_settings_table.hpp: the table of all that may be said of a service, or of a route.
//
// A row says what a setting is called, where it is kept, what it may be, what applies when it is
// not said, and what it means. From the rows come the readers and writers of documents, what people
// write as KEY=VALUE, the sentences of refusals, `--help`, and the table in master/README.md, which
// a test compares. So a new setting is a row in service_settings_table.cpp, a member of
// RequestRules or ServiceSettings, and its use.
//
// The order of the rows is that of documents, and so part of the digest that masters compare: new
// rows go to the end. Pure. Internal to service_settings*.cpp and their tests.
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
  std::string values;   // what it may be, in short
  std::string unsaid;   // what applies when it is not said
  std::string meaning;  // in a few words

  // `name`: what it is called in sentences. Errors: `invalid`; then the owner is as it was.
  std::function<Result<>(std::string_view text, std::string_view name, Owner&)> read;
  // As read() reads it; nothing when it is not said.
  std::function<std::optional<std::string>(const Owner&)> write;
  std::function<void(MemberReader&, Owner&)> read_member;  // REQUIRES: it is there
  std::function<void(nlohmann::ordered_json&, const Owner&)> write_member;
};

// What a route may say too, and what only a service may.
const std::vector<SettingRow<RequestRules>>& rule_rows();
const std::vector<SettingRow<ServiceSettings>>& service_rows();

}  // namespace tandem::wire
