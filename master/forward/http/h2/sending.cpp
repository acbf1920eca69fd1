// What is being sent, as it is submitted to nghttp2 and as nghttp2 asks for it.
#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "common/base/assert.hpp"
#include "master/forward/http/h2/limits.hpp"
#include "common/http1/field_text.hpp"
#include "master/forward/http/h2/session_memory.hpp"
#include "master/forward/http/h2/session_setup.hpp"

namespace tandem::master::h2 {

namespace {

constexpr std::size_t frame_head_bytes = 9;

// The fields of one head as nghttp2 takes them, which copies them and makes names small.
class Block {
 public:
  Block(Role role, const FieldNames* never_indexed)
      : pairs_(scratch()), role_(role), never_indexed_(never_indexed) {
    if (never_indexed_ != nullptr && never_indexed_->empty()) never_indexed_ = nullptr;
    pairs_.clear();
  }

  void add(std::string_view name, std::string_view value, unsigned flags = NGHTTP2_NV_FLAG_NONE) {
    pairs_.push_back({bytes_of(name), bytes_of(value), name.size(), value.size(),
                      static_cast<std::uint8_t>(flags)});
  }
  // A pseudo-field: its name lives for good, and is as small as it has to be.
  void add_own(std::string_view name, std::string_view value) {
    const auto flags = is_never_indexed(name) ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
    add(name, value, flags | NGHTTP2_NV_FLAG_NO_COPY_NAME);
  }
  // Without those that HTTP/2 does not have (RFC 9113 §8.2.2).
  void add(const Field& field) {
    if (field.kind == FieldKind::te) {
      if (lists(field.value, "trailers")) add_own("te", "trailers");
    } else if (field.kind < FieldKind::connection || field.kind > FieldKind::upgrade) {
      const bool goes_in = role_ == Role::server
                               ? comes_with_each_answer(field)
                               : !is_secret(field.name) && !is_of_one_message(field);
      const auto flags = goes_in && !is_never_indexed(field.name) ? NGHTTP2_NV_FLAG_NONE
                                                                  : NGHTTP2_NV_FLAG_NO_INDEX;
      if (const auto known = known_name(field.kind); !known.empty()) {
        add(known, field.value, flags | NGHTTP2_NV_FLAG_NO_COPY_NAME);
      } else {
        add(field.name, field.value, flags);
      }
    }
  }
  const nghttp2_nv* data() const { return pairs_.data(); }
  std::size_t size() const { return pairs_.size(); }

 private:
  static std::uint8_t* bytes_of(std::string_view text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));  // only read
  }
  // Who sent it wants nobody to guess it by what compression makes of it.
  bool is_never_indexed(std::string_view name) const {
    return never_indexed_ != nullptr && never_indexed_->contains(name);
  }
  // Clients share the compression towards a worker: what one must not guess of another is never
  // put into its table (RFC 7541 §7.1.3).
  static bool is_secret(std::string_view name) {
    return equal_ignoring_case(name, "authorization") || equal_ignoring_case(name, "cookie") ||
           equal_ignoring_case(name, "set-cookie") ||
           equal_ignoring_case(name, "proxy-authorization");
  }
  // Of the kinds that have one name each and are written often; empty: another kind. nghttp2 copies
  // other names byte by byte.
  static std::string_view known_name(FieldKind kind) {
    switch (kind) {
      case FieldKind::content_length: return "content-length";
      case FieldKind::date: return "date";
      case FieldKind::via: return "via";
      case FieldKind::forwarded_for: return "x-forwarded-for";
      case FieldKind::forwarded_proto: return "x-forwarded-proto";
      case FieldKind::forwarded_host: return "x-forwarded-host";
      case FieldKind::forwarded_port: return "x-forwarded-port";
      case FieldKind::request_id: return "x-request-id";
      default: return {};
    }
  }
  // A client's table has room for these alone.
  static bool comes_with_each_answer(const Field& field) {
    return field.kind == FieldKind::date || field.kind == FieldKind::via ||
           equal_ignoring_case(field.name, "server");
  }
  // Its value is another one each time: in the table it would only push out what comes again, and
  // cost both sides an entry that nobody refers to.
  static bool is_of_one_message(const Field& field) {
    return field.kind == FieldKind::request_id || field.kind == FieldKind::trace_context ||
           equal_ignoring_case(field.name, "tandem-timeout-ms") ||
           equal_ignoring_case(field.name, "grpc-timeout");
  }
  // Used again, so that in the steady state it allocates nothing.
  static std::vector<nghttp2_nv>& scratch() {
    thread_local std::vector<nghttp2_nv> pairs;
    return pairs;
  }

  std::vector<nghttp2_nv>& pairs_;
  const Role role_;
  const FieldNames* never_indexed_;  // null: there are none
};

// Those that HTTP/2 does not have (RFC 9113 §8.2.2) do not go out.
bool is_left_out(const Field& field) {
  return field.kind == FieldKind::host ||
         (field.kind != FieldKind::te && field.kind >= FieldKind::connection &&
          field.kind <= FieldKind::upgrade);
}

