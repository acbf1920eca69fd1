// connection.hpp: one TCP connection to a master, every wait on which ends at a deadline.
//
// Owner: the thread whose call uses it; between calls, the pool.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"

namespace tandem::client {

class Connection {
 public:
  // Looks a host name up first, which blocks. Errors: `unavailable` (refused, unreachable, no such
  // host), `timed_out`.
  static Result<Connection> open(const Endpoint& endpoint, Instant deadline);

  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;
  ~Connection();

  enum class Sent { all, some, none };
  struct SendOutcome {
    Sent sent = Sent::none;  // what may have reached the other side
    bool timed_out = false;
  };
  // Sends both, one after the other. Stops early when the other side answers before it has taken
  // everything.
  SendOutcome send(std::string_view head, std::string_view body, Instant deadline);

  enum class Received { some, end, broken, timed_out };
  // Appends what has come to `buffer`, at least a byte with `some`.
  Received receive(std::string& buffer, Instant deadline);

  // Nothing has come and the other side has not closed: fit for another request.
  bool is_quiet() const;

 private:
  explicit Connection(int socket) : socket_(socket) {}
  int socket_ = -1;
};

}  // namespace tandem::client
