#include "master/forward/http/h2/session.hpp"

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

#include "common/base/assert.hpp"
#include "master/forward/http/h2/limits.hpp"
#include "master/forward/http/h2/session_memory.hpp"
#include "master/forward/http/h2/session_setup.hpp"

namespace tandem::master::h2 {

namespace {

// nghttp2 is to take more streams than we tell the peer: those beyond the limit are refused by us
// (RFC 9113 §5.1.2), where it would end the connection with all the others.
constexpr std::uint32_t streams_taken_max = limits::h2_outbound_frames_max;

// Our SETTINGS, as nghttp2 has written them: tells the number of streams that are served.
void tell_streams_max(std::span<char> frame) {
  constexpr std::size_t entry_bytes = 6;
  for (auto at = FrameScanner::head_bytes; at + entry_bytes <= frame.size(); at += entry_bytes) {
    if (frame[at] != 0 || frame[at + 1] != NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) continue;
    for (std::size_t i = 0; i < 4; ++i) {
      frame[at + 2 + i] = static_cast<char>(limits::h2_streams_max >> (24 - 8 * i));
    }
  }
}

int submit_settings(nghttp2_session* session, Role role) {
  const nghttp2_settings_entry of_server[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams_taken_max},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits::h2_stream_window_bytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits::h2_head_bytes_max},
      {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  const nghttp2_settings_entry of_client[] = {
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits::h2_stream_window_bytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits::h2_head_bytes_max},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  if (role == Role::server) {
    return nghttp2_submit_settings(session, 0, of_server, std::size(of_server));
  }
  return nghttp2_submit_settings(session, 0, of_client, std::size(of_client));
}

}  // namespace

Session::Session(Role role, SessionMemory& memory, SessionEvents& events)
    : role_(role),
      memory_(memory),
      events_(events),
      scanner_(role == Role::server ? client_preface.size() : 0),
      preface_waits_(role == Role::client) {
  const auto made = memory.make(role, *this);
  session_ = made.session;
  page_ = made.page;
  if (session_ == nullptr) throw std::bad_alloc();
  if (submit_settings(session_, role) != 0) {
    nghttp2_session_del(session_);
    throw std::bad_alloc();
  }
}

Session::~Session() {
  TANDEM_ASSERT(out_ == nullptr);
  while (!streams_.empty()) {
    auto& stream = streams_.back();
    streams_.remove(stream);
    memory_.give_back(stream);
  }
  if (page_vacated_) memory_.occupy(page_);
  nghttp2_session_del(session_);
}

void Session::give_back_memory() {
  if (!page_vacated_ && streams_.empty()) page_vacated_ = memory_.vacate(page_);
}

void Session::feed(std::string_view bytes, Instant now) {
  if (page_vacated_) memory_.occupy(page_);
  page_vacated_ = false;
  ++turn_;
  now_ = now;
  opened_in_turn_ = 0;
  while (!failed_ && !bytes.empty()) {
    const auto piece = scanner_.next(bytes);
    if (piece.bytes.empty()) return;
    if (piece.begins_frame && !Receiving::judge_frame(*this, scanner_.head())) return;
    Receiving::judge_payload(
        *this, piece.begins_frame ? piece.bytes.substr(FrameScanner::head_bytes) : piece.bytes);
    if (!failed_) read(piece.bytes);
  }
}

void Session::read(std::string_view bytes) {
  const auto taken = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (taken >= 0) {
    if (nghttp2_session_get_outbound_queue_size(session_) > limits::h2_outbound_frames_max) {
      fail(ErrorCode::enhance_your_calm);
    }
    return;
  }
  const bool was_flood =
      taken == NGHTTP2_ERR_FLOODED || taken == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS;
  const bool was_theirs = taken == NGHTTP2_ERR_BAD_CLIENT_MAGIC;
  fail(was_flood    ? ErrorCode::enhance_your_calm
       : was_theirs ? ErrorCode::protocol_error
                    : ErrorCode::internal_error);
}

void Session::pull(Buffer& out) {
  TANDEM_ASSERT(out_ == nullptr);
  // What a frame needs that is no content and no head.
  constexpr std::size_t room_min = 64;
  if (preface_waits_) {
    if (out.free_size() < client_preface.size()) return;
    out.append(client_preface);
    preface_waits_ = false;
  }
  out_ = &out;
  while (out.free_size() >= room_min) {
    const std::uint8_t* frame = nullptr;
    const auto bytes = nghttp2_session_mem_send(session_, &frame);
    if (bytes < 0) failed_ = broken_ = true;
    if (bytes <= 0) break;
    const std::string_view text(reinterpret_cast<const char*>(frame),
                                static_cast<std::size_t>(bytes));
    if (out.free_size() < text.size()) out.grow(out.size() + text.size());
    out.append(text);
    // They are the first frame of all.
    if (role_ == Role::server && !std::exchange(settings_sent_, true)) {
      tell_streams_max({out.free_begin() - text.size(), text.size()});
    }
  }
  out_ = nullptr;
}

bool Session::has_output() const {
  return !broken_ && (preface_waits_ || nghttp2_session_want_write(session_) != 0);
}

bool Session::wants_input() const {
  return !failed_ && nghttp2_session_want_read(session_) != 0 &&
         nghttp2_session_get_outbound_queue_size(session_) < limits::h2_outbound_frames_wait;
}

bool Session::is_reading_head() const {
  const auto& frame = scanner_.head();
  if (frame.type != NGHTTP2_HEADERS && frame.type != NGHTTP2_CONTINUATION) return false;
  return !frame.has(NGHTTP2_FLAG_END_HEADERS) || !scanner_.has_whole_payload();
}

bool Session::is_finished() const {
  return !has_output() && (failed_ || nghttp2_session_want_read(session_) == 0);
}

Stream* Session::find(StreamId id) {
  if (found_ == nullptr || found_->id_ != id) {
    found_ = static_cast<Stream*>(nghttp2_session_get_stream_user_data(session_, id));
  }
  return found_;
}

std::uint32_t Session::peer_streams_max() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

bool Session::peer_takes_extended_connect() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) ==
         1;
}

