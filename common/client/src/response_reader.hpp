// response_reader.hpp: one HTTP/1.1 response off a connection, whole or not at all.
#pragma once

#include <cstddef>

#include "common/base/time.hpp"
#include "common/client/src/connection.hpp"
#include "tandem/client.hpp"

namespace tandem::client {

enum class ReadEnd {
  whole,
  lost,       // closed or broken before its end
  timed_out,  // the deadline came first
  malformed,
  too_long,  // the body is longer than allowed
};

struct ReadOutcome {
  ReadEnd end = ReadEnd::lost;
  bool begun = false;     // a byte of it has come
  bool reusable = false;  // the connection can carry another request
};

// Interim responses (1xx) are passed over; a response that ends with the connection is whole then
// (RFC 9112 §6.3). With `too_long` the status is there.
ReadOutcome read_response(Connection& connection, bool to_head, std::size_t body_bytes_max,
                          Instant deadline, ClientResponse& response);

}  // namespace tandem::client
