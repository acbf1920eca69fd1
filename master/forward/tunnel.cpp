#include "master/forward/tunnel.hpp"

namespace tandem::master {

namespace {

class Tunnel {
 public:
  Tunnel(Loop& loop, Socket& client, Socket& worker)
      : loop_(loop), client_(client), worker_(worker) {
    idle_.on_expiry([](void* context) { static_cast<Tunnel*>(context)->cut(); }, this);
  }

  Detached run_upwards(Buffer bytes) {
    auto copying = copy(client_, worker_, std::move(bytes));
    co_await copying;
    upwards_ended_.set();
  }
  Task<> run(Buffer from_client, Buffer from_worker) {
    loop_.arm(idle_, loop_.timeouts().tunnel_idle);
    run_upwards(std::move(from_client));
    auto downwards = copy(worker_, client_, std::move(from_worker));
    co_await downwards;
    co_await upwards_ended_;
  }

 private:
  void cut() {
    client_.cancel();
    worker_.cancel();
  }

  Task<> copy(Socket& from, Socket& to, Buffer bytes) {
    for (;;) {
      auto writing = write_all(to, bytes.view());
      const IoResult wrote = co_await writing;
      if (!wrote.ok()) break;
      bytes.clear();
      loop_.arm(idle_, loop_.timeouts().tunnel_idle);
      auto reading = read_some(from, bytes);
      const IoResult got = co_await reading;
      if (got.error == asio::error::eof) {
        to.shutdown_send();
        co_return;
      }
      if (!got.ok()) break;
      bytes.commit(got.bytes);
    }
    cut();
  }

  Loop& loop_;
  Socket& client_;
  Socket& worker_;
  Deadline idle_;
  Event upwards_ended_;
};

}  // namespace

Task<> run_tunnel(Loop& loop, Socket& client, Socket& worker, Buffer from_client,
                  Buffer from_worker) {
  Tunnel tunnel(loop, client, worker);
  auto running = tunnel.run(std::move(from_client), std::move(from_worker));
  co_await running;
}

}  // namespace tandem::master
