// connection_server.hpp: cpp-httplib's routing, on a listener, threads and HTTP of our own.
//
// The library's server pins a pool thread to each connection, cannot be stopped gracefully, and
// reads requests so that what was the body of one may be taken for the next one. Here a connection
// is read by RequestReader, cpp-httplib is shown one request at a time (RequestStream), and its
// answers must be what their heads announce (ResponseWriter). A connection is used again only when
// the request was read to its last byte and the response is complete.
//
// One thread serves one connection. Threads are made when needed, kept, and bounded. Connections
// are always accepted; ConnectionSlots decides which of them stay.
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

#include "common/base/endpoint.hpp"
#include "common/base/mutex.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"
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
  ~ConnectionServer() override;  // as stop() without patience

  // Runs before routing; true: it has answered. REQUIRES: before open().
  using Hook = std::function<bool(const httplib::Request&, httplib::Response&)>;
  void before_request(Hook hook);

  // Whether a request comes from a master, by proof. Called from all threads, with the method, the
  // path and the fields of the request.
  using IsMaster = std::function<bool(const httplib::Request&)>;
  // Connections of masters have `masters` places of their own. REQUIRES: before open().
  void reserve(unsigned masters, IsMaster is_master);

  // Listens on `address` (numeric) and serves at most so many connections at once besides those of
  // masters. Returns the address with its real port. Errors: `io`, saying why. Once.
  Result<Endpoint> open(const Endpoint& address, unsigned connections_max);

  // Accepts no more, closes idle connections, waits for requests in flight for `patience`, then
  // cuts their connections off. Returns when no thread is left: a handler that never returns holds
  // it up.
  void stop(Duration patience);

  unsigned requests_in_flight() const { return in_flight_.load(std::memory_order_relaxed); }

 private:
  struct Exchange {  // what serves one request
    ConnectionIo& io;
    RequestReader& reader;
    ResponseWriter& writer;
  };

  void accept_connections();
  void hand_over(int socket);
  void close(ConnectionSlots::Handle connection) TANDEM_REQUIRES(mutex_);
  void serve_connections();
  void serve_requests(ConnectionSlots::Handle connection);
  static void drop_claims(httplib::Headers& headers);
  bool admit_request(ConnectionSlots::Handle connection, const Exchange& exchange);
  bool serve_request(const Exchange& exchange, httplib::Request values);
  bool gather(const Exchange& exchange, RequestStream& stream, httplib::Request& values);
  bool refuse(const Exchange& exchange, const Refusal& refusal);

  std::vector<Hook> hooks_;
  IsMaster is_master_;
  unsigned master_slots_ = 0;
  int stop_event_ = -1;  // an eventfd: readable from stop() on
  std::thread acceptor_;
  std::atomic<unsigned> in_flight_{0};
  std::atomic<bool> stopping_{false};

  Mutex mutex_;                    // guards what follows
  std::condition_variable work_;   // a connection was accepted, or it is time to stop
  std::condition_variable freed_;  // a connection was closed
  std::deque<ConnectionSlots::Handle> accepted_
      TANDEM_GUARDED_BY(mutex_);                                    // not yet taken by a thread
  std::optional<ConnectionSlots> slots_ TANDEM_GUARDED_BY(mutex_);  // from open() on
  std::vector<ServiceThread> threads_ TANDEM_GUARDED_BY(mutex_);
};

}  // namespace tandem
