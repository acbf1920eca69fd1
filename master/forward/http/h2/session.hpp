// session.hpp: one HTTP/2 connection (RFC 9113) as a pure thing: bytes in, events out, bytes out.
//
// nghttp2 does framing, HPACK and flow control. On top of it are here the rules for a gateway
// (head_rules), the limits, and the patience with peers that do what helps nobody. No socket, no
// coroutine, no clock: time is passed in. Both roles are the same class: the server answers
// clients, the client asks workers.
//
// The order of things. feed() takes what arrived and calls events; what they submit is sent by
// pull(), which fills a buffer and may call on_sent and on_closed. Events may call everything here
// but feed(), pull(), abandon() and the destructor. When is_finished(), pull() has given all there
// was: the connection is to be closed, and abandon() tells the streams that are left.
//
// Content that arrives is a view for the time of on_content. The peer may send more only for what
// consume() was told, once it was written onward: that is the back-pressure. Content to be sent
// stays with its owner until on_sent; nothing is copied but into the buffer of pull().
// Owner: one loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "common/base/time.hpp"
#include "common/http1/http_head.hpp"
#include "master/forward/http/h2/closed_streams.hpp"
#include "master/forward/http/h2/error_code.hpp"
#include "master/forward/http/h2/frame_head.hpp"
#include "master/forward/http/h2/head.hpp"
#include "master/forward/http/h2/patience.hpp"
#include "master/forward/http/h2/stream.hpp"
#include "master/forward/io/buffer.hpp"
#include "master/forward/io/intrusive_list.hpp"

struct nghttp2_session;

namespace tandem::master::h2 {

class SessionMemory;

enum class Role : std::uint8_t { server, client };

// The first bytes of a client that speaks HTTP/2 by prior knowledge (RFC 9113 §3.4).
inline constexpr std::string_view client_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// How a stream ended.
struct Closure {
  ErrorCode code = ErrorCode::no_error;  // no_error: both sides have sent all, nothing was lost
  bool by_peer = false;                  // it has reset the stream
  bool unprocessed = false;  // the peer says that it did nothing for the request (RFC 9113 §8.7)
};

class SessionEvents {
 public:
  // A request, or the final response to one of ours; `ends`: nothing follows, and there will be no
  // on_end. A request whose head is_refused() is to be answered so.
  virtual void on_head(Stream& stream, PooledHead head, bool ends) = 0;
  // A 1xx response.
  virtual void on_interim(Stream& stream, PooledHead head) = 0;
  virtual void on_content(Stream& stream, std::string_view bytes) = 0;
  // on_end follows.
  virtual void on_trailers(Stream& stream, PooledHead trailers) = 0;
  // The peer's message is complete.
  virtual void on_end(Stream& stream) = 0;
  // Content that was offered has been taken, all of it; its bytes are needed no more.
  virtual void on_sent(Stream& stream) = 0;
  // The stream is gone, and the reference with it.
  virtual void on_closed(Stream& stream, const Closure& closure) = 0;
  // The peer will take no new streams, and those above `last` were not processed: on_closed
  // follows for each.
  virtual void on_goaway(StreamId last, ErrorCode code) = 0;
  // The peer has changed its settings, peer_streams_max() among them.
  virtual void on_settings() = 0;
  // The peer has answered our ping.
  virtual void on_ping_answered() = 0;

 protected:
  ~SessionEvents() = default;
};

// What a request says of itself; fields go in their order, names in any case, those that HTTP/2
// does not have (RFC 9113 §8.2.2) are left out.
struct OutgoingRequest {
  std::string_view method;
  std::string_view scheme;
  std::string_view authority;
  std::string_view path;        // empty for CONNECT
  std::string_view protocol{};  // of extended CONNECT
  std::span<const Field> fields{};
  const FieldNames* never_indexed = nullptr;  // as Stream::never_indexed
};

class Session {
 public:
  // REQUIRES: memory and events outlive it.
  Session(Role role, SessionMemory& memory, SessionEvents& events);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  Role role() const { return role_; }

  // ---- bytes
  // Takes all of `bytes`. One call is a turn, by which new streams are counted.
  void feed(std::string_view bytes, Instant now);
  // Appends what there is to send, until there is no more or the room behind `out`'s content is
  // used up; a head that does not fit makes `out` grow, by 16 KiB at most.
  void pull(Buffer& out);
  bool has_output() const;
  // More input may be fed. False while so much waits to be pulled that the peer ought to read
  // first.
  bool wants_input() const;
  // A head has begun to arrive, and the rest of it is waited for.
  bool is_reading_head() const;
  // Nothing will come or go any more, apart from what has been pulled: close the connection.
  bool is_finished() const;
  // Nothing that arrives is looked at any more: the peer broke a rule of the connection, or it was
  // ended.
  bool has_failed() const { return failed_; }

  // ---- sending, of a server
  // `last`: no content and no trailers follow.
  void send_head(Stream& stream, unsigned status, std::span<const Field> fields, bool last);
  void send_interim(Stream& stream, unsigned status, std::span<const Field> fields);

