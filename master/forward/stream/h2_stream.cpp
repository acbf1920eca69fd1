#include "master/forward/stream/h2_stream.hpp"

#include <algorithm>

#include <boost/asio/error.hpp>

#include "common/http1/field_text.hpp"
#include "master/forward/http/grpc.hpp"
#include "master/forward/http/h2/limits.hpp"
#include "master/forward/stream/head_text.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

// gRPC's PROTOCOL-HTTP2: a request ends with DATA, empty if need be; servers in Go wait for it.
bool must_end_by_content(const WrittenHead& head) {
  return head.status == 0 &&
         std::any_of(head.fields.begin(), head.fields.end(), [](const Field& field) {
           return field.kind == FieldKind::other &&
                  equal_ignoring_case(field.name, "content-type") && is_grpc_type(field.value);
         });
}

}  // namespace

H2Stream::~H2Stream() {
  TANDEM_ASSERT(!reader_ && !sender_);
  // Nobody serves it any more.
  reset(h2::ErrorCode::cancel);
}

void H2Stream::attach(h2::Stream& stream) {
  stream_ = &stream;
  stream.user = this;
  stream.never_indexed = &sent_never_indexed_;
}

Framing H2Stream::body_framing(Framing framing) const {
  return framing == Framing::chunked ? Framing::until_close : framing;
}

void H2Stream::reset(h2::ErrorCode code) {
  if (stream_ == nullptr) return;
  lost_ = stream_->unsent();
  link_->session().reset(*std::exchange(stream_, nullptr), code);
  link_->want_send();
  closure_ = {.code = code};
  finish_read(asio::error::connection_reset);
  finish_send(asio::error::connection_reset);
}

void H2Stream::let_go() {
  TANDEM_ASSERT(!sends_);
  if (stream_ == nullptr) return;
  stream_->user = nullptr;
  std::exchange(stream_, nullptr)->never_indexed = nullptr;
}

void H2Stream::cancel() {
  // The session must not take bytes that their owner is about to forget.
  if (sends_) {
    finish_send(asio::error::operation_aborted);
    reset(h2::ErrorCode::cancel);
  }
  finish_read(asio::error::operation_aborted);
}

// ---- reading

void H2Stream::give_credit() {
  const auto owed = std::exchange(owed_, 0);
  if (owed == 0 || stream_ == nullptr) return;
  link_->session().consume(*stream_, owed);
  link_->want_send();
}

ErrorCodeOs H2Stream::end_of_reading() const {
  return ended_ ? ErrorCodeOs(asio::error::eof) : ErrorCodeOs(asio::error::connection_reset);
}

bool H2Stream::begin_read(Buffer& into, BufferPool* pool) {
  read_ = {};
  give_credit();
  into_ = &into;
  pool_ = pool;
  if (!arrived_.empty()) {
    const auto room = into.has_block() ? into.free_size() : limits::h2_stream_window_bytes;
    const auto bytes = std::min(arrived_.size(), room);
    deliver(arrived_.view().substr(0, bytes));
    arrived_.consume(read_.bytes);
    if (arrived_.empty()) arrived_.release();
  } else if (ended_ || stream_ == nullptr) {
    read_.error = end_of_reading();
  } else {
    return false;
  }
  into_ = nullptr;
  return true;
}

void H2Stream::wait_to_read(std::coroutine_handle<> waiter) { reader_ = waiter; }

// Into the reader's buffer, behind what was delivered before it runs, as much as there is room for.
std::size_t H2Stream::deliver(std::string_view bytes) {
  if (!into_->has_block()) *into_ = pool_->borrow();
  const auto size = std::min(bytes.size(), into_->free_size() - read_.bytes);
  bytes.copy(into_->free_begin() + read_.bytes, size);
  read_.bytes += size;
  const auto text = std::min(size, text_);
  text_ -= text;
  owed_ += size - text;
  return size;
}

