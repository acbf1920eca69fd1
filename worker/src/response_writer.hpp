// response_writer.hpp: sends exactly one response of what cpp-httplib writes, no more and no less.
//
// A handler may say a length and write another, give a 204 a body, put a line break into a field,
// or stream without any framing; cpp-httplib writes it all down, and goes on with the next request
// on the same connection. So what leaves is read here as a client would read it: the head by the
// grammar of common/http1, the body by the framing that it announces. A response that cannot be
// right ends the connection, and its head says so where that is still possible.
//
// A head that announces a body of known length waits for its first bytes: one packet.
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

  // For the next response. `closes`: the connection ends after it, whatever happens.
  void begin(bool to_head, bool closes);
  // From now on the connection ends after this response; said in its head unless that is out.
  void close_after() { closes_ = true; }
  bool closes() const { return closes_; }

  // What cpp-httplib writes: a head in one piece, then the body. False: the connection is broken.
  bool write(std::string_view bytes);
  // Our own answer instead of a handler's, as an error document; nothing is taken from write()
  // any more. REQUIRES: !started()
  bool refuse(const Refusal& refusal);
  bool send_continue();

  // A head has been written: another answer would come too late.
  bool started() const { return state_ != State::head; }
  // Sends what waits. `whole`: cpp-httplib has written the whole response. True: the response is
  // complete, and another may follow on the connection.
  bool finish(bool whole);
  // After finish(): what was sent could be taken for the whole, and is not.
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
