#include "common/http1/trailer_fields.hpp"

#include <algorithm>
#include <array>

#include "common/http1/field_kind.hpp"
#include "common/http1/field_text.hpp"

namespace tandem {

namespace {

// In addition to the fields that have a kind of their own, which frame and route messages.
constexpr std::array<std::string_view, 26> never{
    "trailer",
    // controls and conditions
    "cache-control", "pragma", "range", "if-match", "if-none-match", "if-modified-since",
    "if-unmodified-since", "if-range", "idempotency-key",
    // authentication and state
    "authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate", "cookie",
    "set-cookie",
    // about the content
    "content-encoding", "content-type", "content-range",
    // about the response
    "age", "expires", "location", "retry-after", "vary", "warning", "accept-ranges"};

}  // namespace

bool may_be_trailer(std::string_view name) {
  const auto kind = kind_of(name);
  if (kind != FieldKind::other && kind != FieldKind::underscored) return false;
  // To a reader of CGI variables an underscore is a hyphen (field_kind.hpp). Names that are
  // truncated here are longer than all in the list.
  std::array<char, 32> hyphenated{};
  const auto size = std::min(name.size(), hyphenated.size());
  std::replace_copy(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(size),
                    hyphenated.begin(), '_', '-');
  return std::none_of(never.begin(), never.end(), [&](auto field) {
    return equal_ignoring_case({hyphenated.data(), size}, field);
  });
}

}  // namespace tandem
