#include "master/forward/client/client_counts.hpp"

#include <algorithm>
#include <string_view>

#include "common/base/relaxed.hpp"
#include "master/balance/stable_hash.hpp"

namespace tandem::master {

namespace {

template <class Bytes>
std::uint64_t hash_of(const Bytes& bytes, std::size_t count, std::uint64_t seed) {
  return stable_hash({reinterpret_cast<const char*>(bytes.data()), count}, seed);
}

// An IPv4 client of an IPv6 listener is an IPv4 client.
std::uint64_t hash_of(const boost::asio::ip::address& address, std::uint64_t seed) {
  if (address.is_v4()) return hash_of(address.to_v4().to_bytes(), 4, seed);
  const auto v6 = address.to_v6();
  if (!v6.is_v4_mapped()) return hash_of(v6.to_bytes(), 8, seed);
  const auto v4 = boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, v6);
  return hash_of(v4.to_bytes(), 4, seed);
}

}  // namespace

ClientCounts::ClientCounts(unsigned most, std::uint64_t seed)
    : most_(most), seed_(seed), rows_(std::make_unique<std::array<Row, 2>>()) {}

std::optional<ClientCounts::Key> ClientCounts::enter(const boost::asio::ip::address& address) {
  const auto hash = hash_of(address, seed_);
  const Key key{static_cast<std::uint32_t>(hash % columns),
                static_cast<std::uint32_t>((hash >> 32) % columns)};
  const auto first = (*rows_)[0][key[0]].fetch_add(1, relaxed);
  const auto second = (*rows_)[1][key[1]].fetch_add(1, relaxed);
  const auto most = most_.load(relaxed);
  if (most == 0 || std::min(first, second) < most) return key;
  leave(key);
  return std::nullopt;
}

void ClientCounts::leave(Key key) {
  (*rows_)[0][key[0]].fetch_sub(1, relaxed);
  (*rows_)[1][key[1]].fetch_sub(1, relaxed);
}

}  // namespace tandem::master
