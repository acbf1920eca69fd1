// request_reader.hpp: reads one request after the other from a connection, with the masters'
// reader.
//
// What a master and a worker read differently would shift the answers of all later requests on
// their connection; so both read with common/http1, and what is refused there is refused here, with
// the same status. What cpp-httplib is given has a length that is known, or ends where the body
// ends.
//
// Every byte of content counts against a limit before it is kept.
//
// Owner: the thread that serves the connection. In this order: read_head(), begin_body(), then
// content until it ends.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "common/http1/body_framing.hpp"
#include "common/http1/http_head.hpp"
#include "worker/src/connection_io.hpp"

namespace tandem {

class RequestReader {
 public:
  enum class Head { complete, refused, gone };

  explicit RequestReader(ConnectionIo& io) : io_(io) {}

  // Waits for the rest of a head, of which a byte is here. `refused`: see refusal(), and close.
  // `gone`: the caller has left in the middle of it.
  Head read_head();
  // REQUIRES: before begin_body(), after which the bytes that it points into may move.
  const RequestHead& head() const { return head_; }

  // The head has been dealt with. Content beyond `content_bytes_max` is refused.
  void begin_body(std::uint64_t content_bytes_max);
  // Content, at most as much as `into` holds; 0 at the end of the body; -1 when it is not
  // well-formed, too long, too slow or cut off: see refusal().
  std::ptrdiff_t read_content(std::span<char> into);
  // All of it at once; false as -1 above.
  bool read_all(std::string& content);
  // Throws the content away; waits for at most `bytes_max` of it.
  void drop_content(std::uint64_t bytes_max);

  // The body has been read to its end.
  bool done() const { return body_.done(); }
  // The same, after throwing away what has arrived of it: nobody needs it any more.
  bool consumed();
  // Nothing of the body has arrived, and there is one.
  bool awaits_body() const { return !body_.done() && io_.view().empty(); }
  bool failed() const { return failed_; }
  const Refusal& refusal() const { return refusal_; }

 private:
  std::ptrdiff_t fail(unsigned status, const char* code, const char* message);
  std::ptrdiff_t receive_content(std::span<char> into);
  std::ptrdiff_t fail(ConnectionIo::Received received);
  bool count(std::size_t bytes);

  ConnectionIo& io_;
  RequestHead head_;
  BodyReader body_;
  std::uint64_t content_bytes_ = 0;
  std::uint64_t content_bytes_max_ = 0;
  Refusal refusal_;
  bool failed_ = false;
};

}  // namespace tandem
