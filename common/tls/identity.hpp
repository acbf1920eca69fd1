// identity.hpp: who a certificate inside a cluster says that its owner is.
//
// It stands in the certificate as names of the type URI (RFC 5280 §4.2.1.6): one is the identity,
// in the form of a SPIFFE id, so that other tools can read and issue it; the others say what it is
// issued for:
//
//   spiffe://CLUSTER/tandem/master/a
//   spiffe://CLUSTER/tandem/worker/w1    tandem:service:shop  for each service; by default: default
//                                        tandem:witness       it may vote
//   spiffe://CLUSTER/tandem/operator/ops tandem:role:viewer   by default: operator
//
// Addresses of the certificate, of the type IP, are where a worker may be; without any it is the
// one that it calls from. A cluster's authority has the name spiffe://CLUSTER.
//
// Pure. Owner: a value.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/access/credential.hpp"
#include "common/base/result.hpp"

namespace tandem::tls {

enum class Kind { master, worker, operator_ };

struct Identity {
  std::string cluster{};
  Kind kind = Kind::operator_;
  std::string name;
  std::vector<std::string> services{};   // of a worker; none: default
  bool witness = false;                  // of a worker
  bool only_looks = false;               // of an operator: the role viewer
  std::vector<std::string> addresses{};  // numeric
  std::vector<std::string> hosts{};      // names of the type DNS, for other tools alone

  // spiffe://CLUSTER/tandem/KIND/NAME
  std::string id() const;
};

std::string_view to_string(Kind kind);

// 1 to 64 of a-z 0-9 . _ -, as SPIFFE wants the name of a trust domain. Errors: `invalid`, naming
// `field`.
Result<std::string> parse_cluster_name(std::string_view text, std::string_view field);

// The name that an authority of that cluster has, and which cluster it is; empty: not one of ours.
std::string authority_uri(std::string_view cluster);
std::string cluster_of(std::string_view authority_uri);

// What stands in a certificate, the identity first. Errors: `invalid`: a name or a service that no
// member can have.
Result<std::vector<std::string>> uris_of(const Identity& identity);
// The identity of a certificate with these names. Errors: `invalid`, a sentence: no identity or
// two, or more than limits::scope_items_max services or addresses. Other names say nothing here.
Result<Identity> identity_of(const std::vector<std::string>& uris,
                             std::vector<std::string> addresses);

// What its owner may do.
access::Credential credential_of(const Identity& identity);

}  // namespace tandem::tls
