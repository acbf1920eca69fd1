// rate_limiter.hpp: how many requests one client may send: a token bucket for each address, or for
// each value of a header or a cookie. Values and addresses never share a bucket, so that nobody can
// use up another's by calling himself like his address.
//
// A bucket is one number, the instant at which it will be full again (GCRA, ITU-T I.371): a request
// moves it on by 1/rate, and is refused when that is further ahead than the burst. All loops share
// the buckets, because a client's connections are spread over them.
//
// The memory is fixed: sets of four buckets, found by a keyed hash of the client; a newcomer takes
// the bucket in its set that is the fullest, which is what forgetting it costs the least. So a
// million clients take no more than one, and those that send most are forgotten last. Two loops
// that take the same bucket in the same instant may let a request too many through. Any thread, no
// lock.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/wire/request_key_spec.hpp"

namespace tandem::master {

struct RateLimit {
  double per_second = 0;       // of one client; 0: any
  double burst = 0;            // that may come at once; at least 1
  wire::RequestKeySpec key{};  // what one client is; without that header or cookie: its address

  bool is_on() const { return per_second > 0; }
  friend bool operator==(const RateLimit&, const RateLimit&) = default;
};

// RATE or RATE:BURST, without it a second's worth. Errors: `invalid`, naming `field`.
Result<RateLimit> parse_rate_limit(std::string_view text, std::string_view field);
// As parse_request_key() has it, without the path: a client could have as many as it likes.
Result<wire::RequestKeySpec> parse_rate_limit_key(std::string_view text, std::string_view field);

class RateLimiter {
 public:
  // `seed`: of the hash, so that strangers cannot choose names that share a set.
  // REQUIRES: limit.is_on()
  RateLimiter(RateLimit limit, std::uint64_t seed);

  // A request of `client`, an address as text; IPv6 by its first 64 bits, which is what one client
  // has. Zero: it may go on. Else so long until the next one may.
  // `sharers`: so many masters serve, and a client's requests are spread over them.
  Duration admit(std::string_view client, Instant now, unsigned sharers = 1);
  // The same for a client that is known by the value of the header or cookie that key() names.
  Duration admit_by_value(std::string_view value, Instant now, unsigned sharers = 1);

  const wire::RequestKeySpec& key() const { return key_; }

  static constexpr std::size_t sets = 32 * 1024;
  static constexpr std::size_t ways = 4;

 private:
  struct Bucket {
    std::atomic<std::uint64_t> hash{0};    // of whose it is
    std::atomic<std::int64_t> full_at{0};  // nanoseconds since boot
  };
  using Set = std::array<Bucket, ways>;

  std::uint64_t hash_of(std::string_view client) const;
  Duration admit(std::uint64_t hash, Instant now, unsigned sharers);
  static Bucket& find(Set& set, std::uint64_t hash);

  const std::int64_t interval_;  // nanoseconds that one request costs
  const std::int64_t burst_;     // and that are allowed ahead
  const wire::RequestKeySpec key_;
  const std::uint64_t seed_;
  std::unique_ptr<Set[]> sets_;  // 2 MiB
};

}  // namespace tandem::master
