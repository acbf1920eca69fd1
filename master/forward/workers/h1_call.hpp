// h1_call.hpp: a connection to a worker that speaks HTTP/1, which one request at a time has alone.
// Closing it gives its place back. Owner: an attempt, or its Upstream while it is idle.
#pragma once

#include <string>

#include "master/forward/io/byte_stream.hpp"
#include "master/forward/stream/h1_stream.hpp"
#include "master/forward/workers/worker_call.hpp"
#include "master/forward/workers/worker_io.hpp"

namespace tandem::tls {
class WorkerTls;
}

namespace tandem::master {

class H1Call final : public WorkerCall {
 public:
  // `client`: the address whose requests it carries, which the worker is told; empty: anybody's.
  // REQUIRES: its place is counted
  H1Call(std::shared_ptr<Upstream> upstream, const WorkerIo& io, std::string client = {});
  ~H1Call() override;

  MessageStream& stream() override { return stream_; }
  Task<IoResult> connect() override;
  bool is_reused() const override { return reused_; }
  bool has_own_connection() const override { return true; }
  unsigned refusing_alert() override;
  bool has_stirred() const override { return connection_.has_stirred(); }

  // ---- for its Upstream, which keeps it while it is idle
  // Nothing was said that nobody asked for, and the worker has not closed it.
  bool stays_quiet() { return connection_.stays_quiet(); }
  // It is dropped as soon as anything happens there.
  void fall_idle(Instant now);
  // Carries another request.
  void wake() { connection_.expect_answer(); }
  // What had happened here before it fell idle is known: the reactor has looked since.
  bool is_settled() { return idle_round_ < connection_.reactor().rounds(); }
  // The same, of all that happened: the reactor has seen every edge.
  bool is_known() { return is_settled() && connection_.reactor().is_caught_up(); }
  bool is_quiet() { return connection_.is_quiet(); }
  // Something was said that nobody asked for, and the worker has not closed it, as after a 408.
  bool has_spoken();
  // Closes it, and leaves no port behind that waits.
  void break_off() { connection_.reset(); }
  Instant idle_since() const { return idle_since_; }
  const std::string& client() const { return client_; }
  // It was made by what counts no more: TLS with its worker has changed, or what that is told, or a
  // certificate has ended.
  bool is_outdated(Instant now) const;

 private:
  static void stir(void* call);
  IoResult announce_client();
  bool finish_this(std::unique_ptr<WorkerCall> self, Instant now) override;

  const std::string client_;
  BufferPool& buffers_;
  ByteStream connection_;
  H1Stream stream_;
  Instant idle_since_;
  std::shared_ptr<const tandem::tls::WorkerTls> tls_;  // it was begun by; null: in clear
  Instant good_until_ = Instant::forever();
  std::uint64_t idle_round_ = 0;  // of the reactor, in which it was put back
  bool reused_ = false;
};

}  // namespace tandem::master
