#include "h2_raw_worker.hpp"

#include <stdexcept>

#include "h2_client.hpp"

namespace tandem::test {

H2RawWorker::H2RawWorker(RawSocket& socket, Settings settings) : socket_(socket) {
  socket_.read_until(h2::preface);
  send(h2::settings(settings) + h2::settings_ack());
}

h2::Frame H2RawWorker::next_of_all() {
  for (;;) {
    auto frame = read_frame(socket_);
    const bool acknowledges =
        (frame.type == h2::settings_type || frame.type == h2::ping_type) && frame.has(h2::ack);
    if (frame.type != h2::window_update_type && !acknowledges) return frame;
  }
}

h2::Frame H2RawWorker::next() {
  for (;;) {
    auto frame = next_of_all();
    if (frame.type == h2::settings_type) {
      // The first were acknowledged before they came.
      if (std::exchange(settings_seen_, true) && acknowledges_settings_) send(h2::settings_ack());
      continue;
    }
    if (frame.type == h2::ping_type && answers_pings_) {
      send(h2::ping(frame.payload, h2::ack));
      continue;
    }
    return frame;
  }
}

h2::Frame H2RawWorker::await(std::uint8_t type) {
  for (;;) {
    auto frame = next();
    // The table of heads is kept in step.
    if (frame.type == h2::headers_type) fields_ = decoder_.decode(frame.payload);
    if (frame.type == type) return frame;
  }
}

std::int32_t H2RawWorker::await_request() { return await(h2::headers_type).stream; }

std::string H2RawWorker::field(std::string_view name) const {
  for (const auto& [known, value] : fields_) {
    if (known == name) return value;
  }
  return {};
}

void H2RawWorker::answer(std::int32_t stream, std::string_view body, const h2::Fields& more) {
  h2::Fields fields{{":status", "200"}};
  fields.insert(fields.end(), more.begin(), more.end());
  send(h2::headers(stream, h2::block(fields)) + h2::data(stream, body, h2::end_stream));
}

int H2RawWorker::drain() {
  int code = -1;
  try {
    for (;;) {
      const auto frame = read_frame(socket_);
      if (frame.type == h2::goaway_type) code = static_cast<int>(frame.number(4));
    }
  } catch (const std::runtime_error&) {
    return code;
  }
}

}  // namespace tandem::test
