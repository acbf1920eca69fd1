#include "common/access/credentials.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "common/access/limits.hpp"
#include "common/base/constant_time.hpp"

namespace tandem::access {

namespace {

bool is_beginning(std::string_view name) { return name.ends_with('*'); }

bool is_covered(std::string_view name, const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view each) {
    return is_beginning(each) && name.starts_with(each.substr(0, each.size() - 1));
  });
}

bool is_among(std::string_view name, const std::vector<std::string>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t shown_max = 5;
  const auto shown = std::min(names.size(), shown_max);
  return fmt::format("{}{}", fmt::join(names.begin(), names.begin() + shown, ", "),
                     shown < names.size() ? ", ..." : "");
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

// What it has proved by who it is: only tokens have hashes.
std::string proof_of(const Credential& caller) {
  return fmt::format("the {} of {}", caller.sha256.empty() ? "certificate" : "token", caller.name);
}

std::string not_for_name(const Credential& caller, const WorkerClaim& claim) {
  return fmt::format("{} is not for a worker named {}, only for: {}", proof_of(caller), claim.name,
                     listed(caller.scope.names));
}

Error refuse(std::string_view path, const Credential& credential, std::string_view why) {
  return invalid(fmt::format("{}:{}: {}", path, credential.line, why));
}

}  // namespace

std::string_view presented_token(std::string_view authorization) {
  const auto space = authorization.find(' ');
  if (space == authorization.npos ||
      !equals_ignoring_case(authorization.substr(0, space), "bearer")) {
    return {};
  }
  const auto begin = authorization.find_first_not_of(" \t", space);
  if (begin == authorization.npos) return {};
  return authorization.substr(begin, authorization.find_last_not_of(" \t") - begin + 1);
}

Credentials Credentials::of_one_token(std::string_view token) {
  Credentials credentials;
  auto one = std::make_shared<const Credential>(
      Credential{.name = "token-file", .role = Role::all, .sha256 = hash_of(token)});
  credentials.by_hash_.emplace(one->sha256, one);
  credentials.all_.push_back(std::move(one));
  return credentials;
}

Result<Credentials> Credentials::of(std::vector<Credential> all, std::string_view path) {
  Credentials credentials;
  for (auto& each : all) {
    credentials.all_.push_back(std::make_shared<const Credential>(std::move(each)));
  }
  std::map<std::string, std::vector<const Credential*>> by_name;
  for (const auto& each : credentials.all_) {
    const auto [same, is_new] = credentials.by_hash_.emplace(each->sha256, each);
    if (!is_new) {
      return refuse(path, *each,
                    fmt::format("the sha256 of line {} again: each entry has a token of its own",
                                same->second->line));
    }
    auto& of_name = by_name[each->name];
    if (!of_name.empty() && of_name.front()->role != each->role) {
      return refuse(path, *each,
                    fmt::format("{} is {} here and {} at line {}: entries of one name are of one "
                                "role",
                                each->name, to_string(each->role), to_string(of_name.front()->role),
                                of_name.front()->line));
    }
    of_name.push_back(each.get());
    if (of_name.size() > limits::credentials_of_a_name_max) {
      return refuse(path, *each,
                    fmt::format("{} has {} entries already, as many as a rotation needs: remove "
                                "the oldest",
                                each->name, limits::credentials_of_a_name_max));
    }
    if (each->role == Role::master) credentials.whole_names_.insert(each->name);
    if (each->role != Role::worker) continue;
    for (const auto& name : each->scope.names) {
      if (!is_beginning(name)) credentials.whole_names_.insert(name);
    }
  }
  for (const auto& each : credentials.all_) {
    if (each->role != Role::worker) continue;
    for (const auto& name : each->scope.names) {
      const auto same = by_name.find(name);
      if (same == by_name.end() || same->second.front()->role != Role::master) continue;
      return refuse(path, *each,
                    fmt::format("a worker cannot have the name {}, which is that of a master at "
                                "line {}",
                                name, same->second.front()->line));
    }
  }
  return credentials;
}

Identity Credentials::identify(std::string_view authorization, WallTime now) const {
  const auto token = presented_token(authorization);
  if (token.empty()) return {Identity::Standing::nobody};
  const auto hash = hash_of(token);
  const auto found = by_hash_.find(hash);
  if (found == by_hash_.end() || !equal_in_constant_time(found->second->sha256, hash)) {
    return {Identity::Standing::unknown};
  }
  const auto& until = found->second->until;
  const bool is_over = until && until->is_over(now);
  return {is_over ? Identity::Standing::expired : Identity::Standing::known, found->second};
}

std::string Credentials::outside_scope(const Credential& caller, const WorkerClaim& claim) const {
  const bool is_anothers =
      !is_among(claim.name, caller.scope.names) && whole_names_.contains(claim.name);
  if (caller.role != Role::all && is_anothers) return not_for_name(caller, claim);
  return outside_own_scope(caller, claim);
}

std::string Credentials::outside_own_scope(const Credential& caller, const WorkerClaim& claim) {
  if (caller.role == Role::all) return {};
  const auto& [names, services, addresses, witness] = caller.scope;
  if (!is_among(claim.name, names) && !is_covered(claim.name, names)) {
    return not_for_name(caller, claim);
  }
  if (!is_among(claim.service, services) && !is_among("*", services)) {
    return fmt::format("{} is not for workers of the service {}, only of: {}", proof_of(caller),
                       claim.service, listed(services));
  }
  if (addresses.empty() && claim.host != claim.peer) {
    return fmt::format(
        "{} is for the address that it calls from alone, {}, not for {}: {} can name addresses",
        proof_of(caller), claim.peer, claim.host, caller.sha256.empty() ? "it" : "its entry");
  }
  const bool is_there = std::any_of(addresses.begin(), addresses.end(),
                                    [&](const auto& range) { return range.contains(claim.host); });
  if (addresses.empty() || is_there) return {};
  return fmt::format("{} is not for the address {}", proof_of(caller), claim.host);
}

bool Credentials::is_replaced(const Credential& credential) const {
  return std::any_of(all_.begin(), all_.end(), [&](const auto& other) {
    if (other.get() == &credential || other->name != credential.name) return false;
    return !other->until || (credential.until && *credential.until < *other->until);
  });
}

}  // namespace tandem::access
