// h2_connection.hpp: a client's connection that speaks HTTP/2: each of its streams is a request
// with an exchange of its own.
//
// One coroutine reads and feeds the session, another writes what the session has to send, gathered
// over a turn of the loop, so that the answers of many streams leave in one system call. A
// connection without streams waits without a buffer. Owner: the client session, on its loop.
#pragma once

#include <string_view>

#include "master/forward/exchange/exchange.hpp"
#include "master/forward/http/h2/session.hpp"
#include "master/forward/io/intrusive_list.hpp"
#include "master/forward/io/wake.hpp"
#include "master/forward/stream/h2_stream.hpp"
#include "master/forward/stream/body_pace.hpp"

namespace tandem::master {

class H2Connection : private h2::SessionEvents, private H2Link {
 public:
  // All outlive it.
  H2Connection(Context& context, ByteStream& connection, const Sender& client);
  ~H2Connection();

  // Serves until the connection has ended and nothing of it runs any more; `in`: what has arrived,
  // the preface first. Call once.
  Task<> run(Buffer& in);
  // Takes no new streams, and ends when those that there are have ended.
  void drain();
  // There are no streams, and have not been since then.
  bool is_idle_since(Instant since) const;
  // The same at once. REQUIRES: is_idle_since()
  void leave();
  // Ends as soon as possible; the connection is closed already.
  void abort();

 private:
  class Request;

  // ---- of the session
  void on_head(h2::Stream& stream, h2::PooledHead head, bool ends) override;
  void on_interim(h2::Stream&, h2::PooledHead) override {}
  void on_content(h2::Stream& stream, std::string_view bytes) override;
  void on_trailers(h2::Stream& stream, h2::PooledHead trailers) override;
  void on_end(h2::Stream& stream) override;
  void on_sent(h2::Stream& stream) override;
  void on_closed(h2::Stream& stream, const h2::Closure& closure) override;
  void on_goaway(h2::StreamId, h2::ErrorCode) override {}
  void on_settings() override {}
  void on_ping_answered() override {}

  // ---- of the streams
  h2::Session& session() override { return session_; }
  void want_send() override { wake_writer_.set(); }

  Task<> read_all(Buffer& in);
  void watch_head();
  void give_head_up();
  void fall_idle();
  void stay_idle();
  void finish_drain();
  Detached write_all_out();
  Task<bool> write_out();
  void look_at_client();
  Task<> await_pull(Request& request);
  Task<> read_rest(Request& request);
  Task<> end_early(Request& request, bool may_send_on);
  void wake_pulled();
  Detached serve(h2::Stream& stream, h2::PooledHead head, bool ends);
  Task<> serve(Request& request, h2::PooledHead head, bool ends, Instant started);
  enum class ErrorForm : std::uint8_t { document, grpc_status };
  Task<> refuse(Request& request, Refusal refusal, ErrorForm form, const RequestHead& parsed,
                Instant started);

  Context& context_;
  ByteStream& connection_;
  const Sender& client_;
  h2::Session session_;
  IntrusiveList<Request> requests_;  // that are being served
  Wake wake_writer_;
  Wake wake_reader_;     // input is wanted again, or a request has ended
  Deadline idle_;        // nothing was asked for a while, or for so long that it may end
  Deadline head_;        // a head has begun, and does not end
  Deadline drain_ping_;  // a client that is told to go does not answer
  Deadline stalled_;     // the client takes nothing of what is sent to it
  SendProgress progress_;
  OneShotEvent writer_ended_;
  Instant idle_since_;
  Instant fed_at_;                 // when what the session is told last had arrived
  std::size_t awaiting_pull_ = 0;  // requests
  bool settled_ = false;           // nothing was asked for a while: it keeps little memory
  bool lost_ = false;              // the connection is
  bool ending_ = false;            // the writer is to stop
};

}  // namespace tandem::master
