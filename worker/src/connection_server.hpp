// connection_server.hpp: cpp-httplib's routing and HTTP, on a listener and threads of our own.
//
// The library's server pins a pool thread to each connection and cannot be stopped gracefully: its
// stop() cuts off responses that are being streamed and then waits for idle connections to time
// out. Here idle connections close at once when asked, requests in flight finish, and it is known
// how many there are.
//
// One thread serves one connection. Threads are made when needed, kept, and bounded: while all are
// busy nothing is accepted, and callers wait in the kernel's queue.
//
// Owner: Worker. open(), stop() by one thread; requests_in_flight() by any.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <httplib.h>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"

namespace tandem {

class ConnectionServer : public httplib::Server {
 public:
  ConnectionServer();
  ~ConnectionServer() override;  // as stop() without patience

  // Runs before routing; true: it has answered. REQUIRES: before open().
  using Hook = std::function<bool(const httplib::Request&, httplib::Response&)>;
  void before_request(Hook hook);

  // Listens on `address` (numeric) and serves at most `connections_max` connections at once.
  // Returns the address with its real port. Errors: `io`, saying why. Once.
  Result<Endpoint> open(const Endpoint& address, unsigned connections_max);

  // Accepts no more, closes idle connections, lets requests in flight finish for `patience`, then
  // cuts their connections off. Returns when no thread is left: a handler that never returns holds
  // it up.
  void stop(Duration patience);

  unsigned requests_in_flight() const { return in_flight_.load(std::memory_order_relaxed); }

 private:
  void serve_requests(int socket);
  void accept_connections();
  void hand_over(int socket);
  void serve_connections();
  void wait_for_a_free_thread();

  std::vector<Hook> hooks_;
  int stop_event_ = -1;  // an eventfd: readable from stop() on
  std::thread acceptor_;
  std::atomic<unsigned> in_flight_{0};
  std::atomic<bool> stopping_{false};

  std::mutex mutex_;               // guards what follows
  std::condition_variable work_;   // a connection was accepted, or it is time to stop
  std::condition_variable freed_;  // a connection was closed
  std::deque<int> accepted_;       // at most as many as threads are free
  std::set<int> open_;             // being served
  std::vector<std::thread> threads_;
  std::size_t connections_max_ = 0;
};

}  // namespace tandem
