#include "common/http1/trailer_fields.hpp"

#include <algorithm>
#include <array>

#include "common/http1/field_text.hpp"

namespace tandem {

namespace {

constexpr std::array<std::string_view, 46> never{
    // framing and this hop
    "content-length", "transfer-encoding", "trailer", "connection", "keep-alive",
    "proxy-connection", "te", "upgrade",
    // routing, and what gateways say of a request
    "host", "via", "forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host",
    "x-real-ip", "x-request-id", "max-forwards", "traceparent", "tracestate",
    // controls and conditions
    "cache-control", "expect", "pragma", "range", "if-match", "if-none-match", "if-modified-since",
    "if-unmodified-since", "if-range", "idempotency-key",
    // authentication and state
    "authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate", "cookie",
    "set-cookie",
    // about the content
    "content-encoding", "content-type", "content-range",
    // about the response
    "age", "date", "expires", "location", "retry-after", "vary", "warning", "accept-ranges"};

}  // namespace

bool may_be_trailer(std::string_view name) {
  constexpr std::string_view ours = "tandem-";
  if (equal_ignoring_case(name.substr(0, ours.size()), ours)) return false;
  return std::none_of(never.begin(), never.end(),
                      [&](auto field) { return equal_ignoring_case(name, field); });
}

}  // namespace tandem
