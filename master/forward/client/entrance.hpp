// entrance.hpp: where clients have come in: one of the addresses of --listen, --listen-tls and
// --listen-inner, as
// one loop knows it. It outlives the address, for those who are still here.
#pragma once

#include <string>

namespace tandem::master {

struct Entrance {
  std::string port;    // as text
  bool tls = false;    // clients speak TLS there
  bool inner = false;  // other masters come there, with their clients' requests (--listen-inner)
  // The address is no longer one: every answer is the last of its connection.
  bool is_left = false;
  unsigned number = 0;  // of the address
};

}  // namespace tandem::master