  // ---- sending, of a client
  // Opens a stream. REQUIRES: can_open()
  Stream& open(const OutgoingRequest& request, bool last);
  bool can_open() const;
  // The head is no larger than the peer says it takes (SETTINGS_MAX_HEADER_LIST_SIZE, RFC 9113
  // §10.5.1). One that sent it a larger one might end the connection, and with it others' streams.
  bool peer_takes(const OutgoingRequest& request) const;

  // ---- sending, of both
  // The next bytes of content, which stay valid until on_sent; `last`: no more follows. Empty
  // bytes end the content, and need no on_sent.
  // REQUIRES: the head was sent without `last`, stream.unsent() == 0
  void send_content(Stream& stream, std::string_view bytes, bool last);
  // Trailers, after the content that was offered; they end the message. Copied.
  // REQUIRES: the head was sent without `last`, and no content with `last`
  void send_trailers(Stream& stream, std::span<const Field> fields);
  // Ends the stream at once. No event comes for it any more, and the reference is gone.
  void reset(Stream& stream, ErrorCode code);
  // n bytes that on_content brought were written onward.
  void consume(Stream& stream, std::size_t n);

  // Nothing happens for a while: keeps as little memory as it can until more is fed. A system call.
  void give_back_memory();

  // ---- the connection
  std::size_t open_streams() const { return streams_.size(); }
  // Says that no new streams will be taken, now (GOAWAY with the last possible id), and after one
  // round trip which ones were (RFC 9113 §6.8). Streams go on; is_finished() when the last ended.
  void begin_drain();
  // The second half at once: the peer did not answer in time.
  void finish_drain();
  bool is_draining() const { return draining_; }
  // Ends the connection: GOAWAY with the code, and nothing after it.
  void terminate(ErrorCode code);
  // Asks the peer for a sign of life, unless it was asked already.
  void ping();
  // When the peer asked for a sign of life last, and was given one; Instant(): never.
  Instant pinged_at() const { return pinged_at_; }
  bool is_ping_unanswered() const { return ping_unanswered_; }
  // The same by SETTINGS that change nothing, which the peer must acknowledge at once (RFC 9113
  // §6.5.3) and nobody counts as a PING.
  void ask_by_settings();
  // It was asked in one way or the other, and has not answered.
  bool is_asked() const { return ping_unanswered_ || settings_asked_; }
  // The connection is lost: each stream that is left ends, as one that the peer has not processed
  // only if the peer said so.
  void abandon();
  // The code of the GOAWAY that this side has sent or is about to; no_error also for none.
  ErrorCode goaway_code() const { return goaway_code_; }
  // Streams that the peer lets us have at once.
  std::uint32_t peer_streams_max() const;
  // It takes extended CONNECT (RFC 8441 §3).
  bool peer_takes_extended_connect() const;

 private:
  friend struct Receiving;  // nghttp2's calls about what has arrived
  friend struct Sending;    // about what is being sent

  void read(std::string_view bytes);
  Stream* find(StreamId id);
  void charge(std::uint32_t points);
  // For a frame on a stream that is gone, unless it may have been on its way.
  void charge_late();
  void fail(ErrorCode code);
  void begin_stream(StreamId id);
  void close_stream(Stream& stream, const Closure& closure);
  void stop_receiving(Stream& stream);
  void widen_connection_window();
  void resume(Stream& stream);
  void submit_trailers(Stream& stream, std::span<const Field> fields);
  void submit_goaway(ErrorCode code);

  const Role role_;
  SessionMemory& memory_;
  SessionEvents& events_;
  nghttp2_session* session_ = nullptr;
  IntrusiveList<Stream> streams_;
  Stream* found_ = nullptr;  // last: what nghttp2 tells comes in runs, one for each stream
  FrameScanner scanner_;
  ClosedStreams closed_;
  Patience patience_;
  Instant now_{};
  Instant pinged_at_{};
  std::uint64_t turn_ = 0;
  void* page_ = nullptr;   // of nghttp2's table of streams
  Buffer* out_ = nullptr;  // of the pull that is going on
  StreamId last_opened_ = 0;
  std::uint32_t opened_in_turn_ = 0;
  std::uint32_t receiving_ = 0;    // streams whose peers have not ended
  std::uint32_t window_ = 65'535;  // of the connection
  std::uint32_t free_window_updates_ = 100;
  std::uint32_t settings_unacknowledged_ = 1;  // ours; the first are sent at the beginning
  std::uint32_t free_late_frames_ = 0;  // that may have been on their way when we reset a stream
  std::uint64_t part_ = 0;              // of the payload that is arriving, where it is looked at
  std::uint32_t part_bytes_ = 0;
  ErrorCode goaway_code_ = ErrorCode::no_error;
  bool page_vacated_ = false;
  bool preface_waits_ = false;  // a client's, to be pulled first
  bool useful_since_ping_ = true;
  bool settings_seen_ = false;
  bool settings_sent_ = false;
  bool goaway_received_ = false;
  bool draining_ = false;
  bool drain_finished_ = false;
  bool drain_ping_waits_ = false;  // for the GOAWAY that goes before it
  bool calmed_ = false;            // told to go away for what it did
  bool failed_ = false;            // nothing that arrives is looked at any more
  bool broken_ = false;            // nghttp2 can write no more
  bool ping_unanswered_ = false;
  bool settings_asked_ = false;
};

}  // namespace tandem::master::h2
