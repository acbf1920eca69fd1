// nginx.hpp: a real nginx that serves a directory, as an ordinary user, with all its files in the
// test's.
#pragma once

#include <string>

#include "tests/e2e/harness/process.hpp"

namespace tandem::e2e {

class Nginx {
 public:
  static bool is_installed() { return installed("nginx").has_value(); }

  // Starts it and waits until it answers. REQUIRES: is_installed()
  Nginx(const TempDir& dir, const std::string& name, const std::string& served);

  const std::string& address() const { return address_; }  // HOST:PORT
  Process& process() { return process_; }

 private:
  std::string address_;
  Process process_;
};

}  // namespace tandem::e2e
