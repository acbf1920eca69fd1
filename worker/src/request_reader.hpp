// request_reader.hpp: reads successive requests from a connection, with the masters' parser.
//
// If a master and a worker read a request differently, the answers of all later requests on their
// connection would be shifted. So both use common/http1, and refuse the same requests with the same
// status. The content that cpp-httplib gets has a known length, or ends where the body ends.
//
// Each byte of content is counted against a limit before it is stored.
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

  // Waits for the rest of a head whose first byte has arrived. `refused`: see refusal(), then
  // close. `gone`: the caller has left in the middle of the head.
  Head read_head();
  // REQUIRES: before begin_body(), after which the bytes that it points into may move.
  const RequestHead& head() const { return head_; }

  // Ends the use of the head. Content beyond `content_bytes_max` is refused.
  void begin_body(std::uint64_t content_bytes_max);
  // Reads content, at most as much as `into` holds; 0 at the end of the body; -1 when it is
  // malformed, too long, too slow or cut off: see refusal().
  std::ptrdiff_t read_content(std::span<char> into);
  // Reads all content; false means the same as -1 above.
  bool read_all(std::string& content);
  // Discards the content, waiting for at most `bytes_max` of it.
  void drop_content(std::uint64_t bytes_max);

  // The body has been read to its end.
  bool done() const { return body_.done(); }
  // The same, after discarding the content that has arrived.
  bool consumed();
  // There is a body, and nothing of it has arrived.
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
