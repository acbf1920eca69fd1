#include "master/publication/publication_spec.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "common/base/printable.hpp"
#include "master/discovery/limits.hpp"

namespace tandem::master {

namespace {

using What = PublicationSpec::What;

constexpr std::string_view item_ends = ",;";
constexpr std::string_view with_tls = "https://";
constexpr std::string_view without_tls = "http://";
constexpr std::string_view what_key = "what=";
// Stands for the service, which a source needs.
constexpr std::string_view any_service = "any";

Error not_a_publication(std::string_view field, std::string_view text) {
  return invalid(fmt::format("{} must be {}, not \"{}\"", field, publication_form,
                             printable(text.substr(0, 100))));
}

// What --discover would be given to read there.
struct AsSource {
  std::vector<std::string> servers{};
  std::vector<std::string> options{};
  std::string root{};  // with its slash
  std::vector<std::string_view> schemes{};
};

void take_publication_server(AsSource& source, std::string_view item) {
  std::string_view scheme;
  for (const auto each : {with_tls, without_tls}) {
    if (item.starts_with(each)) scheme = each;
  }
  item.remove_prefix(scheme.size());
  source.schemes.push_back(scheme);
  const auto slash = std::min(item.find('/'), item.size());
  source.servers.emplace_back(item.substr(0, slash));
  source.root = item.substr(slash);
  while (source.root.ends_with('/')) source.root.pop_back();
}

// The first server's scheme is all servers'; others may repeat it.
bool agrees(const std::vector<std::string_view>& schemes) {
  return std::all_of(schemes.begin(), schemes.end(), [&](const auto scheme) {
    return scheme == schemes.front() || (scheme.empty() && schemes.front() == with_tls);
  });
}

Result<What> parse_what(std::string_view value, std::string_view field) {
  if (value == "workers") return What::workers;
  if (value == "masters") return What::masters;
  return invalid(fmt::format("{}: what must be workers or masters, not \"{}\"", field,
                             printable(value.substr(0, 32))));
}

bool is_same_registry(const SourceSpec& a, const SourceSpec& b) {
  return a.kind == b.kind && std::any_of(a.servers.begin(), a.servers.end(), [&](const auto& each) {
           return std::find(b.servers.begin(), b.servers.end(), each) != b.servers.end();
         });
}

}  // namespace

Result<PublicationSpec> parse_publication(std::string_view text, std::string_view field) {
  const auto equals = text.find('=');
  if (equals == text.npos || text.size() > limits::source_text_bytes_max) {
    return not_a_publication(field, text);
  }
  const auto kind = text.substr(0, equals);
  if (kind != "etcd" && kind != "zookeeper") {
    return invalid(fmt::format("{}: it is published to etcd or zookeeper, not \"{}\"", field,
                               printable(kind.substr(0, 32))));
  }
  PublicationSpec spec{.text = std::string(text), .registry = {}};
  AsSource source;
  bool is_what_said = false;
  for (auto rest = text.substr(equals + 1); !rest.empty();) {
    const auto end = std::min(rest.find_first_of(item_ends), rest.size());
    const auto item = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (item.starts_with(what_key)) {
      auto what = parse_what(item.substr(what_key.size()), field);
      if (!what) return what.error();
      if (is_what_said) return invalid(fmt::format("{}: what is given twice", field));
      is_what_said = true;
      spec.what = *what;
    } else if (item.find('=') != item.npos) {
      source.options.emplace_back(item);
    } else {
      const bool has_all = !source.root.empty() || !source.options.empty() || is_what_said;
      if (has_all) return not_a_publication(field, text);
      take_publication_server(source, item);
    }
  }
  if (source.servers.empty() || source.servers.size() > limits::source_servers_max) {
    return not_a_publication(field, text);
  }
  if (!agrees(source.schemes)) {
    return invalid(fmt::format("{}: all servers are asked over TLS, or none", field));
  }
  if (kind == "zookeeper" && source.root.empty()) {
    return invalid(
        fmt::format("{}: zookeeper needs a root behind the servers, such as /services", field));
  }
  auto parsed =
      parse_source(fmt::format("{}={}:{}{}{}{}{}", any_service, kind,
                               source.schemes.front() == with_tls ? with_tls : std::string_view(),
                               fmt::join(source.servers, ","), source.root,
                               source.options.empty() ? "" : ",", fmt::join(source.options, ",")),
                   field);
  if (!parsed) return parsed.error();
  spec.registry = std::move(*parsed);
  spec.registry.text = text;
  spec.registry.service.clear();
  if (source.root.empty()) spec.registry.name.clear();
  return spec;
}

bool writes_the_same(const PublicationSpec& a, const PublicationSpec& b) {
  return is_same_registry(a.registry, b.registry) && a.registry.name == b.registry.name;
}

Result<> check_no_loop(const PublicationSpec& publication, const SourceSpec& source) {
  const auto& registry = publication.registry;
  const auto below = registry.name.empty() ? std::string() : registry.name + "/";
  if (!is_same_registry(registry, source) || !(source.name + "/").starts_with(below)) return {};
  return invalid(fmt::format("--publish {} would write what --discover {} reads: give one of them "
                             "another root",
                             publication.text, source.text),
                 "--publish");
}

}  // namespace tandem::master
