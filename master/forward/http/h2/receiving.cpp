// What has arrived, as nghttp2 calls it.
#include <algorithm>

#include "master/forward/http/h2/limits.hpp"
#include "common/http1/trailer_fields.hpp"
#include "master/forward/http/h2/head_rules.hpp"
#include "master/forward/http/h2/session_memory.hpp"
#include "master/forward/http/h2/session_setup.hpp"

namespace tandem::master::h2 {

namespace {

Session& session_of(void* user) { return *static_cast<Session*>(user); }

// Fails the call to nghttp2 once the connection has failed.
int outcome(bool going_on) { return going_on ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE; }

}  // namespace

void Receiving::add_to(nghttp2_session_callbacks* callbacks) {
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_head);
  nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_field);
  nghttp2_session_callbacks_set_on_invalid_header_callback2(callbacks, on_invalid_field);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_content);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
}

// ---- heads

int Receiving::on_begin_head(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  auto& session = session_of(user);
  if (frame->hd.type != NGHTTP2_HEADERS) return 0;
  if (session.role_ == Role::server && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    if (session.open_streams() < limits::h2_streams_max) {
      session.begin_stream(frame->hd.stream_id);
    } else {
      nghttp2_submit_rst_stream(session.session_, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                NGHTTP2_REFUSED_STREAM);
    }
  } else if (auto* stream = session.find(frame->hd.stream_id)) {
    if (!stream->detached_) stream->head_ = session.memory_.borrow_head();
  }
  return 0;
}

int Receiving::on_field(nghttp2_session*, const nghttp2_frame* frame, nghttp2_rcbuf* name,
                        nghttp2_rcbuf* value, std::uint8_t flags, void* user) {
  auto& session = session_of(user);
  auto* stream = session.find(frame->hd.stream_id);
  if (stream == nullptr || !stream->head_) return 0;
  const Head::Limits limits{limits::h2_head_bytes_max, session.role_ == Role::server
                                                           ? limits::h2_head_fields_max
                                                           : limits::h2_response_fields_max};
  const auto indexing = (flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0 ? Head::Indexing::never
                                                                : Head::Indexing::allowed;
  if (stream->head_->take(name, value, indexing, limits) == Head::Verdict::hostile) {
    session.fail(ErrorCode::enhance_your_calm);
  }
  return outcome(!session.failed_);
}

// nghttp2 would leave the field out; a gateway has the stream reset.
int Receiving::on_invalid_field(nghttp2_session*, const nghttp2_frame*, nghttp2_rcbuf*,
                                nghttp2_rcbuf*, std::uint8_t, void*) {
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

void Receiving::on_request_head(Session& session, Stream& stream, bool ends) {
  auto head = std::move(stream.head_);
  if (judge_request(*head) != nullptr) {
    session.charge(Cost::reset_by_us);
    return session.reset(stream, ErrorCode::protocol_error);
  }
  stream.head_received_ = true;
  stream.announced_ = true;
  if (ends) {
    end(session, stream, false);
  } else {
    session.widen_connection_window();
  }
  session.events_.on_head(stream, std::move(head), ends);
}

// By our rules or limits, where nghttp2 has none: its owner is told when the stream closes. A bad
// answer of a worker costs the other calls on its connection nothing.
void Receiving::break_off(Session& session, Stream& stream) {
  if (session.role_ == Role::server) session.charge(Cost::reset_by_us);
  stream.reset_by_us_ = stream.malformed_ = true;
  nghttp2_submit_rst_stream(session.session_, NGHTTP2_FLAG_NONE, stream.id_,
                            NGHTTP2_PROTOCOL_ERROR);
}

void Receiving::on_response_head(Session& session, Stream& stream, bool ends) {
  auto head = std::move(stream.head_);
  // One that is over a limit lacks fields.
  if (judge_response(*head) != nullptr || head->is_refused()) return break_off(session, stream);
  if (head->status() < 200) return session.events_.on_interim(stream, std::move(head));
  stream.head_received_ = true;
  if (ends) end(session, stream, false);
  session.events_.on_head(stream, std::move(head), ends);
}

void Receiving::on_head_complete(Session& session, Stream& stream, bool ends) {
  if (!stream.head_ || stream.detached_) return;
  stream.head_->finish();
  if (!stream.head_received_) {
    return session.role_ == Role::server ? on_request_head(session, stream, ends)
                                         : on_response_head(session, stream, ends);
  }
  stream.head_->keep_trailers();
  auto trailers = std::move(stream.head_);
  if (trailers->is_refused()) return break_off(session, stream);
  session.events_.on_trailers(stream, std::move(trailers));
  if (ends && !stream.detached_) end(session, stream, true);
}

void Receiving::end(Session& session, Stream& stream, bool announce) {
  stream.peer_ended_ = true;
  session.stop_receiving(stream);
  if (announce) session.events_.on_end(stream);
}

// ---- whole frames

int Receiving::on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  auto& session = session_of(user);
  const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      if (auto* stream = session.find(frame->hd.stream_id)) {
        on_head_complete(session, *stream, ends);
      }
      break;
    case NGHTTP2_DATA: {
      const bool only_padding = frame->hd.length > 0 && frame->hd.length == frame->data.padlen;
      if (only_padding && !ends) session.charge(Cost::empty_data);
      auto* stream = session.find(frame->hd.stream_id);
      if (ends && stream != nullptr && stream->announced_ && !stream->detached_) {
        end(session, *stream, true);
      }
      break;
    }
    case NGHTTP2_RST_STREAM: on_reset(session, *frame); break;
    case NGHTTP2_SETTINGS: on_settings(session, frame->hd); break;
    case NGHTTP2_PING: on_ping(session, frame->ping); break;
    case NGHTTP2_GOAWAY:
      session.goaway_received_ = true;
      session.events_.on_goaway(frame->goaway.last_stream_id,
                                static_cast<ErrorCode>(frame->goaway.error_code));
      break;
    default: break;
  }
  return outcome(!session.failed_);
}