bool Session::can_open() const {
  return role_ == Role::client && !failed_ && !goaway_received_ && !draining_ && !calmed_ &&
         streams_.size() < peer_streams_max() &&
         nghttp2_session_check_request_allowed(session_) != 0 &&
         nghttp2_session_get_next_stream_id(session_) < (1u << 31);
}

// ---- patience

void Session::charge(std::uint32_t points) {
  if (failed_) return;
  const auto state = patience_.charge(points, now_);
  if (state == Patience::State::out) return fail(ErrorCode::enhance_your_calm);
  if (state == Patience::State::thin && !calmed_) {
    calmed_ = true;
    // A worker may close the connection when it reads that, under the calls of others.
    if (role_ == Role::server) submit_goaway(ErrorCode::enhance_your_calm);
  }
}

void Session::charge_late() {
  if (free_late_frames_ > 0) {
    --free_late_frames_;
  } else {
    charge(Cost::late);
  }
}

void Session::fail(ErrorCode code) {
  if (failed_) return;
  failed_ = true;
  goaway_code_ = code;
  nghttp2_session_terminate_session(session_, static_cast<std::uint32_t>(code));
}

void Session::terminate(ErrorCode code) { fail(code); }

// ---- streams

void Session::begin_stream(StreamId id) {
  auto& stream = memory_.borrow_stream();
  stream.id_ = id;
  stream.opened_turn_ = turn_;
  stream.head_ = memory_.borrow_head();
  stream.counts_as_receiving_ = true;
  ++receiving_;
  streams_.push_front(stream);
  nghttp2_session_set_stream_user_data(session_, id, &stream);
  // Priorities are not followed: all streams take turns.
  const nghttp2_extpri in_turns{NGHTTP2_EXTPRI_DEFAULT_URGENCY, 1};
  nghttp2_session_change_extpri_stream_priority(session_, id, &in_turns, 1);
}

