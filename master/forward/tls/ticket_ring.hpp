// ticket_ring.hpp: the keys of session tickets in their order, and when they change: what all
// masters of a cluster have in common, so that a client whose session began at one resumes it at
// another.
//
// One key encrypts, for one interval. The next one is known in advance, so that it is on all
// masters before the first ticket needs it; those of the two intervals before still decrypt. A ring
// changes by turning alone, and each has a version of its own. The keys exist in memory only.
//
// Pure but for its randomness; a value. Times are the system's, as those of certificates.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::master::tls {

struct TicketKey {
  std::array<unsigned char, 16> name{};  // stands in the ticket, in clear
  std::array<unsigned char, 32> cipher{};
  std::array<unsigned char, 32> mac{};

  // At random.
  static TicketKey make();
  TicketKey() = default;
  TicketKey(const TicketKey&) = default;
  TicketKey& operator=(const TicketKey&) = default;
  ~TicketKey();  // leaves nothing behind
  friend bool operator==(const TicketKey&, const TicketKey&) = default;
};

class TicketRing {
 public:
  using Time = std::chrono::system_clock::time_point;

  // A key that encrypts from now on, and the next one.
  static TicketRing make(Time now);
  // The next key encrypts, and there is a new next one.
  void turn(Time now);

  // Random; the same at all masters that have this ring. 32 hexadecimal digits.
  const std::string& version() const { return version_; }
  // Since when its key encrypts; at another master less than a second off.
  Time since() const { return since_; }
  const TicketKey& next() const { return keys_[0]; }
  const TicketKey& current() const { return keys_[1]; }
  // First next, then current, then those of the intervals before, at most two.
  const std::vector<TicketKey>& keys() const { return keys_; }

  // For another master: bytes, and what they tell. Nothing: they are no ring.
  std::string to_bytes(Time now) const;
  static std::optional<TicketRing> from_bytes(std::string_view bytes, Time now);

  friend bool operator==(const TicketRing&, const TicketRing&) = default;

 private:
  TicketRing() = default;

  std::string version_;
  Time since_{};
  std::vector<TicketKey> keys_;
};

}  // namespace tandem::master::tls
