#include "common/wire/sticky_spec.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "common/base/ascii.hpp"
#include "common/base/limits.hpp"
#include "common/wire/limits.hpp"
#include "common/wire/request_key_spec.hpp"

namespace tandem::wire {

namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

bool read_max_age(std::string_view text, StickySpec& spec) {
  auto& seconds = spec.max_age.emplace(0);
  const auto* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, seconds);
  return parsed.ec == std::errc{} && parsed.ptr == end && seconds >= 1 &&
         seconds <= limits::cookie_age_max.count();
}

bool read_same_site(std::string_view text, StickySpec& spec) {
  for (const auto same_site :
       {StickySpec::SameSite::lax, StickySpec::SameSite::strict, StickySpec::SameSite::none}) {
    if (lowered(std::string(text)) != lowered(std::string(to_string(same_site)))) continue;
    spec.same_site = same_site;
    return true;
  }
  return false;
}

bool read_domain(std::string_view text, StickySpec& spec) {
  spec.domain = text;
  return !text.empty() && text.size() <= limits::host_bytes_max &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '-'; });
}

bool read_path(std::string_view text, StickySpec& spec) {
  spec.path = text;
  return text.starts_with('/') && text.size() <= limits::route_prefix_bytes_max &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

bool read_attribute(std::string_view text, StickySpec& spec) {
  const auto equals = text.find('=');
  if (equals == text.npos) return false;
  const auto name = lowered(std::string(trimmed(text.substr(0, equals))));
  const auto value = trimmed(text.substr(equals + 1));
  if (name == "max-age") return read_max_age(value, spec);
  if (name == "samesite") return read_same_site(value, spec);
  if (name == "domain") return read_domain(value, spec);
  return name == "path" && read_path(value, spec);
}

}  // namespace

std::optional<StickySpec> parse_sticky(std::string_view text) {
  StickySpec spec;
  if (text.empty()) return spec;
  auto end = std::min(text.find(';'), text.size());
  spec.name = trimmed(text.substr(0, end));
  if (!is_key_name(spec.name)) return std::nullopt;
  while (end < text.size()) {
    text.remove_prefix(end + 1);
    end = std::min(text.find(';'), text.size());
    if (!read_attribute(text.substr(0, end), spec)) return std::nullopt;
  }
  return spec;
}

std::string to_string(const StickySpec& spec) {
  const StickySpec usual;
  auto text = spec.name;
  if (spec.max_age) text += fmt::format("; Max-Age={}", *spec.max_age);
  if (spec.same_site != usual.same_site) {
    text += fmt::format("; SameSite={}", to_string(spec.same_site));
  }
  if (!spec.domain.empty()) text += fmt::format("; Domain={}", spec.domain);
  if (spec.path != usual.path) text += fmt::format("; Path={}", spec.path);
  return text;
}

const char* to_string(StickySpec::SameSite same_site) {
  switch (same_site) {
    case StickySpec::SameSite::lax: break;
    case StickySpec::SameSite::strict: return "Strict";
    case StickySpec::SameSite::none: return "None";
  }
  return "Lax";
}

}  // namespace tandem::wire
