// load_balancer.hpp: a real HAProxy or nginx in front of two masters, with the configuration that
// examples/load_balancers offers: only its addresses are replaced.
//
// Runs as an ordinary user, with all its files in the test's directory. Owner: the test's thread.
#pragma once

#include <string>

#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e {

class LoadBalancer {
 public:
  enum class Kind { haproxy, nginx };
  static bool is_installed(Kind kind);

  // In front of the masters a and b. Starts it and waits until it passes requests on.
  // REQUIRES: is_installed(kind)
  LoadBalancer(Kind kind, const PairCluster& cluster);

  const std::string& address() const { return address_; }  // HOST:PORT
  Process& process() { return process_; }

 private:
  std::string address_;
  Process process_;
};

}  // namespace tandem::e2e
