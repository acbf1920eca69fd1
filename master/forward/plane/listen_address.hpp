// listen_address.hpp: an address where clients are served, as --listen and --listen-tls say it,
// or where other masters pass requests on (--listen-inner).
#pragma once

#include "common/base/endpoint.hpp"

namespace tandem::master {

struct ListenAddress {
  Endpoint endpoint;  // numeric; port 0: the kernel chooses
  bool tls = false;
  bool inner = false;         // where other masters pass requests on, not where clients come
  bool binds_absent = false;  // it may be an address that this host does not have yet

  const char* flag() const {
    if (inner) return "--listen-inner";
    return tls ? "--listen-tls" : "--listen";
  }
};

}  // namespace tandem::master
