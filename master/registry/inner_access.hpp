// inner_access.hpp: whom this master believes that passes clients' requests on to it, where it has
// an inner address for that (--listen-inner). Published like a Leadership, and immutable.
//
// With certificates of the cluster the caller is a master by its certificate, and one of those that
// the replicated state lists. In clear, on one machine, it is whoever has the right Tandem-Pass.
// As soon as all masters know of inner addresses no other address believes anybody.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "common/base/time.hpp"
#include "common/tls/credentials.hpp"

namespace tandem::master {

struct InnerAccess {
  // Null: it is spoken to in clear.
  tandem::tls::CredentialsPtr credentials{};
  std::set<std::string, std::less<>> masters{};  // the others of the cluster, by name
  bool alone = false;                            // nobody is believed at any other address

  // Whether that one, whose certificate the handshake has accepted, may pass requests on now.
  bool admits(const tandem::tls::Peer& peer, tandem::tls::WallTime now) const {
    return peer.identity.kind == tandem::tls::Kind::master &&
           masters.contains(peer.identity.name) && credentials != nullptr &&
           tandem::tls::why_not(peer, *credentials, now).empty();
  }

  friend bool operator==(const InnerAccess&, const InnerAccess&) = default;
};
using InnerAccessPtr = std::shared_ptr<const InnerAccess>;

}  // namespace tandem::master
