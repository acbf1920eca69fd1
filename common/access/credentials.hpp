// credentials.hpp: all tokens that one control address knows, and who a caller is by the one that
// it presents (RFC 6750).
//
// Only hashes of tokens are kept. A token is looked up by its hash, so that the time which this
// takes tells at most of the hash of a guess, which the guesser knows; what was found is compared
// in constant time.
//
// Immutable once made: threads may share one.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/access/credential.hpp"
#include "common/base/result.hpp"

namespace tandem::access {

struct Identity {
  enum class Standing {
    known,
    nobody,   // no token was presented
    unknown,  // one that is none of ours
    expired,  // one that was
  };
  Standing standing = Standing::nobody;
  std::shared_ptr<const Credential> credential{};  // of one that is known, or has expired
};

// What a worker says that it is.
struct WorkerClaim {
  std::string_view name;
  std::string_view service;
  std::string host;  // of the address where it wants to be asked
  std::string peer;  // the address that it calls from
};

class Credentials {
 public:
  // One token, which allows everything.
  static Credentials of_one_token(std::string_view token);
  // REQUIRES: each has the form that credential.hpp says. Errors: `invalid`, beginning with
  // PATH:LINE: two of them have one hash, more than limits::credentials_of_a_name_max one name, or
  // two of one name different roles; a worker would have the name of a master.
  static Result<Credentials> of(std::vector<Credential> all, std::string_view path);

  // `authorization`: the value of the field; empty: there is none.
  Identity identify(std::string_view authorization, WallTime now) const;

  // What of the claim is outside of the scope of `caller`, in a sentence; empty: nothing. A name
  // that an entry has in full is that entry's alone: the beginning of names in another one does not
  // cover it.
  std::string outside_scope(const Credential& caller, const WorkerClaim& claim) const;
  // The same of a caller whose names are nobody else's, as those of certificates are.
  static std::string outside_own_scope(const Credential& caller, const WorkerClaim& claim);

  // By name and line.
  const std::vector<std::shared_ptr<const Credential>>& all() const { return all_; }
  // Another of that name holds longer: nobody need be warned of the end of this one.
  bool is_replaced(const Credential& credential) const;

 private:
  std::vector<std::shared_ptr<const Credential>> all_;
  std::map<std::string, std::shared_ptr<const Credential>, std::less<>> by_hash_;
  std::set<std::string, std::less<>> whole_names_;  // of workers, and of masters
};

// The token in the value of the field Authorization; empty when there is none.
std::string_view presented_token(std::string_view authorization);

}  // namespace tandem::access
