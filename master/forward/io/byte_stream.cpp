#include "master/forward/io/byte_stream.hpp"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

namespace tandem::master {

namespace {

// One byte of what is there, which stays there; as recv(2) returns it.
ssize_t peek(int socket) {
  char byte;
  return recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
}

// Takes `count` bytes off the front; true when some are left. Not part of the coroutine: gcc 12
// keeps two counters of one in a vector register, and fills it from registers that were not
// restored.
[[gnu::noinline]] bool drop_front(std::array<std::string_view, 4>& pieces, std::size_t count) {
  bool left = false;
  for (auto& piece : pieces) {
    const auto done = std::min(count, piece.size());
    piece.remove_prefix(done);
    count -= done;
    left = left || !piece.empty();
  }
  return left;
}

}  // namespace

void ByteStream::reset() {
  const ::linger at_once{1, 0};
  setsockopt(socket_.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  socket_.close();
}

void ByteStream::expect_quiet(void (*function)(void*), void* context) {
  auto& descriptor = *socket_.descriptor();
  descriptor.on_stir = function;
  descriptor.keeper = context;
}

bool ByteStream::stays_quiet() {
  auto* const descriptor = socket_.descriptor();
  if (descriptor == nullptr || descriptor->ended) return false;
  const bool has_more = tls_ != nullptr && tls_->has_more();
  if (!descriptor->readable && !has_more) return true;
  descriptor->readable = !is_quiet();
  return !descriptor->readable;
}

bool ByteStream::is_quiet() {
  if (tls_ != nullptr) return is_open() && tls_->is_quiet();
  const auto got = peek(socket_.native_handle());
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

bool ByteStream::has_unread() {
  if (tls_ != nullptr) return is_open() && tls_->has_unread();
  return peek(socket_.native_handle()) > 0;
}

ByteStream::Peer ByteStream::peer() {
  pollfd look{socket_.native_handle(), POLLRDHUP, 0};
  const int found = ::poll(&look, 1, 0);
  if (found < 0) return Peer::there;
  if ((look.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) return Peer::gone;
  const bool has_ended = tls_ != nullptr && tls_->has_ended();
  return (look.revents & POLLRDHUP) != 0 || has_ended ? Peer::sends_no_more : Peer::there;
}

bool ByteStream::offer(std::string_view text) {
  if (tls_ != nullptr) return is_open() && tls_->offer(text);
  const std::array pieces{text};
  const IoResult wrote = write_now(pieces);
  return wrote.ok() && (wrote.bytes == 0 || wrote.bytes == text.size());
}

IoResult ByteStream::write_records(std::span<const std::string_view> pieces) {
  if (!is_open()) return {asio::error::bad_descriptor, 0};
  return tls_->write(pieces);
}

std::uint64_t ByteStream::acknowledged_bytes() {
  // As linux/tcp.h has it, which cannot be included beside netinet/tcp.h, where it ends before.
  struct {
    tcp_info known;
    std::uint64_t pacing_rate;
    std::uint64_t max_pacing_rate;
    std::uint64_t bytes_acked;
  } info{};
  static_assert(offsetof(decltype(info), bytes_acked) == 120);
  socklen_t size = sizeof info;
  getsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size);
  return info.bytes_acked;
}

bool ByteStream::has_unacknowledged() {
  int bytes = 0;
  return ::ioctl(socket_.native_handle(), SIOCOUTQ, &bytes) == 0 && bytes > 0;
}

bool ReadSome::read(Operation& operation, Descriptor& descriptor) {
  auto& self = static_cast<ReadSome&>(operation);
  auto& buffer = self.buffer_;
  const bool lends = !buffer.has_block();
  if (lends) buffer = self.pool_->borrow();
  self.result = read_now(descriptor, {buffer.free_begin(), buffer.free_size()});
  if (self.result.ok()) return true;
  if (lends) buffer.release();
  return self.result.error != asio::error::would_block;
}

bool ReadSome::read_records(Operation& operation, Descriptor&) {
  auto& self = static_cast<ReadSome&>(operation);
  auto& buffer = self.buffer_;
  const bool lends = !buffer.has_block();
  if (lends) buffer = self.pool_->borrow();
  self.result = self.tls_->read({buffer.free_begin(), buffer.free_size()});
  if (self.result.ok()) return true;
  if (lends) buffer.release();
  return self.result.error != asio::error::would_block;
}

Task<IoResult> write_rest(ByteStream& stream, std::array<std::string_view, 4> pieces,
                          std::size_t written) {
  IoResult total{{}, written};
  bool left = drop_front(pieces, written);
  while (left) {
    auto writable = wait_writable(stream.socket());
    const IoResult waited = co_await writable;
    total.error = waited.error;
    if (!waited.ok()) break;
    const IoResult step = stream.write_now(pieces);
    total.error = step.error;
    if (!step.ok()) break;
    total.bytes += step.bytes;
    left = drop_front(pieces, step.bytes);
  }
  co_return total;
}

}  // namespace tandem::master
