// h2_stream.hpp: a message of HTTP/2 both ways: one stream of a connection that others share.
//
// What arrives is kept until it is read, at most a stream's window of it, and the peer is given
// credit for what was read when more is asked for: by then it has been written onward. What is sent
// stays with its owner until the session has taken it, which the stream's window decides. A stream
// that its owner gives up is reset. Owner: who serves or opened the stream, on its loop.
#pragma once

#include <string>
#include <vector>

#include "master/forward/http/h2/session.hpp"
#include "master/forward/stream/head_text.hpp"
#include "master/forward/stream/message_stream.hpp"

namespace tandem::master {

// What the streams of one connection have in common.
class H2Link {
 public:
  H2Link(Reactor& io, BufferPool& buffers) : io_(io), buffers_(buffers) {}

  virtual h2::Session& session() = 0;
  // Something was submitted: it is sent soon, together with what others submit until then.
  virtual void want_send() = 0;
  Reactor& io() { return io_; }
  BufferPool& buffers() { return buffers_; }
  // For what is read and submitted at once.
  WrittenHead& head_scratch() { return head_scratch_; }
  std::vector<Field>& fields_scratch() { return fields_scratch_; }

 protected:
  ~H2Link() = default;

 private:
  Reactor& io_;
  BufferPool& buffers_;
  WrittenHead head_scratch_;
  std::vector<Field> fields_scratch_;
};

class H2Stream : public MessageStream {
 public:
  // The content is what read() delivers; a length that was announced was checked by the session.
  Framing body_framing(Framing framing) const override;
  bool is_at_end() const override { return ended_ && arrived_.empty(); }
  std::string_view trailers() const override { return trailers_; }
  const FieldNames* never_indexed() const override { return &never_indexed_; }
  void never_index(const FieldNames* names) override {
    if (names != nullptr) sent_never_indexed_.add(*names);
  }
  void frame_content(Framing) override {}
  WrittenHead* fields_to_send() override { return &link_->head_scratch(); }
  std::uint64_t acknowledged() override { return given_ - unsent(); }
  void become_tunnel() override {}
  void shutdown_send() override;
  void cancel() override;
  void close() override { reset(h2::ErrorCode::cancel); }
  void break_off() override { reset(h2::ErrorCode::cancel); }
  bool is_gone(bool) override { return stream_ == nullptr && !closed_cleanly_; }
  Instant pinged_at() const override { return link_->session().pinged_at(); }
  std::optional<std::uint32_t> reset_code() const override {
    if (!closure_.by_peer) return std::nullopt;
    return static_cast<std::uint32_t>(closure_.code);
  }

  // ---- what the session says of it
  void on_content(std::string_view bytes);
  void on_trailers(const h2::Head& trailers);
  void on_end();
  void on_sent();
  void on_closed(const h2::Stream& stream, const h2::Closure& closure);

  // Ends it at once, unless it has ended.
  void reset(h2::ErrorCode code);
  // The peer's message is here as a whole.
  bool has_ended() const { return ended_; }
  // Content that has not been read yet.
  std::string_view arrived() const { return arrived_.view(); }
  // Its owner ends before the session has sent all that was submitted.
  void let_go();
  // The session knows it no more.
  bool is_closed() const { return stream_ == nullptr; }
  // How it was closed, once it is.
  const h2::Closure& closure() const { return closure_; }

 protected:
  explicit H2Stream(H2Link& link) : link_(&link) {}
  ~H2Stream();

  // From now on it is this stream of the session.
  void attach(h2::Stream& stream);
  // `ends`: nothing is to follow what has arrived.
  void note_end() { ended_ = true; }
  // Submits a head, which opens the stream where that is the client's to do, and uses `head` up.
  // False: it cannot be.
  virtual bool submit_head(WrittenHead& head, bool last) = 0;
  // Of the messages that leave here.
  virtual void read_text(std::string_view text, WrittenHead& head) const = 0;

  H2Link& link() const { return *link_; }
  // REQUIRES: it has no stream yet
  void rebind(H2Link& link) { link_ = &link; }
  // Of such text, what nobody has read yet.
  std::size_t unread_text() const { return text_; }
  // What arrives as text that the session has made: the peer needs no credit for it. Before any
  // content.
  void on_text(std::string_view text);
  // The same without a copy: the buffer of a reader that waits with nothing in it, where that has
  // room for `bytes`. Null: there is none. What is appended is the reader's with note_text().
  Buffer* room_for_text(std::size_t bytes);
  void note_text();
  // How fields of a head that has arrived are to be sent onward.
  void note_never_indexed(const h2::Head& head);
  // Of the fields that leave here; for the session.
  const FieldNames* sent_never_indexed() const { return &sent_never_indexed_; }

  h2::Stream* stream_ = nullptr;  // null: not opened yet, or closed

 private:
  H2Link* link_;

  bool begin_read(Buffer& into, BufferPool* pool) override;
  void wait_to_read(std::coroutine_handle<> waiter) override;
  IoResult end_read() override {
    into_ = nullptr;
    return read_;
  }
  bool begin_send(const Part& part) override;
  bool wait_to_send(std::coroutine_handle<> waiter) override {
    sender_ = waiter;
    return true;
  }
  Task<> send_rest() override;
  Sent sent() const override { return sent_; }

  std::size_t unsent() const { return stream_ == nullptr ? lost_ : stream_->unsent(); }
  std::size_t deliver(std::string_view bytes);
  void finish_read(ErrorCodeOs error);
  void finish_send(ErrorCodeOs error);
  ErrorCodeOs end_of_reading() const;
  void give_credit();

  // reading
  Buffer arrived_;          // and not read yet
  std::string trailers_;    // that have arrived, as lines
  FieldNames never_indexed_;
  Buffer* into_ = nullptr;  // of the reader that waits, or is about to be resumed
  BufferPool* pool_ = nullptr;
  std::coroutine_handle<> reader_;
  IoResult read_;
  std::size_t text_ = 0;  // bytes of what has arrived and was not read, in front
  std::size_t owed_ = 0;  // bytes that were read and the peer has no credit for
  bool ended_ = false;
  // sending
  FieldNames sent_never_indexed_;
  std::coroutine_handle<> sender_;
  Sent sent_;
  std::size_t offered_ = 0;  // bytes of the part that is being sent
  std::uint64_t given_ = 0;  // bytes of all parts so far
  std::size_t lost_ = 0;     // of them when the stream was closed
  bool sends_ = false;       // some of the part waits to be taken
  // both
  h2::Closure closure_;
  bool closed_cleanly_ = false;
};

}  // namespace tandem::master
