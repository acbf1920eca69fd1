#include "master/forward/stream/h1_stream.hpp"

#include <algorithm>

#include "common/base/clock.hpp"

namespace tandem::master {

bool H1Stream::begin_read(Buffer& into, BufferPool* pool) {
  return reading_.emplace(connection_, into, pool).await_ready();
}

void H1Stream::wait_to_read(std::coroutine_handle<> waiter) { reading_->await_suspend(waiter); }

void H1Stream::trust_to_leave() {
  is_trusted_to_leave_ = true;
  connection_.socket().notice_dead_host();
}

Instant H1Stream::pinged_at() const { return is_trusted_to_leave_ ? now() : Instant(); }

IoResult H1Stream::end_read() { return reading_->await_resume(); }

bool H1Stream::begin_send(const Part& part) {
  const auto frame = writer_.frame(part.content.size(), part.last, part.trailers);
  pieces_ = {part.head, frame.prefix, part.content, frame.suffix};
  wrote_ = connection_.write_now(pieces_);
  std::size_t total = 0;
  for (const auto& piece : pieces_) total += piece.size();
  return !wrote_.ok() || wrote_.bytes == total;
}

Task<> H1Stream::send_rest() {
  auto writing = write_rest(connection_, pieces_, wrote_.bytes);
  wrote_ = co_await writing;
}

MessageStream::Sent H1Stream::sent() const {
  const auto before = pieces_[0].size() + pieces_[1].size();
  const auto behind_them = wrote_.bytes - std::min(wrote_.bytes, before);
  return {.error = wrote_.error,
          .begun = wrote_.bytes > 0,
          .content = std::min(pieces_[2].size(), behind_them)};
}

bool H1Stream::is_gone(bool may_probe) {
  switch (connection_.peer()) {
    case ByteStream::Peer::there: return false;
    case ByteStream::Peer::gone: return true;
    case ByteStream::Peer::sends_no_more: break;
  }
  if (!may_probe || std::exchange(probed_, true)) return false;
  return !connection_.offer("HTTP/1.1 100 Continue\r\n\r\n");
}

}  // namespace tandem::master
