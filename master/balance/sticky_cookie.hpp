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

#include "common/wire/sticky_spec.hpp"

namespace tandem::master {

class StickyCookie {
 public:
  explicit StickyCookie(wire::StickySpec spec) : spec_(std::move(spec)) {}
  StickyCookie() = default;

  bool is_on() const { return spec_.is_on(); }
  const std::string& name() const { return spec_.name; }
  // The value of Set-Cookie that asks the client to bring `value` from now on; without Secure,
  // which depends on how it asked.
  std::string set_cookie(std::string_view value) const;

  friend bool operator==(const StickyCookie&, const StickyCookie&) = default;

 private:
  wire::StickySpec spec_;
};

}  // namespace tandem::master
