// h2_client.hpp: a client that speaks HTTP/2 to a gateway, frame by frame, and remembers what came
// for which stream.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "h2_frames.hpp"
#include "raw_socket.hpp"

namespace tandem::test {

class H2Client {
 public:
  // What has come of one answer.
  struct Answer {
    h2::Fields head;
    std::vector<h2::Fields> interim;
    std::string body;
    h2::Fields trailers;
    std::vector<std::string> never_indexed;  // names in the head and trailers
    bool ended = false;                  // by END_STREAM
    std::optional<std::uint32_t> reset;  // the code of RST_STREAM
    unsigned status() const;
    // Of the head; empty when there is none.
    std::string field(std::string_view name) const;
  };

  // Sends the preface and `settings`.
  explicit H2Client(std::uint16_t port,
                    std::initializer_list<std::pair<std::uint16_t, std::uint32_t>> settings = {});

  // On a connection that is there already.
  explicit H2Client(RawSocket socket,
                    std::initializer_list<std::pair<std::uint16_t, std::uint32_t>> settings = {});

  // Any bytes.
  void send(std::string_view bytes) { socket_.send(bytes); }
  // A request, and its stream; without `last` its content is to follow.
  std::int32_t ask(const h2::Fields& fields, bool last = true);
  // One whose content comes in the same segment.
  std::int32_t ask_with(const h2::Fields& fields, std::string_view content);
  // The whole content of one, as fast as credit for it comes.
  void send_body(std::int32_t stream, std::string_view body);
  // A request, and its whole answer.
  Answer get(std::string_view path, const h2::Fields& more = {});
  // Reads until the answer has ended or was reset.
  const Answer& finish(std::int32_t stream);
  // Reads until the answer's head has come.
  const Answer& head_of(std::int32_t stream);
  // Reads until so many interim answers have come.
  const Answer& interim_of(std::int32_t stream, std::size_t count);
  // Reads until the stream is reset, whatever comes before; the code.
  std::uint32_t reset_of(std::int32_t stream);
  // Reads until so much of the answer's body has come, or it has ended.
  const Answer& body_of(std::int32_t stream, std::size_t bytes);
  const Answer& answer(std::int32_t stream) { return answers_[stream]; }
  // Reads until the connection ends; the code of GOAWAY, if there was one.
  std::optional<std::uint32_t> finish();
  // Sends a PING and reads until it is answered.
  void await_pong();
  // Reads until a GOAWAY has come.
  std::vector<h2::Frame> await_goaway();

  // Whether credit is given for content as it comes; it is, until told otherwise.
  void give_credit(bool gives) { gives_credit_ = gives; }
  RawSocket& socket() { return socket_; }

 private:
  void read_frame();
  void take(const h2::Frame& frame);

  RawSocket socket_;
  h2::Decoder decoder_;
  std::map<std::int32_t, Answer> answers_;
  std::vector<h2::Frame> goaways_;
  std::string ponged_;                           // by the last answer to a PING
  std::int64_t window_ = 65'535;                 // of the connection
  std::int64_t initial_window_ = 65'535;         // of each stream
  std::map<std::int32_t, std::int64_t> credit_;  // of each stream, beyond that
  std::int32_t next_ = 1;
  bool gives_credit_ = true;
};

// The next frame from whoever speaks HTTP/2 there.
h2::Frame read_frame(RawSocket& socket);

}  // namespace tandem::test
