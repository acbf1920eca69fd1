// sticky_cookie.hpp: the cookie by which a client stays with its worker.
//
// Its value names the worker and tells nothing of it: HMAC-SHA-256 of the worker's name, cut to 96
// bits. All masters of a cluster make the same, from the token that they share, so a client stays
// with its worker when the primary changes. Without a token the key is known: who knows or guesses
// a worker's name can tell that a cookie means it. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace tandem::master {

class StickyCookie {
 public:
  // `name`: of the cookie; empty: clients do not stick. `secret`: the cluster's token, or empty.
  StickyCookie(std::string name, std::string secret);
  StickyCookie() = default;

  // With the same secret.
  StickyCookie renamed(std::string name) const;

  bool is_on() const { return !name_.empty(); }
  const std::string& name() const { return name_; }
  // The value that means the worker of that name.
  std::string value_for(std::string_view worker) const;
  // The value of Set-Cookie that asks the client to bring `value` from now on, until it forgets.
  std::string set_cookie(std::string_view value) const;

  friend bool operator==(const StickyCookie&, const StickyCookie&) = default;

 private:
  static std::string derived(std::string secret);

  std::string name_;
  std::string secret_ = derived({});
};

}  // namespace tandem::master
