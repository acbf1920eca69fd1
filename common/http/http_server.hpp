// http_server.hpp: the HTTP/1.1 server of the control address.
//
// Small on purpose: thousands of workers keep a connection each and send a few hundred bytes a
// second. An idle connection waits for readability and owns no buffer; deadlines are numbers that
// one timer sweeps, because a timer for each connection would cost more than the requests do.
//
// A connection on which the same thing is asked again and again (HttpServerOptions::at_once) costs
// even less: it waits in a set of its own (parked_connections.hpp), without a coroutine, its
// requests are read by the grammar of ordinary heads and answered in one piece, and who asks is not
// asked again as long as that cannot have changed. Whatever is unusual about a request goes the
// usual way, from its first byte on.
//
// The data plane has a server of its own (master/forward), with other needs.
//
// With credentials of the cluster it serves TLS alone: who a caller is is known before it asks for
// anything, a caller whose certificate is revoked or ends loses its connection, and handshakes take
// turns with everything else on the loop.
//
// It can be given another address while it serves: that is opened beside the one before, which is
// closed when its owner says so.
//
// Owner: the thread that runs `loop`. Always: at most connections_max connections that are not
// about to end; the head of a request has at most limits::control_header_bytes_max bytes, and its
// body what its admission allows.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/access/refusal_log.hpp"
#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/http/connection_slots.hpp"
#include "common/http/http_message.hpp"
#include "common/http/limits.hpp"
#include "common/http/parked_connections.hpp"
#include "common/http/turns.hpp"
#include "common/http1/http_head.hpp"
#include "common/tls/credentials.hpp"
#include "common/wire/limits.hpp"

namespace tandem {

// Whether a request is admitted, and how long its body may be. Asked when the head has been read,
// before any of the body.
struct Admission {
  std::optional<ControlResponse> refusal{};
  std::size_t body_bytes_max = limits::control_body_bytes_max;
  bool trusts = false;  // the caller has presented a token: see connection_slots.hpp
  // Who it is; the request has it until it is answered.
  std::shared_ptr<const access::Credential> caller{};
};

// How requests are answered that repeat what was asked on their connection before.
struct RepeatedRequests {
  // Changes whenever somebody who was admitted might be admitted no more, or as somebody else.
  std::function<std::uint64_t()> admissions{};
  // The answer, which has no stream. The request has the method, the path, the host and the caller
  // of one that was admitted, and answered with ControlResponse::repeats.
  std::function<ControlResponse(const ControlRequest&)> answer{};  // empty: all go the usual way
};

struct HttpServerOptions {
  Duration idle_max = limits::control_idle_max;  // between requests; then the connection is closed
  Duration request_max = limits::control_request_max;  // to read a request, and to write its answer
  std::size_t connections_max = limits::control_connections_max;  // see connection_slots.hpp
  std::size_t strangers_max = limits::control_strangers_max;      // of these
  // With these it serves TLS alone; null: plain HTTP alone.
  tls::CurrentCredentialsPtr credentials{};
  // Is passed a request without its body. Empty: all requests are admitted.
  std::function<Admission(const ControlRequest&)> admit{};
  RepeatedRequests at_once{};
};

class HttpServer {
 public:
  // Answers a request; may suspend. An exception from it is answered with 500.
  using Handler = std::function<boost::asio::awaitable<ControlResponse>(const ControlRequest&)>;

  // `loop` outlives the server, and runs until stop() has let its connections end.
  HttpServer(boost::asio::io_context& loop, HttpServerOptions options, Handler handler);
  ~HttpServer();

  // Whether listen() could have that address: it is inherited, or nobody is there. Any thread.
  // Errors: as its.
  static Result<> check_free(const Endpoint& address);
  // Binds and listens, before the loop runs. Returns the address with the port the kernel chose.
  // Errors: `io`, one sentence with the address and the cause.
  Result<Endpoint> listen(const Endpoint& address);

