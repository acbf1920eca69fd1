#include "master/forward/rate_limiter.hpp"

#include <algorithm>
#include <charconv>

#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>

#include "master/balance/stable_hash.hpp"

namespace tandem::master {

namespace {

constexpr auto relaxed = std::memory_order_relaxed;
constexpr double per_second_max = 1e6;

bool parse_number(std::string_view text, double& number) {
  const auto* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  return parsed.ec == std::errc{} && parsed.ptr == end && number > 0 && number <= per_second_max;
}

}  // namespace

Result<RateLimit> parse_rate_limit(std::string_view text, std::string_view field) {
  RateLimit limit;
  const auto colon = text.find(':');
  const bool has_rate = parse_number(text.substr(0, colon), limit.per_second);
  limit.burst = std::max(1.0, limit.per_second);
  const bool has_burst = colon == text.npos || parse_number(text.substr(colon + 1), limit.burst);
  if (has_rate && has_burst && limit.burst >= 1) return limit;
  return invalid(fmt::format("{} must be REQUESTS_PER_SECOND or REQUESTS_PER_SECOND:BURST, above 0 "
                             "and up to 1000000, not \"{}\"",
                             field, text.substr(0, 64)),
                 std::string(field));
}

RateLimiter::RateLimiter(RateLimit limit, std::uint64_t seed)
    : interval_(static_cast<std::int64_t>(1e9 / limit.per_second)),
      burst_(static_cast<std::int64_t>(1e9 / limit.per_second * limit.burst)),
      seed_(seed),
      sets_(std::make_unique<Set[]>(sets)) {
  TANDEM_ASSERT(limit.is_on() && limit.burst >= 1);
}

std::uint64_t RateLimiter::key_of(std::string_view client) const {
  if (client.find(':') != client.npos) {
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address_v6(client, error);
    if (!error && !address.is_v4_mapped()) {
      const auto bytes = address.to_bytes();
      return stable_hash({reinterpret_cast<const char*>(bytes.data()), 8}, seed_) | 1;
    }
  }
  return stable_hash(client, seed_) | 1;  // 0 is no key
}

// The key's bucket, or one that is the key's from now on, and full.
RateLimiter::Bucket& RateLimiter::find(Set& set, std::uint64_t key) {
  auto* fullest = &set.front();
  for (auto& bucket : set) {
    if (bucket.key.load(relaxed) == key) return bucket;
    if (bucket.full_at.load(relaxed) < fullest->full_at.load(relaxed)) fullest = &bucket;
  }
  fullest->key.store(key, relaxed);
  fullest->full_at.store(0, relaxed);
  return *fullest;
}

Duration RateLimiter::admit(std::string_view client, Instant now) {
  const auto key = key_of(client);
  auto& bucket = find(sets_[(key >> 32) % sets], key);
  const auto present = now.since_boot().count();
  auto full_at = bucket.full_at.load(relaxed);
  for (;;) {
    const auto next = std::max(full_at, present) + interval_;
    if (next - present > burst_) return Duration(next - present - burst_);
    if (bucket.full_at.compare_exchange_weak(full_at, next, relaxed)) return Duration::zero();
  }
}

}  // namespace tandem::master