// As SETTINGS_MAX_HEADER_LIST_SIZE counts (RFC 9113 §6.5.2).
std::size_t head_list_bytes(const OutgoingRequest& request) {
  constexpr std::size_t each = 32;
  std::size_t bytes = 0;
  const auto add = [&bytes](std::string_view name, std::string_view value) {
    bytes += name.size() + value.size() + each;
  };
  add(":method", request.method);
  if (!request.protocol.empty()) add(":protocol", request.protocol);
  if (!request.path.empty()) {
    add(":scheme", request.scheme);
    add(":path", request.path);
  }
  if (!request.authority.empty()) add(":authority", request.authority);
  for (const auto& field : request.fields) {
    if (!is_left_out(field)) add(field.name, field.value);
  }
  return bytes;
}

class StatusText {
 public:
  explicit StatusText(unsigned status)
      : digits_{static_cast<char>('0' + status / 100), static_cast<char>('0' + status / 10 % 10),
                static_cast<char>('0' + status % 10)} {
    TANDEM_ASSERT(status >= 100 && status <= 999);
  }
  std::string_view view() const { return {digits_.data(), digits_.size()}; }

 private:
  std::array<char, 3> digits_;
};

}  // namespace

void Sending::add_to(nghttp2_session_callbacks* callbacks) {
  nghttp2_session_callbacks_set_send_data_callback(callbacks, write_content);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_lost);
}

nghttp2_data_provider Sending::content_of(Stream& stream) {
  nghttp2_data_provider provider;
  provider.source.ptr = &stream;
  provider.read_callback = take_content;
  return provider;
}

// How much of the content goes into the next frame.
ssize_t Sending::take_content(nghttp2_session*, StreamId, std::uint8_t*, std::size_t length,
                              std::uint32_t* flags, nghttp2_data_source* source, void* user) {
  auto& session = *static_cast<Session*>(user);
  auto& stream = *static_cast<Stream*>(source->ptr);
  if (stream.offered_.empty() && !stream.content_ended_) return NGHTTP2_ERR_DEFERRED;
  // Frames that are cut short by the end of the buffer alone are worth little.
  constexpr std::size_t worth_sending = 1024;
  const auto room = session.out_->free_size();
  if (room < frame_head_bytes + std::min(stream.offered_.size(), worth_sending)) {
    return NGHTTP2_ERR_PAUSE;
  }
  const auto n = std::min({length, stream.offered_.size(), room - frame_head_bytes});
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (stream.content_ended_ && n == stream.offered_.size()) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (stream.trailers_wait_) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      stream.trailers_wait_ = false;
      session.submit_trailers(stream, stream.trailer_fields_);
    }
  }
  return static_cast<ssize_t>(n);
}

int Sending::write_content(nghttp2_session*, nghttp2_frame*, const std::uint8_t* frame_head,
                           std::size_t length, nghttp2_data_source* source, void* user) {
  auto& session = *static_cast<Session*>(user);
  auto& stream = *static_cast<Stream*>(source->ptr);
  auto& out = *session.out_;
  out.append({reinterpret_cast<const char*>(frame_head), frame_head_bytes});
  out.append(stream.offered_.substr(0, length));
  stream.offered_.remove_prefix(length);
  if (length > 0 && stream.offered_.empty()) session.events_.on_sent(stream);
  return 0;
}

int Sending::on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  auto& session = *static_cast<Session*>(user);
  switch (frame->hd.type) {
    case NGHTTP2_DATA:
      // A reader gives credit for the stream and for the connection.
      session.free_window_updates_ = std::min(session.free_window_updates_ + 2, 1'000u);
      session.useful_since_ping_ = true;
      break;
    case NGHTTP2_HEADERS: session.useful_since_ping_ = true; break;
    case NGHTTP2_PING:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) session.pinged_at_ = session.now_;
      break;
    case NGHTTP2_RST_STREAM: {
      // Those that we did not ask for are the peer's fault (CVE-2025-8671).
      const auto* stream = session.find(frame->hd.stream_id);
      if (stream != nullptr && stream->reset_by_us_) break;
      // A worker answers what clients ask: who asks for what it answers badly must not get others'
      // calls on this connection lost. A stream has one bad answer at most.
      if (session.role_ == Role::client && stream != nullptr) break;
      // The frame that it answers was paid for (judge_late_frame).
      if (session.role_ == Role::client && frame->rst_stream.error_code == NGHTTP2_STREAM_CLOSED) {
        break;
      }
      session.charge(frame->rst_stream.error_code == NGHTTP2_REFUSED_STREAM ? Cost::refused
                                                                            : Cost::reset_by_us);
      break;
    }
    case NGHTTP2_GOAWAY:
      // nghttp2 would send it first, and its answer would say nothing.
      if (std::exchange(session.drain_ping_waits_, false)) {
        nghttp2_submit_ping(session.session_, NGHTTP2_FLAG_NONE,
                            reinterpret_cast<const std::uint8_t*>(drain_ping.data()));
      }
      if (session.goaway_code_ == ErrorCode::no_error) {
        session.goaway_code_ = static_cast<ErrorCode>(frame->goaway.error_code);
      }
      break;
    default: break;
  }
  return 0;
}

