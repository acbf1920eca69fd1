// connection_server.hpp: cpp-httplib's routing with our own listener, threads and HTTP reader.
//
// The library's server pins a pool thread to each connection, cannot be stopped gracefully, and may
// take the body of a request for the next request. Here RequestReader reads a connection,
// cpp-httplib is given one request at a time (RequestStream), and its answers must match their
// heads (ResponseWriter). A connection is reused only when the request was read to its last byte
// and the response is complete.
//
// One thread serves one connection. Threads are made when needed, kept, and bounded. Connections
// are always accepted; CallerSlots decides which of them stay.
//
// Owner: Worker. open(), stop() by one thread; requests_in_flight() by any.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <optional>
#include <thread>
#include <vector>

#include <httplib.h>

#include "common/access/refusal_log.hpp"
#include "common/base/endpoint.hpp"
#include "common/base/mutex.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/tls/credentials.hpp"
#include "worker/src/connection_slots.hpp"
#include "worker/src/service_thread.hpp"

namespace tandem {

class ConnectionIo;
class RequestReader;
class RequestStream;
class ResponseWriter;
struct Refusal;

class ConnectionServer : public httplib::Server {
 public:
  ConnectionServer();
  ~ConnectionServer() override;  // as stop(0)

  // `hook` runs before routing; true: it has answered. REQUIRES: open() was not called yet.
  using Hook = std::function<bool(const httplib::Request&, httplib::Response&)>;
  void before_request(Hook hook);

  // Whether a request proves that it comes from a master. Called on all threads, with the method,
  // the path and the fields of the request.
  using IsMaster = std::function<bool(const httplib::Request&)>;
  // Reserves `masters` places for connections of masters. REQUIRES: open() was not called yet.
  void reserve(unsigned masters, IsMaster is_master);

  // Whether the master of that name belongs to the cluster. Called on all threads; it may wait for
  // a moment if not.
  using Belongs = std::function<bool(const std::string& master)>;
  // Connections are TLS, with certificates of the cluster on both sides, and masters are known by
  // theirs; those that do not belong to it are refused. REQUIRES: open() was not called yet.
  void secure(tls::CurrentCredentialsPtr credentials, Belongs belongs);

  // Listens on `address` (numeric) and serves at most `connections_max` connections at once besides
  // those of masters. Returns the address with its actual port. Errors: `io`, with the reason.
  // Called once.
  Result<Endpoint> open(const Endpoint& address, unsigned connections_max);

  // Stops accepting, closes idle connections, waits for requests in flight for `patience`, and then
  // aborts their connections. Returns when no thread is left: a handler that never returns blocks
  // it.
  void stop(Duration patience);

  // Asks the thread that accepts connections to go round once more, and returns how often it has.
  // Any thread, from open() until stop().
  std::uint64_t turns();

  // When the head of the request had come that this thread serves. REQUIRES: it serves one.
  static Instant arrival_of_current();

  unsigned requests_in_flight() const { return in_flight_.load(std::memory_order_relaxed); }

 private:
  struct Exchange {  // the objects that serve one request
    ConnectionIo& io;
    RequestReader& reader;
    ResponseWriter& writer;
  };

  void accept_connections();
  void hand_over(int socket);
  void close(CallerSlots::Handle connection) TANDEM_REQUIRES(mutex_);
  void serve_connections();
  void serve_requests(CallerSlots::Handle connection);
  void drop_claims(httplib::Headers& headers) const;
  bool is_from_master(const ConnectionIo& io, const httplib::Request& values) const;
  bool is_admitted_still(const ConnectionIo& io) const;
  bool is_left_out(const ConnectionIo& io) const;
  bool admit_request(CallerSlots::Handle connection, const Exchange& exchange);
  bool serve_request(const Exchange& exchange, httplib::Request values);
  bool gather(const Exchange& exchange, RequestStream& stream, httplib::Request& values);
  bool refuse(const Exchange& exchange, const Refusal& refusal);

  access::RefusalLog refusals_{"connection refused"};
  std::vector<Hook> hooks_;
  IsMaster is_master_;
  unsigned master_slots_ = 0;
  tls::CurrentCredentialsPtr credentials_;  // null: in clear
  Belongs belongs_;
  int stop_event_ = -1;  // an eventfd: readable from stop() on
  int turn_event_ = -1;  // an eventfd: readable when turns() was called
  std::atomic<std::uint64_t> turns_{0};
  std::thread acceptor_;
  std::atomic<unsigned> in_flight_{0};
  std::atomic<bool> stopping_{false};

  Mutex mutex_;                    // guards what follows
  std::condition_variable work_;   // a connection was accepted, or the server stops
  std::condition_variable freed_;  // a connection was closed
  std::deque<CallerSlots::Handle> accepted_ TANDEM_GUARDED_BY(mutex_);  // not yet taken by a thread
  std::optional<CallerSlots> slots_ TANDEM_GUARDED_BY(mutex_);          // from open() on
  std::vector<ServiceThread> threads_ TANDEM_GUARDED_BY(mutex_);
};

}  // namespace tandem
