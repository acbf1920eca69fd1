// Frames before nghttp2 sees them: what they cost, and what it would take that a server must not.
#include "master/forward/http/h2/limits.hpp"
#include "master/forward/http/h2/session_setup.hpp"

namespace tandem::master::h2 {

namespace {

// RFC 9113 §4.2, as far as nghttp2 leaves it to be said or says it otherwise: the fields before the
// content or the fragment that the flags announce.
std::uint32_t announced_bytes(const FrameHead& frame) {
  const bool is_head = frame.type == NGHTTP2_HEADERS;
  if (!is_head && frame.type != NGHTTP2_DATA) return 0;
  return (frame.has(NGHTTP2_FLAG_PADDED) ? 1u : 0u) +
         (is_head && frame.has(NGHTTP2_FLAG_PRIORITY) ? 5u : 0u);
}

}  // namespace

bool Receiving::judge_frame(Session& session, const FrameHead& frame) {
  charge_for(session, frame);
  if (frame.length > limits::h2_frame_bytes_max || frame.length < announced_bytes(frame)) {
    session.fail(ErrorCode::frame_size_error);
  }
  switch (frame.type) {
    case NGHTTP2_HEADERS:
      if (session.role_ == Role::server && frame.stream > session.last_opened_) {
        judge_new_stream(session, frame.stream);
        break;
      }
      [[fallthrough]];
    case NGHTTP2_DATA: judge_late_frame(session, frame); break;
    case NGHTTP2_RST_STREAM:
      if (session.role_ == Role::client) session.closed_.note_reset_by_peer(frame.stream);
      break;
    case NGHTTP2_PRIORITY:
      // nghttp2 leaves them out unseen, since we follow no priorities (RFC 9113 §6.3).
      if (frame.stream == 0) session.fail(ErrorCode::protocol_error);
      if (frame.length != 5) session.fail(ErrorCode::frame_size_error);
      break;
    default: break;
  }
  session.part_ = session.part_bytes_ = 0;
  return !session.failed_;
}

// What a frame costs by its head alone.
void Receiving::charge_for(Session& session, const FrameHead& frame) {
  switch (frame.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_RST_STREAM: break;
    case NGHTTP2_GOAWAY:
      // One that announces a later one, and the later one, are free.
      if (session.goaway_received_) session.charge(Cost::ping);
      break;
    case NGHTTP2_PUSH_PROMISE:
      // A worker has read our settings, which allow none, before it can have a request to push for.
      if (session.role_ == Role::client) session.fail(ErrorCode::protocol_error);
      break;
    case NGHTTP2_DATA:
      if (frame.length == 0 && !frame.has(NGHTTP2_FLAG_END_STREAM)) {
        session.charge(Cost::empty_data);
      }
      break;
    case NGHTTP2_SETTINGS:
      if (session.settings_seen_ && !frame.has(NGHTTP2_FLAG_ACK)) session.charge(Cost::settings);
      session.settings_seen_ = true;
      break;
    case NGHTTP2_PING:
      if (frame.has(NGHTTP2_FLAG_ACK) && session.ping_unanswered_) break;
      // Those who measure the way ping once for each answer, or part of one.
      if (!session.useful_since_ping_) session.charge(Cost::ping);
      session.useful_since_ping_ = false;
      break;
    case NGHTTP2_WINDOW_UPDATE:
      if (session.free_window_updates_ > 0) {
        --session.free_window_updates_;
      } else {
        session.charge(Cost::window_update);
      }
      break;
    case NGHTTP2_CONTINUATION: session.charge(Cost::continuation); break;
    case NGHTTP2_PRIORITY: session.charge(Cost::priority); break;
    default: session.charge(Cost::unknown); break;
  }
}

void Receiving::judge_new_stream(Session& session, StreamId id) {
  if (id % 2 == 0) return;  // nghttp2 says what that is
  session.last_opened_ = id;
  ++session.opened_in_turn_;
  if (session.opened_in_turn_ > limits::h2_streams_per_turn_factor * limits::h2_streams_max) {
    session.fail(ErrorCode::enhance_your_calm);
  }
  // It will be refused, or left out by nghttp2.
  if (session.open_streams() >= limits::h2_streams_max || session.drain_finished_ ||
      session.calmed_) {
    session.closed_.add(id, ClosedStreams::Ending::reset_by_us);
  }
}

void Receiving::judge_payload(Session& session, std::string_view payload) {
  const auto& frame = session.scanner_.head();
  if (frame.type == NGHTTP2_PRIORITY) judge_dependency(session, payload);
  if (frame.type == NGHTTP2_SETTINGS) judge_settings(session, payload);
}

// RFC 7540 §5.3.1, of a PRIORITY frame's first four bytes.
void Receiving::judge_dependency(Session& session, std::string_view payload) {
  for (const char byte : payload) {
    if (session.part_bytes_ == 4) break;
    session.part_ = session.part_ << 8 | static_cast<unsigned char>(byte);
    ++session.part_bytes_;
  }
  if (session.part_bytes_ == 4 &&
      (session.part_ & 0x7fffffff) == static_cast<std::uint32_t>(session.scanner_.head().stream)) {
    session.fail(ErrorCode::protocol_error);
  }
}

// RFC 9113 §6.9.2: nghttp2 would only reset the streams whose windows a setting makes too large.
void Receiving::judge_settings(Session& session, std::string_view payload) {
  for (const char byte : payload) {
    session.part_ = session.part_ << 8 | static_cast<unsigned char>(byte);
    if (++session.part_bytes_ < 6) continue;
    const auto id = session.part_ >> 32;
    const auto value = session.part_ & 0xffffffff;
    session.part_ = session.part_bytes_ = 0;
    if (id == NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE) judge_initial_window(session, value);
  }
}

void Receiving::judge_initial_window(Session& session, std::uint64_t bytes) {
  const std::int64_t before =
      nghttp2_session_get_remote_settings(session.session_, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE);
  bool is_too_large = false;
  session.streams_.for_each([&](Stream& stream) {
    // Windows below zero are told as zero: they can take any setting, and so can zero.
    const std::int64_t window =
        nghttp2_session_get_stream_remote_window_size(session.session_, stream.id_);
    if (window + static_cast<std::int64_t>(bytes) - before > NGHTTP2_MAX_WINDOW_SIZE) {
      is_too_large = true;
    }
  });
  if (is_too_large) session.fail(ErrorCode::flow_control_error);
}

// RFC 9113 §5.1 and §5.1.1: HEADERS or DATA on a stream that is there no more.
void Receiving::judge_late_frame(Session& session, const FrameHead& frame) {
  const auto id = frame.stream;
  const auto next_of_ours = nghttp2_session_get_next_stream_id(session.session_);
  const bool is_late = session.role_ == Role::client ? static_cast<std::uint32_t>(id) < next_of_ours
                                                     : id <= session.last_opened_;
  if (id == 0 || id % 2 == 0 || !is_late || session.find(id) != nullptr) return;
  using Ending = ClosedStreams::Ending;
  const auto ended = session.closed_.find(id);
  const bool is_reset_worker = ended == Ending::reset_by_peer && session.role_ == Role::client;
  if (ended == Ending::ended || (ended == Ending::reset_by_peer && !is_reset_worker)) {
    session.fail(ErrorCode::stream_closed);
    return;
  }
  if (is_reset_worker) {
    // Servers of gRPC may say twice that a call's time is over, each time with a reset behind it.
    // That is an error of the stream alone.
    nghttp2_submit_rst_stream(session.session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_STREAM_CLOSED);
    if (session.closed_.excuse(id)) return;
  }
  if (ended == Ending::unknown && frame.type == NGHTTP2_HEADERS && session.role_ == Role::server) {
    session.fail(ErrorCode::protocol_error);  // an id that is smaller than one before
  } else if (session.free_late_frames_ > 0 || ended == Ending::unknown ||
             frame.type == NGHTTP2_HEADERS) {
    session.charge_late();
  }
}

}  // namespace tandem::master::h2
