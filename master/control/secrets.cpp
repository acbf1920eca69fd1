#include "master/control/secrets.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "common/access/tokens_file.hpp"
#include "common/base/token_file.hpp"
#include "master/control/control_plane.hpp"

namespace tandem::master {

namespace {

// How the own file knows the token that others are presented; empty when it is well.
std::string doubt_about(const Secrets& secrets, const std::string& node) {
  constexpr std::string_view outcome =
      "masters with the same --tokens-file refuse this one, which `tandem token new --role master` "
      "is for";
  const auto& all = secrets.credentials->all();
  const auto hash = access::hash_of(secrets.token);
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const auto& each) { return each->sha256 == hash; });
  if (found == all.end()) {
    return fmt::format("the token of --token-file is none of --tokens-file: {}", outcome);
  }
  if (!access::may_speak_as(**found, node)) {
    return fmt::format(
        "the token of --token-file is that of {} in --tokens-file, not of the "
        "master {}: {}",
        access::described(**found), node, outcome);
  }
  if ((*found)->until && (*found)->until->is_over(access::wall_time())) {
    return fmt::format("the token of --token-file has expired on {}: {}",
                       (*found)->until->to_string(), outcome);
  }
  return {};
}

}  // namespace

Result<Secrets> read_secrets(const ControlPlaneOptions& options) {
  Secrets secrets;
  if (!options.token_file.empty()) {
    auto token = read_token_file(options.token_file, "--token-file");
    if (!token) return token.error();
    secrets.token = std::move(*token);
  }
  if (!options.tokens_file.empty()) {
    auto read = access::read_tokens_file(options.tokens_file, "--tokens-file");
    if (!read) return read.error();
    secrets.credentials = std::make_shared<const access::Credentials>(std::move(*read));
    if (secrets.token.empty()) return secrets;
    if (auto doubt = doubt_about(secrets, options.node); !doubt.empty()) {
      secrets.warnings.push_back(std::move(doubt));
    }
  } else if (!secrets.token.empty()) {
    secrets.credentials = std::make_shared<const access::Credentials>(
        access::Credentials::of_one_token(secrets.token));
    if (options.control.is_loopback()) return secrets;
    secrets.warnings.emplace_back(
        "whoever holds the one token of --token-file may do everything, also every worker: give "
        "each a token of its own by --tokens-file");
  }
  return secrets;
}

}  // namespace tandem::master
