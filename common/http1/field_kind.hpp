// field_kind.hpp: the fields that a gateway treats specially, by their names; all others are passed
// on unchanged. Pure.
//
// Many applications get field names from CGI variables (RFC 3875 §4.1.18), which do not distinguish
// a hyphen from an underscore. So a name that differs from one of these only by underscores is
// never passed on, and a message with a framing field spelled like this is refused.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/http1/field_text.hpp"

namespace tandem {

enum class FieldKind : std::uint8_t {
  other,
  underscored,  // other, with an underscore in its name
  look_alike,   // like one of a kind below, but with underscores
  connection,   // RFC 9110 §7.6.1; from here to upgrade: hop by hop
  keep_alive,
  proxy_connection,
  te,
  transfer_encoding,
  upgrade,
  content_length,
  host,
  expect,
  via,
  forwarded,      // RFC 7239
  forwarded_for,  // X-Forwarded-For, -Proto, -Host, -Port, -Prefix
  forwarded_proto,
  forwarded_host,
  forwarded_port,
  forwarded_prefix,
  forwarded_client_cert,  // X-Forwarded-Client-Cert
  client_claim,  // other claims of proxies about the client: other X-Forwarded-*, X-Real-IP and so
                 // on
  request_id,    // X-Request-Id
  tandem,        // Tandem-*: our own
  date,
  max_forwards,   // RFC 9110 §7.6.2
  trace_context,  // traceparent and tracestate
};

FieldKind kind_of(std::string_view name);

namespace detail {

// For names that begin with t or x, and others that kind_without_underscores() does not compare.
FieldKind kind_of_extension(std::string_view name);

// REQUIRES: !name.empty()
inline bool is_named(std::string_view name, std::string_view known) {
  return to_lower(name[0]) == known[0] && equal_ignoring_case(name, known);
}

}  // namespace detail

// The same. REQUIRES: !name.empty(), and no underscore in it.
inline FieldKind kind_without_underscores(std::string_view name) {
  using detail::is_named;
  switch (name.size()) {
    case 2: return is_named(name, "te") ? FieldKind::te : FieldKind::other;
    case 3: return is_named(name, "via") ? FieldKind::via : FieldKind::other;
    case 4:
      if (is_named(name, "host")) return FieldKind::host;
      return is_named(name, "date") ? FieldKind::date : FieldKind::other;
    case 6: return is_named(name, "expect") ? FieldKind::expect : FieldKind::other;
    case 7:
      if (is_named(name, "upgrade")) return FieldKind::upgrade;
      break;
    case 9:
      if (is_named(name, "forwarded")) return FieldKind::forwarded;
      break;
    case 10:
      if (is_named(name, "connection")) return FieldKind::connection;
      if (is_named(name, "keep-alive")) return FieldKind::keep_alive;
      break;
    case 12:
      if (is_named(name, "max-forwards")) return FieldKind::max_forwards;
      break;
    case 14:
      if (is_named(name, "content-length")) return FieldKind::content_length;
      break;
    case 16:
      if (is_named(name, "proxy-connection")) return FieldKind::proxy_connection;
      break;
    case 17:
      if (is_named(name, "transfer-encoding")) return FieldKind::transfer_encoding;
      break;
    default: break;
  }
  const char first = to_lower(name[0]);
  return first == 'x' || first == 't' ? detail::kind_of_extension(name) : FieldKind::other;
}

}  // namespace tandem
