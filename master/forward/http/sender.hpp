// sender.hpp: who sent a request, as far as this master knows, and whom it believes about that.
//
// A proxy of ours is believed what it says of its own client. Another master of ours is believed
// altogether: a request that a standby passed on is treated, and looks to its worker, as if its
// client had come here. Pure; views live as long as the request's.
#pragma once

#include <array>
#include <string_view>

#include "common/http1/http_head.hpp"

namespace tandem::master {

struct Sender {
  // Without port, as inet_ntop writes it, IPv4 never mapped into IPv6: of the peer; or, of a
  // request that another master passed on, of the peer that it had there.
  std::string_view address{};
  bool trusted = false;    // it is a proxy of ours
  bool by_master = false;  // another master of ours has passed the request on

  // What the request says of its client, and of how that asked, is true.
  bool is_believed() const { return trusted || by_master; }
};

// Room for an address as text.
using AddressText = std::array<char, 48>;

// `text`, as X-Forwarded-For has it, as Sender::address would: without port and brackets. What is
// no address is returned as it is. The result is within `room` or `text`.
std::string_view plain_address(std::string_view text, AddressText& room);

// The last member of X-Forwarded-For: whom the master that passed the request on had as its peer.
// Empty when there is none.
std::string_view peer_of_master(const RequestHead& request);

// The address of the client: the sender's, or, when that is a proxy of ours, what it says of its
// own client.
std::string_view client_address(const RequestHead& request, const Sender& sender,
                                AddressText& room);

// The client asked by https, says whoever took that off.
bool came_by_https(const RequestHead& request, const Sender& sender);

}  // namespace tandem::master
