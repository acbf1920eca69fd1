#include "master/discovery/source_spec.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "common/base/limits.hpp"
#include "common/base/name.hpp"
#include "common/base/printable.hpp"
#include "master/discovery/limits.hpp"

namespace tandem::master {

namespace {

using Kind = SourceSpec::Kind;

constexpr std::string_view secure_scheme = "https://";
constexpr std::string_view clear_scheme = "http://";
// Of a key in etcd, a node in ZooKeeper, and a service in Consul: whatever needs no escape in a
// path (RFC 3986 §2.3), and the slash.
constexpr std::string_view name_marks = "-._~/";
constexpr std::size_t source_name_bytes_max = 512;

struct KindName {
  Kind kind;
  std::string_view name;
};

constexpr auto kind_names = std::to_array<KindName>({
    {Kind::consul, "consul"},
    {Kind::etcd, "etcd"},
    {Kind::zookeeper, "zookeeper"},
});

struct SourceOption {
  std::string_view key;
  std::string SourceSpec::*member;
  std::vector<Kind> kinds;
  bool needs_tls = false;
};

const std::vector<SourceOption>& source_options() {
  static const std::vector<Kind> all{Kind::consul, Kind::etcd, Kind::zookeeper};
  static const std::vector<SourceOption> options{
      {"ca", &SourceSpec::authority, all, true},
      {"cert", &SourceSpec::certificate, all, true},
      {"key", &SourceSpec::key, all, true},
      {"token", &SourceSpec::token, {Kind::consul}},
      {"tag", &SourceSpec::tag, {Kind::consul}},
      {"user", &SourceSpec::user, {Kind::etcd, Kind::zookeeper}},
      {"password", &SourceSpec::password, {Kind::etcd, Kind::zookeeper}},
  };
  return options;
}

bool fits(const SourceOption& option, Kind kind) {
  return std::find(option.kinds.begin(), option.kinds.end(), kind) != option.kinds.end();
}

Error malformed(std::string_view field, std::string_view text) {
  return invalid(
      fmt::format("{} must be {}, not \"{}\"", field, source_form, printable(text.substr(0, 100))));
}

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || name_marks.find(static_cast<char>(c)) != name_marks.npos;
  });
}

Result<> take_option(SourceSpec& spec, std::string_view item, std::string_view field) {
  const auto equals = item.find('=');
  const auto key = item.substr(0, equals);
  const auto value = item.substr(equals + 1);
  const auto& options = source_options();
  const auto found = std::find_if(options.begin(), options.end(), [&](const auto& option) {
    return option.key == key && fits(option, spec.kind);
  });
  if (found == options.end()) {
    std::string known;
    for (const auto& option : options) {
      if (fits(option, spec.kind))
        known += fmt::format("{}{}", known.empty() ? "" : ", ", option.key);
    }
    return invalid(fmt::format("{}: {} has {}, and no \"{}\"", field, to_string(spec.kind), known,
                               printable(key.substr(0, 32))));
  }
  auto& member = spec.*found->member;
  if (value.empty() || !member.empty()) {
    return invalid(fmt::format("{}: {} needs one value", field, key));
  }
  if (found->needs_tls && !spec.tls) {
    return invalid(fmt::format("{}: {} needs https:// before the address", field, key));
  }
  member = value;
  return {};
}

// Of a key, whatever it is; of a node, the names on the way to it.
bool is_name_there(std::string_view name, Kind kind) {
  if (name.empty() || name.size() > source_name_bytes_max || !is_plain(name)) return false;
  if (kind == Kind::etcd) return true;
  if (kind == Kind::consul) return name.find('/') == name.npos;
  for (auto rest = name;;) {
    const auto slash = rest.find('/');
    const auto part = rest.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return false;
    if (slash == rest.npos) return true;
    rest.remove_prefix(slash + 1);
  }
}

// HOST:PORT, the last one with /NAME behind it.
Result<> take_server(SourceSpec& spec, std::string_view item, std::string_view field) {
  const auto slash = item.find('/');
  auto server = parse_endpoint(item.substr(0, slash), field);
  if (!server) return server.error();
  if (server->port == 0 || server->is_unspecified()) {
    return invalid(fmt::format("{} must be an address that can be connected to, not \"{}\"", field,
                               server->to_string()));
  }
  spec.servers.push_back(std::move(*server));
  if (slash == item.npos) return {};
  spec.name = item.substr(slash + 1);
  if (is_name_there(spec.name, spec.kind)) return {};
  return invalid(fmt::format("{}: \"{}\" cannot be the name of a service there", field,
                             printable(spec.name.substr(0, 64))));
}

