// h2_call.hpp: a request at a worker that speaks HTTP/2: one stream of a connection that others
// share.
//
// A place at the worker is a stream there. The stream opens when the head is sent; until then the
// call can still go to another connection, when the worker takes no more streams on the first. A
// call that ends before its stream has is reset, and the connection keeps its place for a while;
// one whose answer is here as a whole has none any more, though nobody has read all of it yet.
// Owner: an attempt, on its loop.
#pragma once

#include <memory>
#include <optional>

#include "master/forward/io/frame_pool.hpp"
#include "master/forward/stream/h2_stream.hpp"
#include "master/forward/stream/websocket.hpp"
#include "master/forward/workers/h2_link.hpp"
#include "master/forward/workers/worker_call.hpp"
#include "master/forward/workers/worker_io.hpp"

namespace tandem::master {

class H2Call;

// A request and its response, as one stream. Heads cross it as HTTP/1.1 text. A request that opens
// a WebSocket becomes extended CONNECT (RFC 8441), if the worker takes that.
class WorkerStream final : public H2Stream {
 public:
  WorkerStream(WorkerLink& link, H2Call& call) : H2Stream(link), worker_link_(&link), call_(call) {}

  void cancel() override;

  // ---- for its call
  // REQUIRES: nothing was sent
  void move_to(WorkerLink& link);
  // cancel() ends this waiting.
  void waits_for(WorkerLink::Readiness* readiness) { readiness_ = readiness; }
  bool has_stirred() const { return head_arrived_; }
  bool was_beyond_worker() const { return beyond_worker_; }
  bool was_too_large() const { return too_large_; }
  // The worker has not ended it, as far as is known.
  bool is_under_way() const {
    return opened_ && !has_ended() && !closure().by_peer && !closure().unprocessed;
  }

  // ---- what the session says of it
  void on_head(const h2::Head& head, bool ends);
  void on_closed(const h2::Stream& stream, const h2::Closure& closure);

 private:
  bool submit_head(WrittenHead& request, bool last) override;
  void read_text(std::string_view text, WrittenHead& head) const override;

  WorkerLink* worker_link_;
  H2Call& call_;
  WorkerLink::Readiness* readiness_ = nullptr;
  std::optional<WebSocketKey> websocket_key_;  // it opens one
  bool opened_ = false;
  bool beyond_worker_ = false;
  bool too_large_ = false;
  bool head_arrived_ = false;
  bool to_head_ = false;  // the request is HEAD: its answer has no content
};

class H2Call final : public WorkerCall {
 public:
  enum class Sharing { shared, exclusive };
  // Sharing::exclusive: nobody else has the connection, which ends with the call.
  // REQUIRES: its place is counted
  H2Call(std::shared_ptr<Upstream> upstream, std::shared_ptr<WorkerLink> link, const WorkerIo& io,
         Sharing sharing = Sharing::shared);
  ~H2Call() override;

  MessageStream& stream() override { return stream_; }
  Task<IoResult> connect() override;
  bool is_reused() const override { return link_->was_closed_idle(); }
  bool has_own_connection() const override { return false; }
  unsigned refusing_alert() override { return link_->refusing_alert(); }
  bool has_stirred() const override { return stream_.has_stirred(); }
  bool was_unprocessed() const override;
  bool was_beyond_worker() const override { return stream_.was_beyond_worker(); }
  bool was_too_large() const override { return stream_.was_too_large(); }
  bool was_lost_shared() const override;
  bool takes_blame() override;

  // The worker has ended its stream: its place is free, however slowly the answer is taken.
  void note_ended();

  // Its memory is the loop's, like that of a coroutine.
  static void* operator new(std::size_t bytes) { return frame_pool_allocate(bytes); }
  static void operator delete(void* call, std::size_t bytes) { frame_pool_free(call, bytes); }

 private:
  bool finish_this(std::unique_ptr<WorkerCall> self, Instant now) override;

  WorkerIo io_;
  std::shared_ptr<WorkerLink> link_;
  const Sharing sharing_;
  WorkerStream stream_;
  bool has_place_ = true;
};

}  // namespace tandem::master
