#include "common/http1/field_kind.hpp"

#include <algorithm>
#include <array>

namespace tandem {

namespace {

// Longer than every name that is compared as a whole; the kind of a longer name depends on its
// beginning.
constexpr std::size_t known_bytes_max = 32;

FieldKind kind_with_underscores(std::string_view name) {
  std::array<char, known_bytes_max> hyphenated{};
  const auto size = std::min(name.size(), hyphenated.size());
  std::replace_copy(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(size),
                    hyphenated.begin(), '_', '-');
  const auto kind = kind_without_underscores({hyphenated.data(), size});
  return kind == FieldKind::other ? FieldKind::underscored : FieldKind::look_alike;
}

FieldKind kind_of_forwarded(std::string_view what) {
  if (equal_ignoring_case(what, "for")) return FieldKind::forwarded_for;
  if (equal_ignoring_case(what, "proto")) return FieldKind::forwarded_proto;
  if (equal_ignoring_case(what, "host")) return FieldKind::forwarded_host;
  if (equal_ignoring_case(what, "port")) return FieldKind::forwarded_port;
  if (equal_ignoring_case(what, "prefix")) return FieldKind::forwarded_prefix;
  if (equal_ignoring_case(what, "client-cert")) return FieldKind::forwarded_client_cert;
  return FieldKind::client_claim;
}

}  // namespace

FieldKind kind_of(std::string_view name) {
  if (name.empty()) return FieldKind::other;
  return name.find('_') == name.npos ? kind_without_underscores(name) : kind_with_underscores(name);
}

FieldKind detail::kind_of_extension(std::string_view name) {
  constexpr std::string_view ours = "tandem-";
  constexpr std::string_view forwarded = "x-forwarded-";
  if (to_lower(name[0]) == 't') {
    if (equal_ignoring_case(name.substr(0, ours.size()), ours)) return FieldKind::tandem;
    const bool traces = is_named(name, "traceparent") || is_named(name, "tracestate");
    return traces ? FieldKind::trace_context : FieldKind::other;
  }
  if (name.size() < 9) return FieldKind::other;
  if (equal_ignoring_case(name.substr(0, forwarded.size()), forwarded)) {
    return kind_of_forwarded(name.substr(forwarded.size()));
  }
  if (is_named(name, "x-request-id")) return FieldKind::request_id;
  for (const std::string_view claim : {"x-real-ip", "x-original-url", "x-rewrite-url"}) {
    if (equal_ignoring_case(name, claim)) return FieldKind::client_claim;
  }
  return FieldKind::other;
}

}  // namespace tandem
