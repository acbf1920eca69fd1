#include "master/forward/exchange/tunnel.hpp"

#include "master/forward/exchange/request_times.hpp"
#include "master/forward/exchange/watched_deadline.hpp"

namespace tandem::master {

namespace {

// The time-outs of writes in a tunnel.
ForwardTimeouts tunnel_timeouts(const ForwardTimeouts& all) {
  ForwardTimeouts timeouts;
  timeouts.body_idle = all.tunnel_idle;
  timeouts.pace = any_pace;
  return timeouts;
}

class Tunnel {
 public:
  Tunnel(Context& context, MessageStream& client, MessageStream& worker)
      : context_(context),
        client_(client),
        worker_(worker),
        timeouts_(tunnel_timeouts(context.timeouts())),
        times_(timeouts_),
        upwards_(context.wheel(), client),
        downwards_(context.wheel(), client) {
    idle_.on_expiry([](void* context) { static_cast<Tunnel*>(context)->look_whether_idle(); },
                    this);
    const auto cut = [](void* context) { static_cast<Tunnel*>(context)->cut(); };
    upwards_.on_expiry(cut, this);
    downwards_.on_expiry(cut, this);
  }

  Detached run_upwards(Buffer bytes) {
    auto copying = copy(client_, worker_, std::move(bytes), upwards_);
    co_await copying;
    upwards_ended_.set();
  }
  Task<> run(Buffer from_client, Buffer from_worker) {
    context_.arm(idle_, context_.timeouts().tunnel_idle);
    run_upwards(std::move(from_client));
    auto copying = copy(worker_, client_, std::move(from_worker), downwards_);
    co_await copying;
    co_await upwards_ended_;
  }
  TunnelEnd end() const { return is_broken_ ? TunnelEnd::broken : TunnelEnd::orderly; }

 private:
  void cut() {
    is_broken_ = !client_has_all_ || client_.is_gone(false);
    client_.cancel();
    worker_.cancel();
  }

  // A peer that takes what it is sent, however slowly, is not idle. One that takes nothing is found
  // by the deadline of the write.
  void look_whether_idle() {
    if (!upwards_.armed() && !downwards_.armed()) return cut();
    context_.arm(idle_, context_.timeouts().tunnel_idle);
  }

  Task<> copy(MessageStream& from, MessageStream& to, Buffer bytes, WatchedDeadline& deadline) {
    for (;;) {
      const MessageStream::Part part{.content = bytes.view()};
      auto sending = to.send(part);
      if (!sending.done()) deadline.arm_sending(to, times_);
      const auto sent = co_await sending;
      deadline.disarm();
      if (!sent.ok()) break;
      bytes.release();
      context_.arm(idle_, context_.timeouts().tunnel_idle);
      auto reading = from.read(bytes, context_.buffers());
      const IoResult got = co_await reading;
      if (got.error == asio::error::eof) {
        to.shutdown_send();
        client_has_all_ = client_has_all_ || &to == &client_;
        co_return;
      }
      if (!got.ok()) break;
      bytes.commit(got.bytes);
    }
    cut();
  }

  Context& context_;
  MessageStream& client_;
  MessageStream& worker_;
  const ForwardTimeouts timeouts_;
  const RequestTimes times_;
  Deadline idle_;
  WatchedDeadline upwards_;
  WatchedDeadline downwards_;
  OneShotEvent upwards_ended_;
  bool is_broken_ = false;
  bool client_has_all_ = false;
};

}  // namespace

Task<TunnelEnd> run_tunnel(Context& context, MessageStream& client, MessageStream& worker,
                           Buffer from_client, Buffer from_worker) {
  Tunnel tunnel(context, client, worker);
  auto running = tunnel.run(std::move(from_client), std::move(from_worker));
  co_await running;
  co_return tunnel.end();
}

}  // namespace tandem::master
