// client_counts.hpp: how many connections each client address has (--client-connections).
//
// Two rows of counters, each with a hash function of its own; an address has at most as many as the
// smaller of its two counters says (a count-min sketch: Cormode & Muthukrishnan 2005). So the
// memory is fixed, a loop takes no lock, and an address is refused wrongly only when others share
// both of its counters, which strangers cannot arrange, since they do not know the seed. IPv6
// addresses count by their first 64 bits, which is what one client has. Any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include <boost/asio/ip/address.hpp>

namespace tandem::master {

class ClientCounts {
 public:
  static constexpr std::size_t columns = 128 * 1024;
  using Key = std::array<std::uint32_t, 2>;  // one column in each row

  // `most`: how many connections one address may have; 0: any number.
  ClientCounts(unsigned most, std::uint64_t seed);
  // From now on; connections that are open stay.
  void set_most(unsigned most) { most_.store(most, std::memory_order_relaxed); }

  // Counts one more connection of that address, until leave() is called with the key. Unset: it has
  // as many as it may.
  std::optional<Key> enter(const boost::asio::ip::address& address);
  void leave(Key key);

 private:
  using Row = std::array<std::atomic<std::uint32_t>, columns>;

  std::atomic<unsigned> most_;
  const std::uint64_t seed_;
  std::unique_ptr<std::array<Row, 2>> rows_;  // 1 MiB
};

}  // namespace tandem::master
