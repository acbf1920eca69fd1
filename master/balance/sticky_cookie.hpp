// sticky_cookie.hpp: the cookie by which a client stays with its worker.
//
// Its value identifies the worker without revealing anything: a digest of the worker's name, keyed
// with the cluster's secret (SnapshotWorker::cookie). All masters of a cluster compute the same
// value, so a client stays with its worker when the primary changes. Pure; any thread.
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
  // which depends on the scheme of the request.
  std::string set_cookie(std::string_view value) const;

  friend bool operator==(const StickyCookie&, const StickyCookie&) = default;

 private:
  wire::StickySpec spec_;
};

}  // namespace tandem::master
