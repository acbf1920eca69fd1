// What the documentation says of policies and settings is what their tables say.
#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "common/wire/policy_spec.hpp"
#include "common/wire/service_settings.hpp"

namespace tandem::wire::documentation_test {
namespace {

std::string text_of(const std::string& file) {
  std::ifstream stream(std::string(TANDEM_SOURCE_DIR) + "/" + file);
  std::ostringstream text;
  text << stream.rdbuf();
  REQUIRE(stream.good());
  return text.str();
}

}  // namespace

TEST_CASE("the table of settings in the README of master is what the settings say of themselves") {
  std::string rows;
  for (const auto& [key, values, unsaid, meaning, of_routes] : setting_help()) {
    rows += fmt::format("| `{}`{} | {} | {} | {} |\n", key, of_routes ? "*" : "", values, unsaid,
                        meaning);
  }
  INFO(rows);
  CHECK(text_of("docs/services.md").find("|---|---|---|---|\n" + rows + "\n") != std::string::npos);
}

TEST_CASE("each policy has a row in the README of balance, and a line of help") {
  const auto readme = text_of("master/balance/README.md");
  const auto help = policy_help();
  for (const auto& policy : policies) {
    INFO(policy.name);
    CHECK(readme.find(fmt::format("\n| `{}` | ", policy.name)) != std::string::npos);
    CHECK(help.find(policy.help) != std::string::npos);
  }
}

TEST_CASE("the help of settings names each of them") {
  const auto help = settings_help();
  for (const auto& setting : setting_help()) {
    INFO(setting.key);
    CHECK(help.find("\n  " + setting.key + " ") != std::string::npos);
  }
}

}  // namespace tandem::wire::documentation_test
