// h1_stream.hpp: messages of HTTP/1, one after the other on a connection that each has alone.
//
// Head, framing and content leave in one system call. A peer that is gone is noticed by asking its
// connection: a reset or broken one is gone. A FIN alone says only that it will send no more: it
// may have shut down one direction and still wait (RFC 9112 §9.6), or have closed; TCP does not
// tell which until it is sent something. So such a client is sent one 100 Continue, which every
// HTTP/1.1 client must be able to ignore (RFC 9110 §15.2.1); the system of one that has closed
// answers with a reset, which the next look finds. Owner: the connection, for one request.
#pragma once

#include <array>

#include "master/forward/io/byte_stream.hpp"
#include "master/forward/stream/message_stream.hpp"

namespace tandem::master {

class H1Stream final : public MessageStream {
 public:
  // `connection` outlives it.
  explicit H1Stream(ByteStream& connection) : connection_(connection) {}

  Framing body_framing(Framing framing) const override { return framing; }
  void frame_content(Framing framing) override { writer_.set_framing(framing); }
  std::uint64_t acknowledged() override { return connection_.acknowledged_bytes(); }
  void become_tunnel() override { frame_content(Framing::until_close); }
  void shutdown_send() override { connection_.shutdown_send(); }
  void cancel() override { connection_.cancel(); }
  void close() override { connection_.close(); }
  void break_off() override { connection_.reset(); }
  bool is_gone(bool may_probe) override;
  void trust_to_leave() override;
  Instant pinged_at() const override;

 private:
  bool begin_read(Buffer& into, BufferPool* pool) override;
  void wait_to_read(std::coroutine_handle<> waiter) override;
  IoResult end_read() override;
  bool begin_send(const Part& part) override;
  Task<> send_rest() override;
  Sent sent() const override;

  ByteStream& connection_;
  std::optional<ReadSome> reading_;
  BodyWriter writer_;
  std::array<std::string_view, 4> pieces_;  // of the part that is being sent
  IoResult wrote_;                          // of it
  bool probed_ = false;
  bool is_trusted_to_leave_ = false;
};

}  // namespace tandem::master
