#include "master/forward/tls/ticket_ring.hpp"

#include <charconv>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "common/base/assert.hpp"
#include "common/base/secret.hpp"

namespace tandem::master::tls {

namespace {

constexpr std::size_t version_digits = 32;
constexpr std::size_t keys_min = 2;
constexpr std::size_t keys_max = 4;  // next, current, and two that only decrypt
constexpr std::string_view format = "ring1";

template <std::size_t Size>
void fill_at_random(std::array<unsigned char, Size>& bytes) {
  TANDEM_ASSERT(RAND_priv_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
}

template <std::size_t Size>
void append(std::string& bytes, const std::array<unsigned char, Size>& part) {
  bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
}

template <std::size_t Size>
void take(std::string_view& bytes, std::array<unsigned char, Size>& part) {
  bytes.copy(reinterpret_cast<char*>(part.data()), part.size());
  bytes.remove_prefix(part.size());
}

constexpr std::size_t key_bytes =
    sizeof(TicketKey::name) + sizeof(TicketKey::cipher) + sizeof(TicketKey::mac);

// What stands before the next space.
std::string_view word_of(std::string_view& bytes) {
  const auto end = std::min(bytes.find(' '), bytes.size());
  const auto word = bytes.substr(0, end);
  bytes.remove_prefix(std::min(end + 1, bytes.size()));
  return word;
}

}  // namespace

TicketKey TicketKey::make() {
  TicketKey key;
  fill_at_random(key.name);
  fill_at_random(key.cipher);
  fill_at_random(key.mac);
  return key;
}

TicketKey::~TicketKey() { OPENSSL_cleanse(this, sizeof *this); }

TicketRing TicketRing::make(Time now) {
  TicketRing ring;
  ring.keys_.reserve(keys_max + 1);
  ring.keys_.push_back(TicketKey::make());
  ring.turn(now);
  return ring;
}

void TicketRing::turn(Time now) {
  keys_.insert(keys_.begin(), TicketKey::make());
  if (keys_.size() > keys_max) keys_.pop_back();
  version_ = random_hex(version_digits / 2);
  since_ = now;
}

// "ring1 VERSION MILLISECONDS-SINCE " and the keys.
std::string TicketRing::to_bytes(Time now) const {
  const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(now - since_).count();
  auto bytes = fmt::format("{} {} {} ", format, version_, std::max<std::int64_t>(age, 0));
  for (const auto& key : keys_) {
    append(bytes, key.name);
    append(bytes, key.cipher);
    append(bytes, key.mac);
  }
  return bytes;
}

std::optional<TicketRing> TicketRing::from_bytes(std::string_view bytes, Time now) {
  if (word_of(bytes) != format) return std::nullopt;
  TicketRing ring;
  ring.version_ = word_of(bytes);
  const auto age_text = word_of(bytes);
  std::uint32_t age_ms = 0;  // seven weeks
  const auto* const age_end = age_text.data() + age_text.size();
  const auto [end, error] = std::from_chars(age_text.data(), age_end, age_ms);
  const auto count = bytes.size() / key_bytes;
  if (ring.version_.size() != version_digits || error != std::errc() || end != age_end ||
      bytes.size() % key_bytes != 0 || count < keys_min || count > keys_max) {
    return std::nullopt;
  }
  ring.since_ = now - std::chrono::milliseconds(age_ms);
  ring.keys_.reserve(keys_max + 1);
  while (!bytes.empty()) {
    auto& key = ring.keys_.emplace_back();
    take(bytes, key.name);
    take(bytes, key.cipher);
    take(bytes, key.mac);
  }
  return ring;
}

}  // namespace tandem::master::tls
