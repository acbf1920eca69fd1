#include "master/forward/http/h2/session_setup.hpp"

#include "common/base/assert.hpp"

namespace tandem::master::h2 {

namespace {

// Made once; nghttp2 copies from it.
struct Setup {
  explicit Setup(Role role) {
    if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&options) != 0) {
      throw std::bad_alloc();
    }
    Receiving::add_to(callbacks);
    Sending::add_to(callbacks);
    // Credit is given back only for what was written onward.
    nghttp2_option_set_no_auto_window_update(options, 1);
    // Streams that have ended are remembered here, in less room (closed_streams).
    nghttp2_option_set_no_closed_streams(options, 1);
    nghttp2_option_set_max_settings(options, limits::h2_settings_entries_max);
    nghttp2_option_set_max_outbound_ack(options, limits::h2_outbound_acks_max);
    nghttp2_option_set_max_continuations(options, limits::h2_continuations_max);
    nghttp2_option_set_max_send_header_block_length(options, limits::h2_sent_head_bytes_max);
    nghttp2_option_set_max_deflate_dynamic_table_size(
        options, role == Role::server ? limits::h2_encoder_table_bytes_to_clients
                                      : limits::h2_encoder_table_bytes_to_workers);
    nghttp2_option_set_peer_max_concurrent_streams(options, limits::h2_streams_before_settings);
    // Ours (patience) comes first.
    constexpr auto never = limits::h2_patience_points * 1'000;
    nghttp2_option_set_stream_reset_rate_limit(options, never, never);
  }
  Setup(const Setup&) = delete;
  Setup& operator=(const Setup&) = delete;
  ~Setup() {
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(options);
  }

  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* options = nullptr;
};

}  // namespace

nghttp2_session* make_session(Role role, Session& session, nghttp2_mem& memory) {
  nghttp2_session* made = nullptr;
  if (role == Role::server) {
    static const Setup setup(Role::server);
    if (nghttp2_session_server_new3(&made, setup.callbacks, &session, setup.options, &memory) != 0)
      return nullptr;
  } else {
    static const Setup setup(Role::client);
    if (nghttp2_session_client_new3(&made, setup.callbacks, &session, setup.options, &memory) != 0)
      return nullptr;
    // It has written the preface into the block that all sessions share.
    const std::uint8_t* preface = nullptr;
    const auto bytes = nghttp2_session_mem_send(made, &preface);
    TANDEM_ASSERT(bytes == static_cast<ssize_t>(client_preface.size()));
  }
  return made;
}

}  // namespace tandem::master::h2
