// sender.hpp: who sent a request, as far as this master knows, and whose word it takes for that.
//
// A trusted proxy is believed about its own client. Another master of the cluster is believed about
// everything: a request that a standby passed on is treated, and looks to its worker, as if its
// client had come here. Pure; views live as long as the request's.
#pragma once

#include <array>
#include <string_view>

#include "common/http1/http_head.hpp"

namespace tandem::master {

// Where a request has come in, and what that proves of whoever has sent it.
enum class Entry {
  open,          // where clients are served
  inner,         // where other masters pass requests on: nothing
  inner_master,  // there, and it is one of them by its certificate
};

struct Sender {
  // The address of the peer, or of the peer that another master had which passed the request on:
  // without port, as inet_ntop writes it, IPv4 never mapped into IPv6.
  std::string_view address{};
  bool trusted = false;    // it is a proxy of ours
  bool by_master = false;  // another master of ours has passed the request on
  Entry entry = Entry::open;
  bool https = false;       // it speaks TLS to us, or to the load balancer that passes it on
  std::string_view tls{};   // in which version: "TLSv1.3"; empty: none, or it is not known
  std::string_view port{};  // to which it has come: of ours, or of the load balancer
  // What X-Forwarded-Client-Cert says of the certificate that it has shown; empty: it has none.
  std::string_view certificate{};
  // Whether that address is left; null: never.
  const bool* entrance_is_left = nullptr;

  // Each answer is the last of its connection.
  bool is_to_leave() const { return entrance_is_left != nullptr && *entrance_is_left; }
  // What the request says about its client, and how that asked, is taken for true.
  bool is_believed() const { return trusted || by_master; }
};

// Room for an address as text.
using AddressText = std::array<char, 48>;

// A member of X-Forwarded-For in the form of Sender::address: without port and brackets. Text that
// is no address is returned as it is. The result points into `room` or `text`.
std::string_view plain_address(std::string_view text, AddressText& room);

// The last member of X-Forwarded-For: the peer of the master that passed the request on. Empty when
// there is none.
std::string_view peer_of_master(const RequestHead& request);

// The address of the client: the sender's, or, if that is a trusted proxy, the one that it names.
std::string_view client_address(const RequestHead& request, const Sender& sender,
                                AddressText& room);

// The client used https, towards us or, as the proxy says that ended it, towards that.
bool came_by_https(const RequestHead& request, const Sender& sender);

}  // namespace tandem::master
