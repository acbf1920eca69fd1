// response_reader.hpp: one HTTP/1.1 response off a connection, head first, then its body in pieces.
//
// No more than a piece of the body is held, 64 KiB. Trailers are passed over (RFC 9110 §6.5.1).
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
  refused,  // who takes the body wants no more of it
};

// What is said of an interim response on the way to the final one.
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

  // Waits for word whether the body is wanted, until `until` at most.
  Interim await_continue(Instant until);

  // Up to the final response's head: status, reason and fields. Interim ones are passed over.
  ReadEnd read_head(ClientResponse& response);

  // Takes a piece of the body; false: no more of it.
  using Take = std::function<bool(std::string_view)>;
  // REQUIRES: read_head() ended well. A response that ends with the connection is whole then (RFC
  // 9112 §6.3).
  ReadEnd read_body(const Take& take);

  bool has_begun() const { return begun_; }  // a byte has come
  // The connection can carry another request. REQUIRES: it is whole
  bool leaves_reusable() const;

 private:
  class Parser;

  ReadEnd advance(Instant until);

  Connection& connection_;
  Wait& wait_;
  const bool to_head_;
  std::unique_ptr<Parser> parser_;
  std::string pending_;  // what has come and is not parsed
  int interim_ = 0;
  bool begun_ = false;
};

}  // namespace tandem::client
