#include "common/http2/http2_call.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include <fmt/format.h>
#include <nghttp2/nghttp2.h>

#include "common/base/assert.hpp"
#include "common/http2/limits.hpp"

namespace tandem {

namespace {

constexpr std::string_view http1 = "HTTP/1.";

std::string_view find(const Http2Answer::Fields& fields, std::string_view name) {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [name](const auto& field) { return field.first == name; });
  return found == fields.end() ? std::string_view() : std::string_view(found->second);
}

// nghttp2 does not write through these pointers.
std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
}

nghttp2_nv pair_of(std::string_view name, std::string_view value) {
  return {bytes_of(name), bytes_of(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

std::string_view text_of(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

std::string_view Http2Answer::field(std::string_view name) const { return find(fields, name); }
std::string_view Http2Answer::trailer(std::string_view name) const { return find(trailers, name); }

struct Http2Call::Events {
  static Http2Call& call_of(void* user) { return *static_cast<Http2Call*>(user); }

  static int begin_block(nghttp2_session*, const nghttp2_frame*, void* user) {
    auto& call = call_of(user);
    call.fields_.clear();
    call.status_ = 0;
    return 0;
  }

  static int field(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name,
                   std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                   std::uint8_t, void* user) {
    const bool taken =
        call_of(user).take_field(text_of(name, name_size), text_of(value, value_size));
    return taken ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    auto& call = call_of(user);
    const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_HEADERS) {
      call.take_head(ends);
    } else if (frame->hd.type == NGHTTP2_DATA && ends) {
      call.finish(End::answered);
    }
    return call.outcome();
  }

  static int content(nghttp2_session*, std::uint8_t, std::int32_t, const std::uint8_t* bytes,
                     std::size_t size, void* user) {
    auto& call = call_of(user);
    if (call.answer_.body.size() + size > limits::http2_answer_body_bytes_max) {
      call.finish(End::too_long);
      return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    call.answer_.body.append(text_of(bytes, size));
    return 0;
  }

  static int closed(nghttp2_session*, std::int32_t, std::uint32_t code, void* user) {
    call_of(user).finish(End::refused,
                         fmt::format("the stream was reset ({})", nghttp2_http2_strerror(code)));
    return call_of(user).outcome();
  }

  static ssize_t body(nghttp2_session*, std::int32_t, std::uint8_t* into, std::size_t size,
                      std::uint32_t* flags, nghttp2_data_source*, void* user) {
    auto& call = call_of(user);
    const auto rest = std::string_view(call.request_.body).substr(call.sent_);
    const auto taken = std::min(size, rest.size());
    std::copy_n(rest.begin(), taken, into);
    call.sent_ += taken;
    if (taken == rest.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(taken);
  }
};

Http2Call::Http2Call(Http2Request request) : request_(std::move(request)) {}

Http2Call::~Http2Call() { nghttp2_session_del(session_); }

void Http2Call::begin(const Endpoint& peer) {
  TANDEM_ASSERT(session_ == nullptr);
  nghttp2_session_callbacks* calls = nullptr;
  TANDEM_ASSERT(nghttp2_session_callbacks_new(&calls) == 0);
  nghttp2_session_callbacks_set_on_begin_headers_callback(calls, &Events::begin_block);
  nghttp2_session_callbacks_set_on_header_callback(calls, &Events::field);
  nghttp2_session_callbacks_set_on_frame_recv_callback(calls, &Events::frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, &Events::content);
  nghttp2_session_callbacks_set_on_stream_close_callback(calls, &Events::closed);
  const int made = nghttp2_session_client_new(&session_, calls, this);
  nghttp2_session_callbacks_del(calls);
  TANDEM_ASSERT(made == 0);
  const nghttp2_settings_entry no_push{NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &no_push, 1);

  const auto authority = request_.authority.empty() ? peer.to_string() : request_.authority;
  std::vector<nghttp2_nv> fields{pair_of(":method", request_.method), pair_of(":scheme", "http"),
                                 pair_of(":authority", authority), pair_of(":path", request_.path)};
  for (const auto& [name, value] : request_.fields) fields.push_back(pair_of(name, value));
  nghttp2_data_provider provider{};
  provider.read_callback = &Events::body;
  nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(),
                         request_.body.empty() ? nullptr : &provider, nullptr);
}

void Http2Call::pull(std::string& out) {
  for (;;) {
    const std::uint8_t* bytes = nullptr;
    const auto size = nghttp2_session_mem_send(session_, &bytes);
    if (size <= 0) break;
    out.append(text_of(bytes, static_cast<std::size_t>(size)));
  }
  // nghttp2 has told the server what is wrong, and looks at nothing more.
  if (!is_over() && nghttp2_session_want_read(session_) == 0) {
    finish(End::malformed, "the answer is not HTTP/2");
  }
}

// Once it is over the server is told, so far as it can be: it need not wonder why the connection
// ends. Not from within nghttp2's calls, which would go on and take that for its own doing.
void Http2Call::feed(std::string_view bytes) {
  if (is_over()) return;
  read(bytes);
  if (is_over()) nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR);
}

// Nothing that comes behind the end is looked at.
int Http2Call::outcome() const { return is_over() ? NGHTTP2_ERR_CALLBACK_FAILURE : 0; }

void Http2Call::read(std::string_view bytes) {
  beginning_.append(bytes.substr(0, http1.size() - std::min(beginning_.size(), http1.size())));
  if (beginning_ == http1) return finish(End::malformed, "it answers in HTTP/1, not in HTTP/2");
  received_ += bytes.size();
  if (received_ > limits::http2_answer_bytes_max) return finish(End::too_long);
  const auto taken = nghttp2_session_mem_recv(session_, bytes_of(bytes), bytes.size());
  if (is_over()) return;
  const bool is_alive = taken >= 0 && (nghttp2_session_want_read(session_) != 0);
  if (!is_alive) finish(End::malformed, "the answer is not HTTP/2");
}

bool Http2Call::take_field(std::string_view name, std::string_view value) {
  fields_bytes_ += name.size() + value.size();
  if (fields_bytes_ > limits::http2_answer_fields_bytes_max) {
    finish(End::too_long);
    return false;
  }
  if (name == ":status") {
    std::from_chars(value.data(), value.data() + value.size(), status_);
    if (status_ < 100) {  // nghttp2 takes any three digits
      finish(End::malformed, "the answer has no status");
      return false;
    }
  } else {
    fields_.emplace_back(name, value);
  }
  return true;
}

// A block of fields is complete: a head, an interim one, or trailers.
void Http2Call::take_head(bool ends) {
  if (status_ >= 200) {
    answer_.status = status_;
    answer_.fields = std::move(fields_);
    if (ends || request_.head_only) finish(End::answered);
  } else if (status_ == 0) {
    answer_.trailers = std::move(fields_);
    if (ends) finish(End::answered);
  }
  fields_.clear();
}

void Http2Call::finish(End end, std::string why) {
  if (is_over()) return;
  end_ = end;
  why_ = end == End::too_long ? "the answer is too long" : std::move(why);
}

std::string Http2Call::why() const {
  if (end_ == End::open) return "the connection ended before the answer";
  return why_;
}

}  // namespace tandem
