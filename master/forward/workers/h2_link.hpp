// h2_link.hpp: a connection to a worker that speaks HTTP/2: each of its streams is a call.
//
// It is ready once it is connected and the worker has sent its settings, which say how many streams
// it takes; one that says something else has failed. What the calls submit in one turn of the loop
// leaves in one system call. While calls wait and the worker says nothing, it is asked whether it
// is still there, by PINGs as far as it bears them (PingBudget), then by SETTINGS; until it answers
// it gets no new calls, and in the end it is given up. A call that is cancelled is reset at once;
// its place is free when the worker is known to have read that (CancelledCalls), and until then it
// counts as one of the streams that the worker takes. Owner: the loop; it lives as long as its
// connection, or as it is held.
#pragma once

#include <memory>
#include <utility>

#include "master/forward/http/h2/session.hpp"
#include "master/forward/io/deadline_wheel.hpp"
#include "master/forward/io/intrusive_list.hpp"
#include "master/forward/io/byte_stream.hpp"
#include "master/forward/io/wake.hpp"
#include "master/forward/stream/h2_stream.hpp"
#include "master/forward/workers/cancelled_calls.hpp"
#include "master/forward/workers/ping_budget.hpp"
#include "master/forward/workers/worker_handshake.hpp"
#include "master/forward/workers/worker_io.hpp"

namespace tandem::tls {
class WorkerTls;
}

namespace tandem::master {

class WorkerStream;

class WorkerLink final : public H2Link, private h2::SessionEvents {
 public:
  // Connects, and goes on by itself.
  // `tls`: null: in clear.
  static std::shared_ptr<WorkerLink> begin(const WorkerIo& io, const TcpEndpoint& worker,
                                           std::shared_ptr<const tandem::tls::WorkerTls> tls);
  // As begin() makes it.
  WorkerLink(const WorkerIo& io, const TcpEndpoint& worker,
             std::shared_ptr<const tandem::tls::WorkerTls> tls);
  ~WorkerLink();

  bool is_being_made() const { return !ready_ && !ended_; }
  // It carries no calls any more.
  bool has_ended() const { return ended_; }
  // Nothing of it is left, after a while in which the worker was told why.
  bool is_closed() const { return ended_ && !connection_.is_open(); }
  // Another call can begin here now.
  bool has_room() const {
    return ready_ && !ended_ && !retired_ && !leaves_ && session_.can_open() && !is_in_doubt() &&
           session_.open_streams() + cancelled_.size() < session_.peer_streams_max();
  }
  // No call has ever begun here.
  bool is_unused() const { return newest_ == 0; }
  // The worker has accepted it, and closed it or said that it takes no calls here before there was
  // one: so does a server that is being replaced by another process at the same address.
  bool was_turned_away() const { return turned_away_; }
  // Before it was ready: see worker_handshake.hpp.
  unsigned refusing_alert() { return tandem::master::refusing_alert(connection_); }
  // The worker has closed it, and said nothing since it was idle: it may have closed it before it
  // saw the calls that were begun then.
  bool was_closed_idle() const { return closed_idle_; }
  // As far as the kernel knows, the worker has not closed it while it was idle. One system call.
  bool looks_open() { return session_.open_streams() > 0 || connection_.is_quiet(); }

  // co_await: whether it is ready; an error says why it never will be.
  class Readiness : public IntrusiveListMember<Readiness> {
   public:
    explicit Readiness(WorkerLink& link) : link_(link) {}
    // It has had its result.
    ~Readiness() { TANDEM_ASSERT(!waiter_); }

    bool await_ready() const { return link_.ready_ || link_.ended_; }
    void await_suspend(std::coroutine_handle<> waiter);
    IoResult await_resume() const;
    // Who waits is told operation_aborted.
    void cancel();

   private:
    friend class WorkerLink;
    void resume();
    WorkerLink& link_;
    std::coroutine_handle<> waiter_;
    bool cancelled_ = false;
  };

  // More than one call has begun here. The end of the connection counts against the worker once,
  // whichever of them asks.
  bool is_shared() const { return shared_; }
  bool takes_blame() { return !std::exchange(blamed_, true); }

  // Takes no more calls, and ends with the last of those that there are. Only then is the worker
  // told: there are servers that close a connection as soon as they read GOAWAY. Calls that wait
  // for it to be made are told that it has ended.
  void retire();
  bool is_retired() const { return retired_; }
  // Ends at once.
  void close();
  bool is_idle_since(Instant since) const {
    return ready_ && session_.open_streams() == 0 && idle_since_ < since;
  }

  // ---- for its calls
  std::string_view scheme() const { return tls_ == nullptr ? "http" : "https"; }
  // What it is made of.
  const WorkerIo& worker_io() const { return worker_io_; }
  h2::Session& session() override { return session_; }
  void want_send() override { wake_writer_.set(); }
  // A stream was opened.
  void note_opened(const h2::Stream& stream);
  // One of them was reset before the worker had ended it: keeps its place.
  void keep_place(std::shared_ptr<Upstream> upstream);

 private:
  static Detached run(std::shared_ptr<WorkerLink> link);
  static Detached write_all_out(std::shared_ptr<WorkerLink> link);
  Task<> read_all();
  Task<bool> write_out();
  Task<> linger();
  void leave();
  void end(ErrorCodeOs why);
  void resume_waiters();
  void watch();
  void look_whether_quiet();
  void ping();
  void last_as_long_as_its_certificate();
  bool is_in_doubt() const;
  bool ask_about_resets();
  bool says_farewell();
  void note_said(const h2::Stream& stream);

  // ---- of the session
  void on_head(h2::Stream& stream, h2::PooledHead head, bool ends) override;
  void on_interim(h2::Stream& stream, h2::PooledHead head) override;
  void on_content(h2::Stream& stream, std::string_view bytes) override;
  void on_trailers(h2::Stream& stream, h2::PooledHead trailers) override;
  void on_end(h2::Stream& stream) override;
  void on_sent(h2::Stream& stream) override;
  void on_closed(h2::Stream& stream, const h2::Closure& closure) override;
  void on_goaway(h2::StreamId, h2::ErrorCode) override { turned_away_ = is_unused(); }
  void on_settings() override;
  void on_ping_answered() override;

  const WorkerIo worker_io_;
  DeadlineWheel& wheel_;
  const TcpEndpoint worker_;
  const std::shared_ptr<const tandem::tls::WorkerTls> tls_;
  ByteStream connection_;
  h2::Session session_;
  Wake wake_writer_;
  IntrusiveList<Readiness> waiting_;
  CancelledCalls cancelled_;
  PingBudget pings_;
  Deadline quiet_;     // the worker has said nothing for a while; or has been told to go for long
  Deadline outdated_;  // its certificate ends: no more calls begin here
  Instant idle_since_;
  Instant asked_at_ = Instant::never();  // last, whether it is there
  h2::StreamId newest_ = 0;              // that was opened; 0: none yet
  ErrorCodeOs failure_;
  bool heard_ = false;  // since quiet_ was armed
  bool ready_ = false;
  bool ended_ = false;
  bool shared_ = false;
  bool blamed_ = false;
  bool turned_away_ = false;
  bool silent_since_idle_ = false;  // calls have begun after a pause, and nothing was read since
  bool closed_idle_ = false;
  bool retired_ = false;
  bool leaves_ = false;  // it ends soon: the worker is told why, or takes nothing any more
};

}  // namespace tandem::master
