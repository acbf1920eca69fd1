// response_reader.hpp: reads one HTTP/1.1 response from a connection, first the head, then the body
// in pieces.
//
// At most one piece of the body (64 KiB) is held. Trailers are skipped (RFC 9110 §6.5.1).
//
// Owner: the thread that calls.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/client/src/connection.hpp"
#include "tandem/client.hpp"

namespace tandem::client {

enum class ReadEnd {
  whole,
  lost,  // closed or broken before its end
  late,  // as Wait says it
  dead,
  malformed,
  refused,  // the function that takes the body stopped it
};

// What came while waiting for an interim response.
enum class Interim {
  silent,    // nothing came until then
  go_on,     // 100 Continue
  answered,  // the final response has begun, or the connection has ended
};

class ResponseReader {
 public:
  // Both outlive it. `to_head`: it answers a HEAD request.
  ResponseReader(Connection& connection, Wait& wait, bool to_head);
  ~ResponseReader();

  // Waits for 100 Continue or the final response, at most until `until`.
  Interim await_continue(Instant until);

  // Reads the final response's head: status, reason and fields. Interim responses are skipped.
  ReadEnd read_head(ClientResponse& response);

  // Takes a piece of the body; false: no more of it.
  using Take = std::function<bool(std::string_view)>;
  // REQUIRES: read_head() succeeded. A response that is framed by the connection's end is complete
  // then (RFC 9112 §6.3).
  ReadEnd read_body(const Take& take);

  bool has_begun() const { return begun_; }  // a byte has come
  // The connection can carry another request. REQUIRES: the response is complete
  bool leaves_reusable() const;

 private:
  class Parser;

  ReadEnd advance(Instant until);

  Connection& connection_;
  Wait& wait_;
  const bool to_head_;
  std::unique_ptr<Parser> parser_;
  std::string pending_;  // received bytes that are not parsed yet
  int interim_ = 0;
  bool begun_ = false;
};

}  // namespace tandem::client
