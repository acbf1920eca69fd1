// response_writer.hpp: sends exactly one response from cpp-httplib's output.
//
// A handler may announce one length and write another, give a 204 a body, put a line break into a
// field, or stream without any framing; cpp-httplib sends all of this, and continues with the next
// request on the same connection. So the output is parsed here as a client would parse it: the head
// with the grammar of common/http1, the body with the framing that it announces. An invalid
// response ends the connection, and its head says so if it has not been sent yet.
//
// A head that announces a body of known length is held until the first bytes of the body, so that
// both leave in one packet.
//
// Owner: the thread that serves the connection.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/http1/http_head.hpp"
#include "worker/src/connection_io.hpp"

namespace tandem {

class ResponseWriter {
 public:
  explicit ResponseWriter(ConnectionIo& io) : io_(io) {}

  // Begins the next response. `closes`: the connection ends after it in any case.
  void begin(bool to_head, bool closes);
  // The connection will end after this response; its head says so unless it has been sent already.
  void close_after() { closes_ = true; }
  bool closes() const { return closes_; }

  // Takes cpp-httplib's output: a head in one piece, then the body. False: the connection is
  // broken.
  bool write(std::string_view bytes);
  // Sends our own answer in place of a handler's, as an error document; write() then ignores its
  // input. REQUIRES: !started()
  bool refuse(const Refusal& refusal);
  bool send_continue();

  // A head has been written: it is too late for another answer.
  bool started() const { return state_ != State::head; }
  // Sends what is held. `whole`: cpp-httplib has written the complete response. True: the response
  // is complete, and another may follow on the connection.
  bool finish(bool whole);
  // Valid after finish(): what was sent is incomplete, but could be taken for a complete response.
  bool misleads() const { return misleads_; }

 private:
  enum class State : std::uint8_t { head, body, done };

  bool write_head(std::string_view head);
  bool write_body(std::string_view bytes);
  void begin_body();

  ConnectionIo& io_;
  ResponseHead head_;
  State state_ = State::head;
  std::uint64_t left_ = 0;  // of a body of known length
  std::string held_;        // a head that waits for the first bytes of its body
  bool to_head_ = false;
  bool closes_ = false;
  bool broken_ = false;
  bool misleads_ = false;
};

}  // namespace tandem
