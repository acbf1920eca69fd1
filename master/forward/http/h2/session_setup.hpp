// session_setup.hpp: how nghttp2 is set up for our sessions: its callbacks, options and limits.
#pragma once

#include <nghttp2/nghttp2.h>

#include "master/forward/http/h2/session.hpp"

namespace tandem::master::h2 {

// Calls about what has arrived.
struct Receiving {
  static void add_to(nghttp2_session_callbacks* callbacks);

  // Of each frame, before nghttp2 sees it. False: the connection has failed.
  static bool judge_frame(Session& session, const FrameHead& frame);
  // Of as much of its payload as has come.
  static void judge_payload(Session& session, std::string_view payload);

  static int on_begin_head(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int on_field(nghttp2_session*, const nghttp2_frame* frame, nghttp2_rcbuf* name,
                      nghttp2_rcbuf* value, std::uint8_t flags, void* user);
  static int on_invalid_field(nghttp2_session*, const nghttp2_frame*, nghttp2_rcbuf*,
                              nghttp2_rcbuf*, std::uint8_t, void*);
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int on_content(nghttp2_session*, std::uint8_t flags, StreamId id,
                        const std::uint8_t* bytes, std::size_t size, void* user);
  static int on_close(nghttp2_session*, StreamId id, std::uint32_t code, void* user);

 private:
  static void charge_for(Session& session, const FrameHead& frame);
  static void judge_new_stream(Session& session, StreamId id);
  static void judge_late_frame(Session& session, const FrameHead& frame);
  static void judge_dependency(Session& session, std::string_view payload);
  static void judge_settings(Session& session, std::string_view payload);
  static void judge_initial_window(Session& session, std::uint64_t bytes);
  static void on_head_complete(Session& session, Stream& stream, bool ends);
  static void on_request_head(Session& session, Stream& stream, bool ends);
  static void break_off(Session& session, Stream& stream);
  static void on_response_head(Session& session, Stream& stream, bool ends);
  static void on_reset(Session& session, const nghttp2_frame& frame);
  static void on_settings(Session& session, const nghttp2_frame_hd& head);
  static void on_ping(Session& session, const nghttp2_ping& frame);
  static void end(Session& session, Stream& stream, bool announce);
};

// Calls about what is being sent.
struct Sending {
  static void add_to(nghttp2_session_callbacks* callbacks);

  // Where the content of a stream comes from.
  static nghttp2_data_provider content_of(Stream& stream);

  static ssize_t take_content(nghttp2_session*, StreamId id, std::uint8_t*, std::size_t length,
                              std::uint32_t* flags, nghttp2_data_source* source, void* user);
  static int write_content(nghttp2_session*, nghttp2_frame*, const std::uint8_t* frame_head,
                           std::size_t length, nghttp2_data_source* source, void* user);
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int on_frame_lost(nghttp2_session*, const nghttp2_frame* frame, int error, void* user);
};

// The payload of the PING whose answer ends the first half of a drain.
inline constexpr std::string_view drain_ping = "draining";

nghttp2_session* make_session(Role role, Session& session, nghttp2_mem& memory);

}  // namespace tandem::master::h2