void Session::stop_receiving(Stream& stream) {
  if (!stream.counts_as_receiving_) return;
  stream.counts_as_receiving_ = false;
  --receiving_;
}

void Session::close_stream(Stream& stream, const Closure& closure) {
  const bool ended =
      closure.code == ErrorCode::no_error && !closure.by_peer && !stream.reset_by_us_;
  closed_.add(stream.id_, ended                   ? ClosedStreams::Ending::ended
                          : stream.reset_by_peer_ ? ClosedStreams::Ending::reset_by_peer
                                                  : ClosedStreams::Ending::reset_by_us);
  if (ended) patience_.reward(1);
  stop_receiving(stream);
  // What nobody will consume any more must not use up the connection's window.
  if (stream.unconsumed_ > 0) nghttp2_session_consume_connection(session_, stream.unconsumed_);
  stream.unconsumed_ = 0;
  streams_.remove(stream);
  if (found_ == &stream) found_ = nullptr;
  if (stream.announced_ && !stream.detached_) events_.on_closed(stream, closure);
  memory_.give_back(stream);
}

void Session::reset(Stream& stream, ErrorCode code) {
  stream.detached_ = true;
  stream.reset_by_us_ = true;
  free_late_frames_ =
      std::min(free_late_frames_ + limits::h2_late_frames_per_reset, limits::h2_late_frames_max);
  stream.offered_ = {};
  stream.user = nullptr;
  stream.never_indexed = nullptr;
  if (stream.unconsumed_ > 0) nghttp2_session_consume_connection(session_, stream.unconsumed_);
  stream.unconsumed_ = 0;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id_,
                            static_cast<std::uint32_t>(code));
}

void Session::consume(Stream& stream, std::size_t n) {
  TANDEM_ASSERT(n <= stream.unconsumed_);
  stream.unconsumed_ -= n;
  nghttp2_session_consume(session_, stream.id_, n);
}

// So that streams whose content somebody takes do not wait for those whose content nobody does:
// each can fill its own window. Twice that, since nghttp2 gives no credit before half of the
// connection's window was consumed. It doubles, so that a connection says so a few times in its
// life.
void Session::widen_connection_window() {
  const auto wanted = std::min(limits::h2_connection_window_bytes_max,
                               2 * std::bit_ceil(receiving_) * limits::h2_stream_window_bytes);
  if (receiving_ < 2 || wanted <= window_) return;
  window_ = wanted;
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<std::int32_t>(wanted));
}

void Session::abandon() {
  failed_ = true;
  const auto code = goaway_code_ == ErrorCode::no_error ? ErrorCode::cancel : goaway_code_;
  while (!streams_.empty()) {
    auto& stream = streams_.back();
    nghttp2_session_set_stream_user_data(session_, stream.id_, nullptr);
    close_stream(stream, {.code = code});
  }
}

// ---- the connection's end

void Session::submit_goaway(ErrorCode code) {
  if (failed_) return;
  if (goaway_code_ == ErrorCode::no_error) goaway_code_ = code;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_),
                        static_cast<std::uint32_t>(code), nullptr, 0);
}

void Session::begin_drain() {
  if (draining_ || failed_) return;
  draining_ = true;
  if (role_ == Role::client) return finish_drain();
  nghttp2_submit_shutdown_notice(session_);
  drain_ping_waits_ = true;
}

void Session::finish_drain() {
  draining_ = true;
  if (drain_finished_ || failed_) return;
  drain_finished_ = true;
  submit_goaway(ErrorCode::no_error);
}

void Session::ping() {
  if (ping_unanswered_ || failed_) return;
  ping_unanswered_ = true;
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
}

void Session::ask_by_settings() {
  if (is_asked() || failed_) return;
  settings_asked_ = true;
  ++settings_unacknowledged_;
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
}

}  // namespace tandem::master::h2
