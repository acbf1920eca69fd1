#include "common/wire/term_proof.hpp"

#include <charconv>

#include <fmt/format.h>

#include "common/base/constant_time.hpp"
#include "common/base/name.hpp"
#include "common/base/secret.hpp"

namespace tandem::wire {

namespace {
constexpr std::size_t key_bytes = 32;
constexpr std::size_t mac_bytes = 16;
}  // namespace

std::string worker_key(std::string_view secret, std::string_view name,
                       std::string_view incarnation) {
  return keyed_digest(secret, fmt::format("worker {} {}", name, incarnation), key_bytes);
}

std::string proven_term(Term term, std::string_view key) {
  const auto mac = keyed_digest(key, fmt::format("term {}", term), mac_bytes);
  return fmt::format("{}.{}", term, mac);
}

std::optional<Term> read_proven_term(std::string_view value, std::string_view key) {
  if (key.empty()) return std::nullopt;
  std::uint64_t number = 0;
  const auto* end = value.data() + value.size();
  const auto read = std::from_chars(value.data(), end, number);
  if (read.ec != std::errc{} || read.ptr == end || *read.ptr != '.') return std::nullopt;
  // There is one spelling only: a master writes no leading zeros.
  if (!equal_in_constant_time(value, proven_term(Term(number), key))) return std::nullopt;
  return Term(number);
}

std::string new_challenge() { return random_hex(mac_bytes); }

std::string answer_to_challenge(std::string_view challenge, std::string_view key) {
  if (!is_name(challenge) || key.empty()) return {};
  return keyed_digest(key, fmt::format("answer {}", challenge), mac_bytes);
}

}  // namespace tandem::wire
