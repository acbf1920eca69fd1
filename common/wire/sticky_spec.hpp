// sticky_spec.hpp: the cookie by which clients stick to their workers, as an operator says it:
// "seat", "seat; Max-Age=3600; SameSite=Strict" (RFC 6265 §4.1, and its draft successor for
// SameSite). HttpOnly is always there, Secure when the client asked by https. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tandem::wire {

struct StickySpec {
  enum class SameSite { lax, strict, none };

  std::string name;                 // empty: clients do not stick
  std::optional<unsigned> max_age;  // seconds; nothing: until the browser is closed
  SameSite same_site = SameSite::lax;
  std::string domain;  // empty: the host that was asked, and no other
  std::string path = "/";

  bool is_on() const { return !name.empty(); }
  friend bool operator==(const StickySpec&, const StickySpec&) = default;
};

// NAME[; ATTRIBUTE]..., or nothing: clients do not stick. Nothing is returned for what is neither:
// it must be `sticky_forms`.
std::optional<StickySpec> parse_sticky(std::string_view text);
inline constexpr const char* sticky_forms =
    "a name that a cookie can have, and behind it any of Max-Age=SECONDS, SameSite=Lax, Strict or "
    "None, Domain=HOST and Path=/PATH, each after a semicolon";
// As parse_sticky() reads it.
std::string to_string(const StickySpec& spec);
const char* to_string(StickySpec::SameSite same_site);

}  // namespace tandem::wire
