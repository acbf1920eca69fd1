// message_stream.hpp: a request and its response at one end, a client or a worker, whatever
// protocol it speaks.
//
// Heads that arrive are HTTP/1.1 text on this side of the seam, whatever they are on the wire: they
// were laid out as text and are read by the one strict reader (RequestHead, ResponseHead). What
// leaves is given to send() as the head writer made it: as text, or as fields to a stream that
// takes_fields(). So there is one reading of a message, and one place that decides what a gateway
// passes on; a stream changes the syntax alone. Bodies are
// content, without the framing of the wire, but for what read() delivers: body_framing() says how
// that is to be read.
//
// One read and one send may be under way at a time. What can be done at once is done at once and
// makes no coroutine. Owner: the connection, for as long as the exchange runs.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/base/time.hpp"
#include "common/http1/body_framing.hpp"
#include "common/http1/field_names.hpp"
#include "common/http1/http_head.hpp"
#include "master/forward/http/written_head.hpp"
#include "master/forward/io/buffer.hpp"
#include "master/forward/io/reactor.hpp"
#include "master/forward/io/task.hpp"

namespace tandem::master {

class MessageStream {
 public:
  MessageStream(const MessageStream&) = delete;
  MessageStream& operator=(const MessageStream&) = delete;

  // ---- what arrives
  // co_await: what has arrived, into the buffer's free room; the caller commits it.
  // asio::error::eof is the end of the message, or of the connection. `pool` as in ReadSome.
  class Reading {
   public:
    Reading(MessageStream& stream, Buffer& into, BufferPool* pool)
        : stream_(stream), ready_(stream.begin_read(into, pool)) {}
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

    bool await_ready() const { return ready_; }
    void await_suspend(std::coroutine_handle<> waiter) { stream_.wait_to_read(waiter); }
    IoResult await_resume() { return stream_.end_read(); }

   private:
    MessageStream& stream_;
    const bool ready_;
  };
  Reading read(Buffer& into) { return {*this, into, nullptr}; }
  Reading read(Buffer& into, BufferPool& pool) { return {*this, into, &pool}; }
  // How the body is to be read that the head announces with `framing`; until_close: the bytes are
  // content, and the body ends with them.
  virtual Framing body_framing(Framing framing) const = 0;
  // All of the message has arrived and was read: the next read would say so.
  virtual bool is_at_end() const { return false; }
  // Of a body that is until_close, once it has ended: as BodyReader::trailers().
  virtual std::string_view trailers() const { return {}; }
  // Fields of the head and trailers so far that came as never to be indexed (RFC 7541 §7.1.3).
  // Null: the protocol has none such.
  virtual const FieldNames* never_indexed() const { return nullptr; }

  // ---- what leaves
  // Of a message: whatever is not empty leaves in this order, in one system call if possible.
  struct Part {
    std::string_view head{};      // as the head writer made it, whole
    WrittenHead* fields{};        // instead of the text: fields_to_send(); null: none
    std::string_view content{};   // of the body
    bool last = false;            // the body, and so the message, ends here
    std::string_view trailers{};  // with `last`: lines with CRLF
  };
  struct Sent {
    ErrorCodeOs error;
    bool begun = false;       // something was handed over: the peer may have seen it
    std::size_t content = 0;  // bytes of it that were

    bool ok() const { return !error; }
  };
  // Where the head that is sent next may be written as fields, without a pause between that and
  // send(), which uses it up. Null: the stream takes text.
  virtual WrittenHead* fields_to_send() { return nullptr; }
  // Tries at once: who finds it done() need not watch the time. The bytes live until it is.
  class Sending {
   public:
    Sending(MessageStream& stream, const Part& part)
        : stream_(stream), done_(stream.begin_send(part)) {}
    Sending(const Sending&) = delete;
    Sending& operator=(const Sending&) = delete;

    bool done() const { return done_; }
    bool await_ready() const { return done_; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter) {
      if (stream_.wait_to_send(waiter)) return std::noop_coroutine();
      rest_.emplace(stream_.send_rest());
      return rest_->await_suspend(waiter);
    }
    Sent await_resume() const { return stream_.sent(); }

   private:
    MessageStream& stream_;
    const bool done_;
    std::optional<Task<>> rest_;
  };
  Sending send(const Part& part) { return {*this, part}; }
  // Fields of these names are sent so from now on, where the protocol has that; others stay so.
  // Null: there are none.
  virtual void never_index(const FieldNames*) {}
  // How the content that follows is framed, where the protocol leaves that to the head.
  virtual void frame_content(Framing framing) = 0;
  // Bytes that the peer has taken so far, as far as that is known; never falls. May cost a system
  // call.
  virtual std::uint64_t acknowledged() = 0;

  // ---- both
  // The connection carries nothing but what both sides say from now on: both ways until_close.
  // REQUIRES: the answer that says so was sent or received, and the request has ended
  virtual void become_tunnel() = 0;
  // Nothing more is sent; the other direction goes on.
  virtual void shutdown_send() = 0;
  // Who waits for it is told operation_aborted.
  virtual void cancel() = 0;
  // The same, and nothing more can be read or sent.
  virtual void close() = 0;
  // The same, and the peer learns that this was not all; what is on its way to it may be lost.
  virtual void break_off() = 0;
  // The peer has gone. May cost a system call: asked only where somebody else has been waited for a
  // while. `may_probe`: no response has begun, and a client that has closed its sending direction
  // may be sent one 100 Continue to find out whether it is still there.
  virtual bool is_gone(bool may_probe) = 0;
  // The peer is another master, which waits for its own client and says when that is over by
  // leaving: it counts as one that asks, as long as its host answers. Costs a few system calls.
  virtual void trust_to_leave() {}
  // When the peer asked last whether this side is still there (PING); Instant(): never.
  virtual Instant pinged_at() const { return Instant(); }
  // The code with which the peer has ended this message alone (RST_STREAM); unset: it has not.
  virtual std::optional<std::uint32_t> reset_code() const { return std::nullopt; }

 protected:
  MessageStream() = default;
  ~MessageStream() = default;

  // True: the result is there.
  virtual bool begin_read(Buffer& into, BufferPool* pool) = 0;
  virtual void wait_to_read(std::coroutine_handle<> waiter) = 0;
  virtual IoResult end_read() = 0;
  // True: all of it was handed over, or that failed.
  virtual bool begin_send(const Part& part) = 0;
  // The stream resumes the waiter when the rest was handed over. False: send_rest() does it.
  virtual bool wait_to_send(std::coroutine_handle<>) { return false; }
  virtual Task<> send_rest() = 0;
  virtual Sent sent() const = 0;
};

}  // namespace tandem::master
