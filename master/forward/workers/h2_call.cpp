#include "master/forward/workers/h2_call.hpp"

#include "master/forward/stream/head_text.hpp"
#include "master/forward/workers/limits.hpp"
#include "master/forward/workers/upstream.hpp"

namespace tandem::master {

// ---- the stream

void WorkerStream::cancel() {
  if (readiness_ != nullptr) readiness_->cancel();
  H2Stream::cancel();
}

void WorkerStream::move_to(WorkerLink& link) {
  rebind(link);
  worker_link_ = &link;
}

void WorkerStream::read_text(std::string_view text, WrittenHead& head) const {
  read_written_request(text, head);
}

bool WorkerStream::submit_head(WrittenHead& request, bool last) {
  auto& link = *worker_link_;
  if (!link.has_room()) return false;
  // The handshake of one has no content.
  websocket_key_ = last ? websocket_key_of(request) : std::nullopt;
  if (websocket_key_ && !link.session().peer_takes_extended_connect()) {
    beyond_worker_ = true;
    return false;
  }
  to_head_ = request.method == "HEAD";
  if (request.accepts_trailers) request.fields.push_back({FieldKind::te, "te", "trailers"});
  if (websocket_key_) {
    std::erase_if(request.fields, is_of_websocket_handshake);
    request.method = "CONNECT";
  }
  // RFC 9113 §8.3.1: a host that is empty cannot be said. Without any the worker would find the
  // request malformed, and there are some that end the connection for that.
  const h2::OutgoingRequest outgoing{
      .method = request.method,
      .scheme = link.scheme(),
      .authority = request.host.empty() ? call_.upstream().host_and_port() : request.host,
      .path = request.target,
      .protocol = websocket_key_ ? std::string_view("websocket") : "",
      .fields = request.fields,
      .never_indexed = sent_never_indexed()};
  if (!link.session().peer_takes(outgoing)) {
    too_large_ = true;
    return false;
  }
  auto& stream = link.session().open(outgoing, last && !websocket_key_);
  attach(stream);
  opened_ = true;
  link.note_opened(stream);
  return true;
}

// As text, which the peer needs no credit for.
void WorkerStream::on_head(const h2::Head& head, bool ends) {
  head_arrived_ = true;
  note_never_indexed(head);
  const bool is_final = head.status() >= 200;
  if (!websocket_key_) {
    if (auto* const room = room_for_text(response_text_bytes_max(head))) {
      write_response_text(*room, head, ends && !to_head_);
      note_text();
      if (ends) on_end();
      return;
    }
  }
  Buffer text = link().buffers().borrow();
  if (websocket_key_ && is_final && head.status() < 300) {
    write_websocket_opened(text, head, websocket_accept(*websocket_key_));
  } else {
    // The request has no content: nothing else is to follow it.
    if (websocket_key_ && is_final) shutdown_send();
    write_response_text(text, head, ends && !to_head_);
  }
  if (unread_text() + text.size() > limits::http2_unread_heads_bytes_max) {
    return reset(h2::ErrorCode::enhance_your_calm);
  }
  on_text(text.view());
  if (ends) on_end();
}

void WorkerStream::on_closed(const h2::Stream& stream, const h2::Closure& closure) {
  H2Stream::on_closed(stream, closure);
  if (opened_ && !is_under_way()) call_.note_ended();
}

// ---- the call

H2Call::H2Call(std::shared_ptr<Upstream> upstream, std::shared_ptr<WorkerLink> link,
               const WorkerIo& io, Sharing sharing)
    : WorkerCall(std::move(upstream)),
      io_(io),
      link_(std::move(link)),
      sharing_(sharing),
      stream_(*link_, *this) {}

H2Call::~H2Call() {
  const bool keeps_place = stream_.is_under_way() && !link_->has_ended();
  stream_.reset(h2::ErrorCode::cancel);
  if (keeps_place) {
    link_->keep_place(upstream_);
  } else if (has_place_) {
    upstream_->leave_place();
  }
  if (sharing_ == Sharing::exclusive || upstream_->is_retired()) link_->retire();
}

void H2Call::note_ended() {
  if (std::exchange(has_place_, false)) upstream_->free_kept_place();
}

bool H2Call::was_unprocessed() const {
  return stream_.closure().unprocessed || link_->was_turned_away();
}

bool H2Call::takes_blame() {
  return !(was_lost_shared() || link_->was_turned_away()) || link_->takes_blame();
}

bool H2Call::was_lost_shared() const {
  return stream_.is_under_way() && link_->has_ended() && link_->is_shared();
}

// A worker may take fewer streams on a connection than wait for it, or the connection may have been
// retired meanwhile: then there is another one. A worker that takes none on a fresh connection
// refuses.
Task<IoResult> H2Call::connect() {
  while (!link_->has_room()) {
    if (sharing_ == Sharing::shared) {
      link_ = upstream_->link(io_);
    } else if (link_->is_retired()) {
      link_ = upstream_->begin_link(io_);
    }
    stream_.move_to(*link_);
    WorkerLink::Readiness readiness(*link_);
    stream_.waits_for(&readiness);
    const IoResult ready = co_await readiness;
    stream_.waits_for(nullptr);
    const bool was_cancelled = ready.error == asio::error::operation_aborted;
    if (!ready.ok() && link_->is_retired() && !was_cancelled) continue;
    if (!ready.ok()) co_return ready;
    upstream_->note_tls_accepted();
    if (!link_->has_room() && link_->is_unused()) {
      co_return IoResult{.error = asio::error::connection_refused};
    }
  }
  co_return IoResult{};
}

bool H2Call::finish_this(std::unique_ptr<WorkerCall> self, Instant) {
  const auto upstream = upstream_;
  self.reset();
  return upstream->gives_place_away();
}

}  // namespace tandem::master