void Receiving::on_reset(Session& session, const nghttp2_frame& frame) {
  auto* stream = session.find(frame.hd.stream_id);
  if (stream == nullptr) return session.charge_late();
  stream->reset_by_peer_ = true;
  if (session.role_ == Role::client) {
    // Servers of gRPC may say so twice.
    session.free_late_frames_ = std::min(session.free_late_frames_ + 1, limits::h2_late_frames_max);
    return;
  }
  if (stream->opened_turn_ == session.turn_) {
    session.charge(Cost::rapid_reset);
  } else {
    session.charge(stream->head_sent_ ? Cost::reset_of_answer : Cost::reset);
  }
}

void Receiving::on_settings(Session& session, const nghttp2_frame_hd& head) {
  if ((head.flags & NGHTTP2_FLAG_ACK) == 0) return session.events_.on_settings();
  // Each acknowledges the oldest; nghttp2 takes no more of them than there are.
  if (--session.settings_unacknowledged_ == 0) session.settings_asked_ = false;
}

void Receiving::on_ping(Session& session, const nghttp2_ping& frame) {
  if ((frame.hd.flags & NGHTTP2_FLAG_ACK) == 0) return;
  const std::string_view payload(reinterpret_cast<const char*>(frame.opaque_data), 8);
  if (payload == drain_ping) return session.finish_drain();
  if (!session.ping_unanswered_) return;
  session.ping_unanswered_ = false;
  session.events_.on_ping_answered();
}

int Receiving::on_content(nghttp2_session*, std::uint8_t, StreamId id, const std::uint8_t* bytes,
                          std::size_t size, void* user) {
  auto& session = session_of(user);
  auto* stream = session.find(id);
  if (stream == nullptr || !stream->announced_ || stream->detached_) {
    nghttp2_session_consume_connection(session.session_, size);
    return outcome(!session.failed_);
  }
  stream->unconsumed_ += size;
  session.events_.on_content(*stream, {reinterpret_cast<const char*>(bytes), size});
  return outcome(!session.failed_);
}

int Receiving::on_close(nghttp2_session*, StreamId id, std::uint32_t code, void* user) {
  auto& session = session_of(user);
  auto* stream = session.find(id);
  if (stream == nullptr) return 0;
  // A malformed response that ended the stream: nghttp2 has not noticed.
  const auto why = stream->malformed_ ? ErrorCode::protocol_error : static_cast<ErrorCode>(code);
  session.close_stream(
      *stream, {.code = why,
                .by_peer = stream->reset_by_peer_,
                .unprocessed = session.role_ == Role::client && why == ErrorCode::refused_stream});
  return 0;
}

}  // namespace tandem::master::h2
