// connection.hpp: one TCP connection to a master.
//
// Owner: the thread whose call uses it; between calls, the pool.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/client/src/wait.hpp"

namespace tandem::client {

class Connection {
 public:
  // Looks a host name up first, which blocks. Errors: `unavailable` (refused, unreachable, no such
  // host), `timed_out`.
  static Result<Connection> open(const Endpoint& endpoint, Instant deadline);

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
  int socket_ = -1;
};

}  // namespace tandem::client