// A response's head that is too large, or for which there is no memory. A request's closes its
// stream by itself.
int Sending::on_frame_lost(nghttp2_session*, const nghttp2_frame* frame, int error, void* user) {
  auto& session = *static_cast<Session*>(user);
  const bool is_gone = error == NGHTTP2_ERR_STREAM_CLOSED || error == NGHTTP2_ERR_STREAM_CLOSING ||
                       error == NGHTTP2_ERR_SESSION_CLOSING || error == NGHTTP2_ERR_STREAM_SHUT_WR;
  if (frame->hd.type != NGHTTP2_HEADERS || is_gone || frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    return 0;
  }
  if (auto* stream = session.find(frame->hd.stream_id)) {
    stream->reset_by_us_ = true;
    nghttp2_submit_rst_stream(session.session_, NGHTTP2_FLAG_NONE, stream->id_,
                              NGHTTP2_INTERNAL_ERROR);
  }
  return 0;
}

// ---- what the owner of a stream submits

void Session::send_head(Stream& stream, unsigned status, std::span<const Field> fields, bool last) {
  TANDEM_ASSERT(role_ == Role::server && !stream.head_sent_ && status >= 200);
  stream.head_sent_ = true;
  const StatusText text(status);
  Block block(role_, stream.never_indexed);
  block.add_own(":status", text.view());
  for (const auto& field : fields) block.add(field);
  const auto content = Sending::content_of(stream);
  nghttp2_submit_response(session_, stream.id_, block.data(), block.size(),
                          last ? nullptr : &content);
}

void Session::send_interim(Stream& stream, unsigned status, std::span<const Field> fields) {
  TANDEM_ASSERT(role_ == Role::server && !stream.head_sent_ && status < 200 && status != 101);
  const StatusText text(status);
  Block block(role_, stream.never_indexed);
  block.add_own(":status", text.view());
  for (const auto& field : fields) block.add(field);
  nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream.id_, nullptr, block.data(),
                         block.size(), nullptr);
}

bool Session::peer_takes(const OutgoingRequest& request) const {
  const auto allowed =
      nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE);
  return head_list_bytes(request) <= allowed;
}

Stream& Session::open(const OutgoingRequest& request, bool last) {
  TANDEM_ASSERT(can_open());
  if (page_vacated_) memory_.occupy(page_);
  page_vacated_ = false;
  Block block(role_, request.never_indexed);
  block.add_own(":method", request.method);
  if (!request.protocol.empty()) block.add_own(":protocol", request.protocol);
  if (!request.path.empty()) {
    block.add_own(":scheme", request.scheme);
    block.add_own(":path", request.path);
  }
  if (!request.authority.empty()) block.add_own(":authority", request.authority);
  for (const auto& field : request.fields) {
    if (field.kind != FieldKind::host) block.add(field);
  }
  auto& stream = memory_.borrow_stream();
  stream.announced_ = true;
  stream.head_sent_ = true;
  stream.counts_as_receiving_ = true;
  stream.opened_turn_ = turn_;
  ++receiving_;
  streams_.push_front(stream);
  widen_connection_window();
  const auto content = Sending::content_of(stream);
  const auto id = nghttp2_submit_request(session_, nullptr, block.data(), block.size(),
                                         last ? nullptr : &content, &stream);
  // Without memory there is no stream; abandon() ends it.
  if (id < 0) {
    fail(ErrorCode::internal_error);
  } else {
    stream.id_ = id;
  }
  return stream;
}

void Session::resume(Stream& stream) { nghttp2_session_resume_data(session_, stream.id_); }

void Session::send_content(Stream& stream, std::string_view bytes, bool last) {
  TANDEM_ASSERT(stream.head_sent_ && stream.offered_.empty() && !stream.content_ended_);
  stream.offered_ = bytes;
  stream.content_ended_ = last;
  if (last || !bytes.empty()) resume(stream);
}

void Session::send_trailers(Stream& stream, std::span<const Field> fields) {
  TANDEM_ASSERT(stream.head_sent_ && !stream.content_ended_);
  stream.content_ended_ = true;
  if (stream.offered_.empty()) return submit_trailers(stream, fields);
  // Heads overtake content in nghttp2's queues: they wait for the last of it.
  stream.trailers_wait_ = true;
  auto& text = stream.trailer_text_;
  std::size_t size = 0;
  for (const auto& field : fields) size += field.name.size() + field.value.size();
  text.reserve(size);
  const auto keep = [&](std::string_view piece) {
    text.append(piece);
    return std::string_view(text).substr(text.size() - piece.size());
  };
  for (const auto& field : fields) {
    const auto name = keep(field.name);
    const auto value = keep(field.value);
    stream.trailer_fields_.push_back({field.kind, name, value});
  }
}

void Session::submit_trailers(Stream& stream, std::span<const Field> fields) {
  Block block(role_, stream.never_indexed);
  for (const auto& field : fields) block.add(field);
  nghttp2_submit_trailer(session_, stream.id_, block.data(), block.size());
}

}  // namespace tandem::master::h2