void H2Stream::finish_read(ErrorCodeOs error) {
  if (!reader_) return;
  read_.error = error;
  link_->io().resume_later(std::exchange(reader_, nullptr));
}

void H2Stream::on_content(std::string_view bytes) {
  const bool is_read = into_ != nullptr && read_.ok() && arrived_.empty();
  if (is_read && (reader_ || read_.bytes > 0)) {
    bytes.remove_prefix(deliver(bytes));
    finish_read({});
  }
  if (bytes.empty()) return;
  if (!arrived_.has_block()) arrived_ = link_->buffers().borrow();
  if (arrived_.free_size() < bytes.size()) arrived_.grow(arrived_.size() + bytes.size());
  arrived_.append(bytes);
}

void H2Stream::on_text(std::string_view text) {
  text_ += text.size();
  on_content(text);
}

Buffer* H2Stream::room_for_text(std::size_t bytes) {
  if (!reader_ || !arrived_.empty()) return nullptr;
  if (!into_->has_block()) *into_ = pool_->borrow();
  return into_->empty() && into_->free_size() >= bytes ? into_ : nullptr;
}

void H2Stream::note_text() {
  read_.bytes = into_->size();
  into_->drop_back(read_.bytes);
  finish_read({});
}

void H2Stream::note_never_indexed(const h2::Head& head) {
  for (const auto name : head.never_indexed()) never_indexed_.add(name);
}

void H2Stream::on_trailers(const h2::Head& trailers) {
  note_never_indexed(trailers);
  write_trailer_lines(trailers_, trailers);
}

void H2Stream::on_end() {
  ended_ = true;
  finish_read(asio::error::eof);
}

// ---- sending

bool H2Stream::begin_send(const Part& part) {
  auto& session = link_->session();
  sent_ = {};
  offered_ = 0;
  sends_ = false;
  bool last = part.last;
  if (part.fields != nullptr || !part.head.empty()) {
    auto& head = part.fields != nullptr ? *part.fields : link_->head_scratch();
    if (part.fields == nullptr) read_text(part.head, head);
    const bool is_all =
        last && part.content.empty() && part.trailers.empty() && !must_end_by_content(head);
    if (!submit_head(head, is_all)) {
      sent_.error = asio::error::connection_reset;
      return true;
    }
    if (is_all) last = false;
  } else if (stream_ == nullptr) {
    sent_.error = asio::error::connection_reset;
    return true;
  }
  sent_.begun = true;
  if (!part.content.empty()) {
    offered_ = part.content.size();
    given_ += offered_;
    session.send_content(*stream_, part.content, last && part.trailers.empty());
  } else if (last && part.trailers.empty()) {
    session.send_content(*stream_, {}, true);
  }
  if (last && !part.trailers.empty()) {
    auto& fields = link_->fields_scratch();
    read_lines(part.trailers, fields);
    session.send_trailers(*stream_, fields);
  }
  link_->want_send();
  sends_ = offered_ > 0;
  return !sends_;
}

// Nobody asks for it: see wait_to_send().
Task<> H2Stream::send_rest() { co_return; }

void H2Stream::finish_send(ErrorCodeOs error) {
  if (!std::exchange(sends_, false)) return;
  sent_.error = error;
  sent_.content = offered_ - std::min(offered_, unsent());
  if (sender_) link_->io().resume_later(std::exchange(sender_, nullptr));
}

void H2Stream::on_sent() { finish_send({}); }

void H2Stream::shutdown_send() {
  const Part end{.last = true};
  if (stream_ != nullptr) begin_send(end);
}

// ---- the end

void H2Stream::on_closed(const h2::Stream& stream, const h2::Closure& closure) {
  lost_ = stream.unsent();
  stream_ = nullptr;
  closure_ = closure;
  closed_cleanly_ = closure.code == h2::ErrorCode::no_error && !closure.by_peer && ended_;
  finish_send(asio::error::connection_reset);
  finish_read(end_of_reading());
}

}  // namespace tandem::master
