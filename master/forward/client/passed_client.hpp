// passed_client.hpp: a client connection that leaves this process for the one that takes its place,
// or comes from the one before.
//
// All of its state is the socket, whose client it is, and what its first bytes have said already:
// whatever else has arrived is still in the kernel. So only connections without TLS can be passed
// on, while no request is under way and nothing of one has been read.
#pragma once

#include <memory>
#include <string>

#include "common/base/held_socket.hpp"
#include "master/forward/client/entrance.hpp"
#include "master/forward/io/socket_io.hpp"

namespace tandem::master {

// What the PROXY protocol has told of the client's connection to whoever has passed it on.
struct FrontConnection {
  std::string port{};         // where the client had come to; empty: unknown
  bool tls = false;           // which has ended there
  std::string version{};      // of TLS; empty: unknown
  std::string certificate{};  // as X-Forwarded-Client-Cert has it; empty: none was shown
};

// What is known of a connection when it begins to be served.
struct Arrival {
  TcpEndpoint peer{};            // or whom the PROXY protocol has named
  bool has_proxy_header = true;  // it may begin with one; false: it was read
  bool is_heard = false;         // it has said something: it does not speak HTTP/2 any more
  std::shared_ptr<const FrontConnection> front{};  // null: nothing of it was told
};

struct PassedClient {
  HeldSocket socket;
  Arrival arrival{};
  unsigned entrance = 0;  // the number of the address where it came in
};

}  // namespace tandem::master
