#include "master/forward/exchange/rate_limiter.hpp"

#include <algorithm>
#include <charconv>

#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>

#include "common/base/relaxed.hpp"
#include "master/balance/stable_hash.hpp"

namespace tandem::master {

namespace {

constexpr double most = 1e6;
// A bucket of the largest burst is full again within thirty years: nanoseconds can count that.
constexpr double per_second_min = 1e-3;

bool parse_number(std::string_view text, double least, double& number) {
  const auto* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  return parsed.ec == std::errc{} && parsed.ptr == end && number >= least && number <= most;
}

}  // namespace

Result<RateLimit> parse_rate_limit(std::string_view text, std::string_view field) {
  RateLimit limit;
  const auto colon = text.find(':');
  const bool has_rate = parse_number(text.substr(0, colon), per_second_min, limit.per_second);
  limit.burst = std::max(1.0, limit.per_second);
  const bool has_burst = colon == text.npos || parse_number(text.substr(colon + 1), 1, limit.burst);
  if (has_rate && has_burst) return limit;
  return invalid(fmt::format("{} must be REQUESTS_PER_SECOND from {} to {:.0f}, or with a burst "
                             "from 1 to {:.0f} REQUESTS_PER_SECOND:BURST, not \"{}\"",
                             field, per_second_min, most, most, text.substr(0, 64)),
                 std::string(field));
}

Result<wire::RequestKeySpec> parse_rate_limit_key(std::string_view text, std::string_view field) {
  auto key = wire::parse_request_key(text, field);
  if (key && key->source != wire::KeySource::path) return key;
  return invalid(fmt::format("{} must be address, header=NAME or cookie=NAME, not \"{}\"", field,
                             text.substr(0, 64)),
                 std::string(field));
}

RateLimiter::RateLimiter(RateLimit limit, std::uint64_t seed)
    : interval_(static_cast<std::int64_t>(1e9 / limit.per_second)),
      burst_(static_cast<std::int64_t>(1e9 / limit.per_second * limit.burst)),
      key_(std::move(limit.key)),
      seed_(seed),
      sets_(std::make_unique<Set[]>(sets)) {
  TANDEM_ASSERT(limit.is_on() && limit.burst >= 1);
}

std::uint64_t RateLimiter::hash_of(std::string_view client) const {
  if (client.find(':') != client.npos) {
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address_v6(client, error);
    if (!error && !address.is_v4_mapped()) {
      const auto bytes = address.to_bytes();
      return stable_hash({reinterpret_cast<const char*>(bytes.data()), 8}, seed_) | 1;
    }
  }
  return stable_hash(client, seed_) | 1;  // 0 is nobody's
}

// That client's bucket, or one that is its own from now on, and full.
RateLimiter::Bucket& RateLimiter::find(Set& set, std::uint64_t hash) {
  auto* fullest = &set.front();
  for (auto& bucket : set) {
    if (bucket.hash.load(relaxed) == hash) return bucket;
    if (bucket.full_at.load(relaxed) < fullest->full_at.load(relaxed)) fullest = &bucket;
  }
  fullest->hash.store(hash, relaxed);
  fullest->full_at.store(0, relaxed);
  return *fullest;
}

Duration RateLimiter::admit(std::string_view client, Instant now, unsigned sharers) {
  return admit(hash_of(client), now, sharers);
}

Duration RateLimiter::admit_by_value(std::string_view value, Instant now, unsigned sharers) {
  return admit(stable_hash(value, ~seed_) | 1, now, sharers);
}

// Of several masters each lets through its share: requests cost as many times more, and the same
// time is allowed ahead, or that of one request.
Duration RateLimiter::admit(std::uint64_t hash, Instant now, unsigned sharers) {
  const auto interval = interval_ * sharers;
  const auto burst = std::max(burst_, interval);
  auto& bucket = find(sets_[(hash >> 32) % sets], hash);
  const auto present = now.since_boot().count();
  auto full_at = bucket.full_at.load(relaxed);
  for (;;) {
    const auto next = std::max(full_at, present) + interval;
    if (next - present > burst) return Duration(next - present - burst);
    if (bucket.full_at.compare_exchange_weak(full_at, next, relaxed)) return Duration::zero();
  }
}

}  // namespace tandem::master
