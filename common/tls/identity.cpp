#include "common/tls/identity.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "common/base/ascii.hpp"
#include "common/access/limits.hpp"
#include "common/base/limits.hpp"
#include "common/base/name.hpp"

namespace tandem::tls {

namespace {

constexpr std::string_view scheme = "spiffe://";
constexpr std::string_view member_path = "/tandem/";
constexpr std::string_view service_prefix = "tandem:service:";
constexpr std::string_view witness_uri = "tandem:witness";
constexpr std::string_view viewer_uri = "tandem:role:viewer";
constexpr std::string_view operator_uri = "tandem:role:operator";

bool is_cluster_name(std::string_view text) {
  return !text.empty() && text.size() <= limits::name_bytes_max &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return is_lower(c) || is_digit(c) || c == '.' || c == '_' || c == '-';
         });
}

// A part of a path that stands for itself (SPIFFE-ID §2.2).
bool is_path_part(std::string_view text) { return is_name(text) && text != "." && text != ".."; }

std::optional<Kind> kind_of(std::string_view text) {
  for (const auto kind : {Kind::master, Kind::worker, Kind::operator_}) {
    if (text == to_string(kind)) return kind;
  }
  return std::nullopt;
}

// CLUSTER/tandem/KIND/NAME
std::optional<Identity> parse_id(std::string_view uri) {
  if (!uri.starts_with(scheme)) return std::nullopt;
  uri.remove_prefix(scheme.size());
  const auto path = uri.find('/');
  if (path == uri.npos || !uri.substr(path).starts_with(member_path)) return std::nullopt;
  const auto rest = uri.substr(path + member_path.size());
  const auto slash = rest.find('/');
  if (slash == rest.npos) return std::nullopt;
  const auto kind = kind_of(rest.substr(0, slash));
  const auto name = rest.substr(slash + 1);
  if (!kind || !is_path_part(name) || !is_cluster_name(uri.substr(0, path))) return std::nullopt;
  return Identity{
      .cluster = std::string(uri.substr(0, path)), .kind = *kind, .name = std::string(name)};
}

}  // namespace

std::string_view to_string(Kind kind) {
  constexpr std::array<std::string_view, 3> words{"master", "worker", "operator"};
  return words.at(static_cast<std::size_t>(kind));
}

std::string Identity::id() const {
  return fmt::format("{}{}{}{}/{}", scheme, cluster, member_path, to_string(kind), name);
}

Result<std::string> parse_cluster_name(std::string_view text, std::string_view field) {
  if (is_cluster_name(text)) return std::string(text);
  return invalid(
      fmt::format("{} must be 1 to {} characters of a-z 0-9 . _ -", field, limits::name_bytes_max),
      std::string(field));
}

std::string authority_uri(std::string_view cluster) { return fmt::format("{}{}", scheme, cluster); }

std::string cluster_of(std::string_view authority_uri) {
  if (!authority_uri.starts_with(scheme)) return {};
  const auto cluster = authority_uri.substr(scheme.size());
  return is_cluster_name(cluster) ? std::string(cluster) : std::string();
}

Result<std::vector<std::string>> uris_of(const Identity& identity) {
  if (!is_path_part(identity.name)) {
    return invalid(
        fmt::format("\"{}\" is no name for a {}", identity.name, to_string(identity.kind)));
  }
  if (identity.services.size() > limits::scope_items_max ||
      identity.addresses.size() > limits::scope_items_max) {
    return invalid(fmt::format("a certificate has at most {} services and {} addresses",
                               limits::scope_items_max, limits::scope_items_max));
  }
  std::vector<std::string> uris{identity.id()};
  for (const auto& service : identity.services) {
    if (service != "*" && !is_name(service)) {
      return invalid(fmt::format("\"{}\" is no name for a service", service));
    }
    uris.push_back(fmt::format("{}{}", service_prefix, service));
  }
  if (identity.witness) uris.emplace_back(witness_uri);
  if (identity.only_looks) uris.emplace_back(viewer_uri);
  return uris;
}

Result<Identity> identity_of(const std::vector<std::string>& uris,
                             std::vector<std::string> addresses) {
  std::optional<Identity> identity;
  for (const auto& uri : uris) {
    auto parsed = parse_id(uri);
    if (!parsed) continue;
    if (identity) return invalid("its certificate has two identities");
    identity = std::move(parsed);
  }
  if (!identity) {
    return invalid(
        fmt::format("its certificate has no identity {}CLUSTER{}...", scheme, member_path));
  }
  for (const std::string_view uri : uris) {
    if (uri.starts_with(service_prefix)) {
      identity->services.emplace_back(uri.substr(service_prefix.size()));
    }
    identity->witness = identity->witness || uri == witness_uri;
    identity->only_looks = identity->only_looks || uri == viewer_uri;
    // Nothing that this version does not know may widen what somebody may do, or be taken for it.
    const bool is_unknown = uri.starts_with("tandem:") && !uri.starts_with(service_prefix) &&
                            uri != witness_uri && uri != viewer_uri && uri != operator_uri;
    if (is_unknown) return invalid("its certificate restricts it in a way that is not known here");
  }
  if (identity->services.size() > limits::scope_items_max ||
      addresses.size() > limits::scope_items_max) {
    return invalid("its certificate has too many services or addresses");
  }
  identity->addresses = std::move(addresses);
  return std::move(*identity);
}

access::Credential credential_of(const Identity& identity) {
  access::Credential credential{.name = identity.name};
  switch (identity.kind) {
    case Kind::master: credential.role = access::Role::master; break;
    case Kind::operator_:
      credential.role = identity.only_looks ? access::Role::viewer : access::Role::operator_;
      break;
    case Kind::worker:
      credential.role = access::Role::worker;
      credential.scope.names = {identity.name};
      if (!identity.services.empty()) credential.scope.services = identity.services;
      credential.scope.witness = identity.witness;
      for (const auto& address : identity.addresses) {
        if (auto range = parse_address_range(address, "address")) {
          credential.scope.addresses.push_back(*range);
        }
      }
      break;
  }
  return credential;
}

}  // namespace tandem::tls
