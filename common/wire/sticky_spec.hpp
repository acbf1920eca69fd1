// sticky_spec.hpp: the cookie by which clients stick to their workers, as an operator writes it:
// "seat", "seat; Max-Age=3600; SameSite=Strict" (RFC 6265 §4.1, and its draft successor for
// SameSite). HttpOnly is always set, Secure when the client used https. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tandem::wire {

struct StickySpec {
  enum class SameSite { lax, strict, none };

  std::string name;                 // empty: clients do not stick
  std::optional<unsigned> max_age;  // seconds; unset: until the browser is closed
  SameSite same_site = SameSite::lax;
  std::string domain;  // empty: only the host that was asked
  std::string path = "/";

  bool is_on() const { return !name.empty(); }
  friend bool operator==(const StickySpec&, const StickySpec&) = default;
};

// Parses NAME[; ATTRIBUTE]..., or the empty text: clients do not stick. Returns nothing for any
// other text; `sticky_forms` says what is accepted.
std::optional<StickySpec> parse_sticky(std::string_view text);
inline constexpr const char* sticky_forms =
    "a name that a cookie can have, and behind it any of Max-Age=SECONDS, SameSite=Lax, Strict or "
    "None, Domain=HOST and Path=/PATH, each after a semicolon";
// As parse_sticky() reads it.
std::string to_string(const StickySpec& spec);
const char* to_string(StickySpec::SameSite same_site);

}  // namespace tandem::wire
