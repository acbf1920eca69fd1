#include "h2_client.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <stdexcept>

namespace tandem::test {

namespace {

constexpr std::size_t frame_head_bytes = 9;

std::string value_of(const h2::Fields& fields, std::string_view name) {
  for (const auto& [known, value] : fields) {
    if (known == name) return value;
  }
  return {};
}

// The payload without padding and priority.
std::string_view inner(const h2::Frame& frame) {
  std::string_view payload = frame.payload;
  if (frame.has(h2::padded)) {
    const auto padding = static_cast<unsigned char>(payload.at(0));
    payload = payload.substr(1, payload.size() - 1 - padding);
  }
  return payload;
}

}  // namespace

unsigned H2Client::Answer::status() const {
  const auto text = value_of(head, ":status");
  return text.empty() ? 0u : static_cast<unsigned>(std::stoul(text));
}

std::string H2Client::Answer::field(std::string_view name) const { return value_of(head, name); }

H2Client::H2Client(std::uint16_t port,
                   std::initializer_list<std::pair<std::uint16_t, std::uint32_t>> settings)
    : H2Client(RawSocket::connect(port), settings) {}

H2Client::H2Client(RawSocket socket,
                   std::initializer_list<std::pair<std::uint16_t, std::uint32_t>> settings)
    : socket_(std::move(socket)) {
  // Credit and the next request are two writes: the second would wait 40 ms for an acknowledgement.
  const int on = 1;
  setsockopt(socket_.descriptor(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  send(std::string(h2::preface) + h2::settings(settings));
}

std::int32_t H2Client::ask(const h2::Fields& fields, bool last) {
  const auto stream = next_;
  next_ += 2;
  send(h2::headers(stream, h2::block(fields), last ? h2::end_stream : h2::no_flags));
  return stream;
}

std::int32_t H2Client::ask_with(const h2::Fields& fields, std::string_view content) {
  const auto stream = next_;
  next_ += 2;
  window_ -= static_cast<std::int64_t>(content.size());
  send(h2::headers(stream, h2::block(fields)) + h2::data(stream, content, h2::end_stream));
  return stream;
}

void H2Client::send_body(std::int32_t stream, std::string_view body) {
  while (!body.empty()) {
    const auto room = std::min(window_, initial_window_ + credit_[stream]);
    if (room <= 0) {
      read_frame();
      continue;
    }
    const auto piece =
        body.substr(0, std::min<std::size_t>(static_cast<std::size_t>(room), 16'384));
    body.remove_prefix(piece.size());
    window_ -= static_cast<std::int64_t>(piece.size());
    credit_[stream] -= static_cast<std::int64_t>(piece.size());
    send(h2::data(stream, piece, body.empty() ? h2::end_stream : h2::no_flags));
  }
}

H2Client::Answer H2Client::get(std::string_view path, const h2::Fields& more) {
  auto fields = h2::get_with(":path", path);
  fields.insert(fields.end(), more.begin(), more.end());
  return finish(ask(fields));
}

const H2Client::Answer& H2Client::finish(std::int32_t stream) {
  auto& answer = answers_[stream];
  while (!answer.ended && !answer.reset) read_frame();
  return answer;
}

const H2Client::Answer& H2Client::head_of(std::int32_t stream) {
  auto& answer = answers_[stream];
  while (answer.head.empty() && !answer.reset) read_frame();
  return answer;
}

const H2Client::Answer& H2Client::interim_of(std::int32_t stream, std::size_t count) {
  auto& answer = answers_[stream];
  while (answer.interim.size() < count && !answer.ended && !answer.reset) read_frame();
  return answer;
}

std::uint32_t H2Client::reset_of(std::int32_t stream) {
  auto& answer = answers_[stream];
  while (!answer.reset) read_frame();
  return *answer.reset;
}

const H2Client::Answer& H2Client::body_of(std::int32_t stream, std::size_t bytes) {
  auto& answer = answers_[stream];
  while (answer.body.size() < bytes && !answer.ended && !answer.reset) read_frame();
  return answer;
}

std::optional<std::uint32_t> H2Client::finish() {
  try {
    for (;;) read_frame();
  } catch (const std::runtime_error&) {
  }
  if (goaways_.empty()) return std::nullopt;
  return goaways_.back().number(4);
}

std::vector<h2::Frame> H2Client::await_goaway() {
  const auto known = goaways_.size();
  while (goaways_.size() == known) read_frame();
  return goaways_;
}

void H2Client::await_pong() {
  constexpr std::string_view asked = "anybody?";
  ponged_.clear();
  send(h2::ping(asked));
  while (ponged_ != asked) read_frame();
}

void H2Client::read_frame() { take(test::read_frame(socket_)); }

void H2Client::take(const h2::Frame& frame) {
  switch (frame.type) {
    case h2::settings_type:
      if (frame.has(h2::ack)) break;
      for (std::size_t at = 0; at + 6 <= frame.payload.size(); at += 6) {
        const auto id = static_cast<unsigned char>(frame.payload[at + 1]);
        if (id == h2::initial_window_size) initial_window_ = frame.number(at + 2);
      }
      send(h2::settings_ack());
      break;
    case h2::window_update_type:
      (frame.stream == 0 ? window_ : credit_[frame.stream]) += frame.number();
      break;
    case h2::ping_type:
      if (frame.has(h2::ack)) {
        ponged_ = frame.payload;
      } else {
        send(h2::ping(frame.payload, h2::ack));
      }
      break;
    case h2::goaway_type: goaways_.push_back(frame); break;
    case h2::rst_stream_type: answers_[frame.stream].reset = frame.number(); break;
    case h2::headers_type: {
      auto& answer = answers_[frame.stream];
      auto fields = decoder_.decode(inner(frame));
      const auto status = value_of(fields, ":status");
      if (status.size() == 3 && status[0] == '1') {
        answer.interim.push_back(std::move(fields));
      } else {
        (answer.head.empty() ? answer.head : answer.trailers) = std::move(fields);
        for (const auto& name : decoder_.never_indexed()) answer.never_indexed.push_back(name);
      }
      answer.ended = frame.has(h2::end_stream);
      break;
    }
    case h2::data_type: {
      auto& answer = answers_[frame.stream];
      answer.body += inner(frame);
      answer.ended = frame.has(h2::end_stream);
      const auto size = static_cast<std::uint32_t>(frame.payload.size());
      if (gives_credit_ && size > 0) {
        send(h2::window_update(0, size));
        if (!answer.ended) send(h2::window_update(frame.stream, size));
      }
      break;
    }
    default: break;
  }
}

h2::Frame read_frame(RawSocket& socket) {
  auto bytes = socket.read_exactly(frame_head_bytes);
  const auto at = [&](int i) { return static_cast<std::size_t>(bytes[i] & 0xff); };
  bytes += socket.read_exactly(at(0) << 16 | at(1) << 8 | at(2));
  return h2::take_frames(bytes).front();
}

}  // namespace tandem::test
