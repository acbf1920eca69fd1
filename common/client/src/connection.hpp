// connection.hpp: one connection to a master, of TCP alone or with TLS over it.
//
// Owner: the thread whose call uses it; between calls, the pool.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/client/src/client_tls.hpp"
#include "common/client/src/wait.hpp"
#include "common/tls/openssl.hpp"

namespace tandem::client {

class Connection {
 public:
  // Looks a host name up first, which blocks. `tls`: null: in clear. Errors: `unavailable`
  // (refused, unreachable, no such host, a handshake that fails), `timed_out`.
  static Result<Connection> open(const Endpoint& endpoint, Instant deadline,
                                 const ClientTls* tls = nullptr);

  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;
  ~Connection();

  enum class Sent {
    all,
    answered,  // stopped: the other side answers before it has read everything
    broken,
    late,  // as Wait says it
    dead,
  };
  struct SendOutcome {
    Sent end = Sent::all;
    bool any = false;  // a byte may have reached the other side
  };
  // Sends the head, then the body.
  SendOutcome send(std::string_view head, std::string_view body, Wait& wait);

  enum class Received { some, end, broken, late, dead };
  // Appends received bytes to `buffer`, at least one if the result is `some`; `late` also at
  // `until`.
  Received receive(std::string& buffer, Wait& wait, Instant until = Instant::forever());

  // Something can be received, even if it is the end of the stream.
  bool has_input() const;
  // No bytes have come and the other side has not closed: usable for another request.
  bool is_quiet() const;

 private:
  explicit Connection(int socket) : socket_(socket) {}

  Result<> secure(const Endpoint& endpoint, const ClientTls& tls, Instant deadline);
  // As send(2) and recv(2) have it: -1 and errno, which is EAGAIN where TLS wants something first:
  // what that is, is in `wanted`, for poll(2).
  ssize_t write(std::string_view head, std::string_view body, short& wanted);
  ssize_t read(char* into, std::size_t size, short& wanted);

  int socket_ = -1;
  tls::SslPtr ssl_;  // null: in clear
};

}  // namespace tandem::client
