// own_addresses.hpp: the addresses of the masters of this cluster. No worker may have one of them:
// requests forwarded to a client address would loop, and those to a control address would expose
// the control API to every client.
//
// A master that is bound to 0.0.0.0 or :: is served at every address of its machine.
//
// Owner: the control loop's thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/address_range.hpp"
#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"

namespace tandem::master {

struct OwnAddress {
  std::string what;         // "the control address of a"
  Endpoint address;         // numeric
  bool everywhere = false;  // bound to all addresses of its machine

  friend bool operator==(const OwnAddress&, const OwnAddress&) = default;
};

class OwnAddresses {
 public:
  // `networks`: where workers that register may be (--worker-network); empty: anywhere.
  explicit OwnAddresses(std::vector<AddressRange> networks) : networks_(std::move(networks)) {}

  void set_networks(std::vector<AddressRange> networks) {
    networks_ = std::move(networks);
    ++version_;
  }
  void set(std::vector<OwnAddress> addresses) {
    if (addresses == addresses_) return;
    addresses_ = std::move(addresses);
    ++version_;
  }
  // Grows with each change.
  std::uint64_t version() const { return version_; }
  // Errors: `conflict` when a master is served at `worker`. REQUIRES: it is numeric.
  Result<> check(const Endpoint& worker) const;
  // The same for a worker that registers or is added. Errors: `invalid` as well, for an address
  // outside of the networks.
  Result<> check_newcomer(const Endpoint& worker) const;

 private:
  std::vector<AddressRange> networks_;
  std::vector<OwnAddress> addresses_;
  std::uint64_t version_ = 0;
};

// True for loopback addresses and the current addresses of the interfaces.
bool is_of_this_machine(const std::string& host);

}  // namespace tandem::master
