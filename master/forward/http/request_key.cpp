#include "master/forward/http/request_key.hpp"

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

}  // namespace

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
                                  const Sender& sender, AddressText& room) {
  switch (key.source) {
    case wire::KeySource::address: return client_address(request, sender, room);
    case wire::KeySource::header: return find_field(request, key.name);
    case wire::KeySource::cookie: return find_cookie(request, key.name);
    case wire::KeySource::path: return request.target().substr(0, request.target().find('?'));
  }
  return {};
}

std::optional<std::uint64_t> request_key(const wire::PolicySpec& spec, const RequestHead& request,
                                         const Sender& sender) {
  if (!wire::is_keyed(spec.name)) return std::nullopt;
  AddressText room;
  const auto text = request_key_text(spec.key, request, sender, room);
  if (text.empty()) return std::nullopt;
  return stable_hash(text);
}

}  // namespace tandem::master