Result<> check_whole(const SourceSpec& spec, std::string_view field) {
  if (spec.certificate.empty() != spec.key.empty()) {
    return invalid(fmt::format("{}: cert and key belong together", field));
  }
  if (spec.user.empty() != spec.password.empty()) {
    return invalid(fmt::format("{}: user and password (a file) belong together", field));
  }
  // Digest authentication takes both as one text, with a colon between them.
  if (spec.kind == Kind::zookeeper && spec.user.find(':') != std::string::npos) {
    return invalid(fmt::format("{}: the user may have no colon", field));
  }
  if (!is_plain(spec.tag)) {
    return invalid(fmt::format("{}: the tag may have letters, digits and {}", field, name_marks));
  }
  return {};
}

}  // namespace

std::string_view to_string(SourceSpec::Kind kind) {
  for (const auto& each : kind_names) {
    if (each.kind == kind) return each.name;
  }
  return {};
}

Result<SourceSpec> parse_source(std::string_view text, std::string_view field) {
  SourceSpec spec{.text = std::string(text), .service = {}, .servers = {}, .name = {}};
  const auto equals = text.find('=');
  const auto colon = text.find(':');
  if (text.size() > limits::source_text_bytes_max || equals == text.npos || colon == text.npos ||
      colon < equals) {
    return malformed(field, text);
  }
  auto service = parse_name(text.substr(0, equals), field);
  if (!service) return service.error();
  spec.service = std::move(*service);
  const auto kind = text.substr(equals + 1, colon - equals - 1);
  const auto* const named = std::find_if(kind_names.begin(), kind_names.end(),
                                         [&](const auto& each) { return each.name == kind; });
  if (named == kind_names.end()) {
    return invalid(fmt::format("{}: a registry is consul, etcd or zookeeper, not \"{}\"", field,
                               printable(kind.substr(0, 32))));
  }
  spec.kind = named->kind;
  auto rest = text.substr(colon + 1);
  spec.tls = rest.starts_with(secure_scheme);
  if (spec.tls) rest.remove_prefix(secure_scheme.size());
  if (rest.starts_with(clear_scheme)) rest.remove_prefix(clear_scheme.size());
  bool has_all_servers = false;
  for (auto comma = rest.find(','); !rest.empty(); comma = rest.find(',')) {
    const auto item = rest.substr(0, comma);
    rest = comma == rest.npos ? std::string_view() : rest.substr(comma + 1);
    const bool is_option = item.find('=') != item.npos;
    if (!is_option && has_all_servers) return malformed(field, text);
    auto taken = is_option ? take_option(spec, item, field) : take_server(spec, item, field);
    if (!taken) return taken.error();
    has_all_servers = is_option || !spec.name.empty();
  }
  if (spec.servers.empty() || spec.servers.size() > limits::source_servers_max) {
    return malformed(field, text);
  }
  if (spec.name.empty()) spec.name = spec.service;
  if (auto whole = check_whole(spec, field); !whole) return whole.error();
  return spec;
}

Result<SourceSpec> parse_coordinator(std::string_view text, std::string_view field) {
  constexpr std::string_view kind = "etcd=";
  const auto form = [&] {
    return invalid(
        fmt::format("{} must be etcd=[https://]HOST:PORT[,HOST:PORT]...[,KEY=VALUE]..., not \"{}\"",
                    field, printable(text.substr(0, 100))));
  };
  if (!text.starts_with(kind) || text.size() > limits::source_text_bytes_max) return form();
  SourceSpec spec{.text = std::string(text), .service = {}, .servers = {}, .name = {}};
  spec.kind = Kind::etcd;
  auto rest = text.substr(kind.size());
  spec.tls = rest.starts_with(secure_scheme);
  bool has_all_servers = false;
  while (!rest.empty()) {
    const auto comma = rest.find(',');
    auto item = rest.substr(0, comma);
    rest = comma == rest.npos ? std::string_view() : rest.substr(comma + 1);
    const bool is_option = item.find('=') != item.npos;
    if (!is_option && has_all_servers) return form();
    has_all_servers = is_option;
    // Each server may repeat the scheme.
    if (item.starts_with(secure_scheme) && spec.tls) item.remove_prefix(secure_scheme.size());
    if (item.starts_with(clear_scheme) && !spec.tls) item.remove_prefix(clear_scheme.size());
    if (!is_option && item.find('/') != item.npos) return form();
    auto taken = is_option ? take_option(spec, item, field) : take_server(spec, item, field);
    if (!taken) return taken.error();
  }
  if (spec.servers.empty() || spec.servers.size() > limits::source_servers_max) return form();
  if (auto whole = check_whole(spec, field); !whole) return whole.error();
  return spec;
}

Result<> check_secrets(const SourceSpec& spec, std::string_view flag) {
  if (spec.tls || !spec.has_secret()) return {};
  for (const auto& server : spec.servers) {
    if (server.is_loopback()) continue;
    return invalid(
        fmt::format("{} {}: a secret would go to {} in clear text: use https://, or allow it by "
                    "--insecure-network",
                    flag, spec.text, server.to_string()),
        std::string(flag));
  }
  return {};
}

}  // namespace tandem::master