  // Serves from now on, and accepts if listen() succeeded.
  void start();

  // ---- another address while it serves
  struct Listener;
  // Binds and listens, beside what there is; nobody is accepted there yet, and letting go of it
  // closes it. Errors: as listen().
  Result<std::shared_ptr<Listener>> open(const Endpoint& address);
  // Accepts there from now on, and makes it the newest. Returns the address with its port.
  Endpoint add(std::shared_ptr<Listener> opened);
  // Accepts who waits at the addresses before the newest, and closes these. Connections stay.
  void leave_older();
  // Where it listens, the newest last.
  std::vector<Endpoint> addresses() const;

  // Serves a connection that this process has made, as if it had been accepted: who is called there
  // is the one that asks. `unread` has come on it already. `ended` is called once it has ended; not
  // after stop(). REQUIRES: start() was called.
  void adopt(DetachedChannel&& connection, std::string_view unread, std::function<void()> ended);

  // A descriptor of the caller's own for the newest listening socket; -1: there is none.
  int duplicate_listener();
  // Accepts no more, without closing those who wait to be accepted if another process has the
  // socket too. Every answer from now on is the last of its connection.
  void retire();
  // Closes all connections; the loop can end once their coroutines have noticed.
  void stop();

  std::size_t connections() const { return connections_.size(); }
  // How many have ended before anything was asked, since they proved nothing.
  std::uint64_t failed_handshakes() const { return failed_handshakes_; }

 private:
  struct Connection;
  struct Outcome;

  boost::asio::awaitable<void> accept(std::shared_ptr<Listener> listener);
  bool accept_one(Listener& listener, boost::system::error_code& error);
  boost::asio::awaitable<void> pause_accepting(boost::system::error_code why);
  boost::asio::awaitable<void> sweep();
  boost::asio::awaitable<void> look_at_all();
  bool is_to_end(const Connection& connection, const tls::CredentialsPtr& credentials);
  bool shows_replaced(const Connection& connection) const;
  boost::asio::awaitable<void> greet(std::shared_ptr<Connection> connection);
  boost::asio::awaitable<void> serve(std::shared_ptr<Connection> connection);
  boost::asio::awaitable<bool> secure(Connection& connection);
  boost::asio::awaitable<bool> shake_hands(Connection& connection);
  boost::asio::awaitable<bool> serve_request(Connection& connection);
  boost::asio::awaitable<ControlResponse> answer(const ControlRequest& request);
  std::string_view date();
  void end(const std::shared_ptr<Connection>& connection);

  // ---- http_server_repeats.cpp
  void note_repeats(Connection& connection, const ControlRequest& request,
                    const std::shared_ptr<const access::Credential>& caller);
  bool park(Connection& connection);
  void wake(Connection& connection, std::string_view unread);
  void take_repeats(Connection& connection);
  std::size_t answer_at_once(Connection& connection, std::string_view text);

  boost::asio::io_context& loop_;
  HttpServerOptions options_;
  Handler handler_;
  std::vector<std::shared_ptr<Listener>> listeners_;  // the newest last
  boost::asio::steady_timer sweep_timer_;
  boost::asio::steady_timer accept_timer_;
  ConnectionSlots slots_;
  ParkedConnections parked_;
  std::unordered_set<std::shared_ptr<Connection>> connections_;
  Turns turns_;  // of handshakes, each of which takes the processor for a while
  access::RefusalLog handshake_log_{"control connection refused"};
  std::uint64_t failed_handshakes_ = 0;
  std::int64_t date_second_ = -1;
  std::string date_;
  std::vector<char> room_;     // for what is read from a parked connection
  std::vector<Field> fields_;  // of a head in it
  std::string out_;            // the answers to that
  bool is_full_ = false;       // since the last connection that was closed for it
  bool retires_ = false;
  bool stopped_ = false;
};

}  // namespace tandem
