// h2_raw_worker.hpp: one connection of a worker that speaks HTTP/2, frame by frame, on the thread
// of an Origin's script: what it says is the test's to say, right or wrong.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "h2_frames.hpp"
#include "raw_socket.hpp"

namespace tandem::test {

class H2RawWorker {
 public:
  using Settings = std::initializer_list<std::pair<std::uint16_t, std::uint32_t>>;

  // Reads the preface and says those settings.
  explicit H2RawWorker(RawSocket& socket, Settings settings = {});

  // Whether PINGs are answered as they are read; they are, until told otherwise.
  void answer_pings(bool answers) { answers_pings_ = answers; }
  // The same of SETTINGS that come later than the first.
  void acknowledge_settings(bool acknowledges) { acknowledges_settings_ = acknowledges; }
  // The next frame that is neither SETTINGS nor WINDOW_UPDATE, nor a PING that was answered.
  h2::Frame next();
  // The next frame that is no WINDOW_UPDATE, and acknowledges nothing.
  h2::Frame next_of_all();
  // The next one of that type; others are passed over.
  h2::Frame await(std::uint8_t type);
  // The stream of the next request; its head is fields().
  std::int32_t await_request();
  const h2::Fields& fields() const { return fields_; }
  // Of the last request; empty when it has none of that name.
  std::string field(std::string_view name) const;
  // Names in it that must never be indexed.
  const std::vector<std::string>& never_indexed() const { return decoder_.never_indexed(); }

  void send(std::string_view bytes) { socket_.send(bytes); }
  void answer(std::int32_t stream, std::string_view body, const h2::Fields& more = {});
  // Reads and throws away until the master closes the connection; the code of its GOAWAY, or -1.
  int drain();

 private:
  RawSocket& socket_;
  h2::Decoder decoder_;
  h2::Fields fields_;
  bool answers_pings_ = true;
  bool acknowledges_settings_ = true;
  bool settings_seen_ = false;
};

}  // namespace tandem::test
