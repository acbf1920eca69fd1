// entrance.hpp: where a client has come in: one of the addresses of --listen and --listen-tls.
#pragma once

#include <string>

namespace tandem::master {

struct Entrance {
  std::string port;  // as text
  bool tls = false;  // clients speak TLS there
  // Where clients are sent that ask for something without TLS, with --redirect-to-https.
  std::string https_port{};
};

}  // namespace tandem::master
