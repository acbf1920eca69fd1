#include "master/forward/request_key.hpp"

#include <algorithm>

#include "master/balance/stable_hash.hpp"
#include "common/http1/field_text.hpp"

namespace tandem::master {

namespace {

std::string_view find_field(const RequestHead& request, std::string_view name) {
  for (const auto& field : request.fields()) {
    if (equal_ignoring_case(field.name, name)) return field.value;
  }
  return {};
}

// Of "a, b, c": c.
std::string_view last_member(std::string_view list) {
  std::string_view last;
  for_each_member(list, [&](auto member) { last = member; });
  return last;
}

}  // namespace

std::string_view client_address(const RequestHead& request, std::string_view client, bool trusted) {
  if (!trusted) return client;
  std::string_view last;
  for (const auto& field : request.fields()) {
    if (field.kind == FieldKind::forwarded_for) last = field.value;
  }
  const auto forwarded = last_member(last);
  return forwarded.empty() ? client : forwarded;
}

std::string_view find_cookie(const RequestHead& request, std::string_view name) {
  for (const auto& field : request.fields()) {
    if (field.kind != FieldKind::other || !equal_ignoring_case(field.name, "cookie")) continue;
    auto rest = field.value;
    while (!rest.empty()) {
      const auto end = std::min(rest.find(';'), rest.size());
      const auto pair = trimmed(rest.substr(0, end));
      if (pair.size() > name.size() && pair[name.size()] == '=' && pair.starts_with(name)) {
        return pair.substr(name.size() + 1);
      }
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return {};
}

std::string_view request_key_text(const wire::RequestKeySpec& key, const RequestHead& request,
                                  std::string_view client, bool client_trusted) {
  switch (key.source) {
    case wire::KeySource::address: return client_address(request, client, client_trusted);
    case wire::KeySource::header: return find_field(request, key.name);
    case wire::KeySource::cookie: return find_cookie(request, key.name);
    case wire::KeySource::path: return request.target().substr(0, request.target().find('?'));
  }
  return {};
}

std::optional<std::uint64_t> request_key(const wire::PolicySpec& spec, const RequestHead& request,
                                         std::string_view client, bool client_trusted) {
  if (spec.name != wire::PolicyName::consistent_hash) return std::nullopt;
  const auto text = request_key_text(spec.key, request, client, client_trusted);
  if (text.empty()) return std::nullopt;
  return stable_hash(text);
}

}  // namespace tandem::master
