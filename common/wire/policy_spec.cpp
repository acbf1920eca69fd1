#include "common/wire/policy_spec.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace tandem::wire {

namespace {

constexpr PolicyName names[] = {PolicyName::round_robin,       PolicyName::random,
                                PolicyName::least_connections, PolicyName::p2c,
                                PolicyName::consistent_hash,   PolicyName::first_available};
constexpr std::size_t token_length_max = 64;

// What follows "consistent_hash:".
Result<> parse_key(std::string_view text, std::string_view field, PolicySpec& spec) {
  const auto equals = text.find('=');
  const auto kind = text.substr(0, equals);
  const bool named = equals != text.npos;
  if (kind == "address" && !named) {
    spec.key = KeySource::address;
  } else if (kind == "path" && !named) {
    spec.key = KeySource::path;
  } else if ((kind == "header" || kind == "cookie") && named && is_token(text.substr(equals + 1))) {
    spec.key = kind == "header" ? KeySource::header : KeySource::cookie;
    spec.key_name = text.substr(equals + 1);
  } else {
    return invalid(fmt::format("{}: the key of consistent_hash must be address, path, header=NAME "
                               "or cookie=NAME, not \"{}\"",
                               field, text.substr(0, token_length_max)),
                   std::string(field));
  }
  return {};
}

}  // namespace

bool is_token(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  };
  return !text.empty() && text.size() <= token_length_max &&
         std::all_of(text.begin(), text.end(), allowed);
}

Result<PolicySpec> parse_policy(std::string_view text, std::string_view field) {
  const auto colon = text.find(':');
  for (const auto name : names) {
    if (text.substr(0, colon) != to_string(name)) continue;
    PolicySpec spec(name);
    if (colon == text.npos) return spec;
    if (name != PolicyName::consistent_hash) break;
    const auto parsed = parse_key(text.substr(colon + 1), field, spec);
    if (!parsed) return parsed.error();
    return spec;
  }
  std::string known;
  for (const auto name : names) {
    known += known.empty() ? "" : name == PolicyName::first_available ? " or " : ", ";
    known += to_string(name);
  }
  return invalid(
      fmt::format("{} must be {}, not \"{}\"", field, known, text.substr(0, token_length_max)),
      std::string(field));
}

const char* to_string(PolicyName name) {
  switch (name) {
    case PolicyName::round_robin: return "round_robin";
    case PolicyName::random: return "random";
    case PolicyName::least_connections: return "least_connections";
    case PolicyName::p2c: return "p2c";
    case PolicyName::consistent_hash: return "consistent_hash";
    case PolicyName::first_available: return "first_available";
  }
  assertion_failed("a known policy", __FILE__, __LINE__);
}

std::string to_string(const PolicySpec& spec) {
  std::string text = to_string(spec.name);
  if (spec.name != PolicyName::consistent_hash) return text;
  switch (spec.key) {
    case KeySource::address: return text;
    case KeySource::path: return text + ":path";
    case KeySource::header: return text + ":header=" + spec.key_name;
    case KeySource::cookie: return text + ":cookie=" + spec.key_name;
  }
  assertion_failed("a known key", __FILE__, __LINE__);
}

}  // namespace tandem::wire
