// sticky_cookie.hpp: the cookie by which a client stays with its worker.
//
// Its value means the worker and tells nothing of it: a digest of the worker's name, keyed by the
// cluster's secret (SnapshotWorker::cookie). All masters of a cluster make the same, so a client
// stays with its worker when the primary changes; nothing can be told from it of the token. Pure;
// any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace tandem::master {

class StickyCookie {
 public:
  // `name`: of the cookie; empty: clients do not stick.
  explicit StickyCookie(std::string name) : name_(std::move(name)) {}
  StickyCookie() = default;

  bool is_on() const { return !name_.empty(); }
  const std::string& name() const { return name_; }
  // The value of Set-Cookie that asks the client to bring `value` from now on, until it forgets.
  std::string set_cookie(std::string_view value) const;

  friend bool operator==(const StickyCookie&, const StickyCookie&) = default;

 private:
  std::string name_;
};

}  // namespace tandem::master
