// http_server_connection.hpp: a connection of HttpServer, and how answers are written to it.
// Internal to HttpServer.
//
// Owner: the thread of the server's loop.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include "common/http/channel.hpp"
#include "common/http/http_server.hpp"

namespace tandem {

using SteadyTime = std::chrono::steady_clock::time_point;

inline SteadyTime after(Duration delay) { return std::chrono::steady_clock::now() + delay; }

struct HttpServer::Connection : ConnectionSlots::Holder, std::enable_shared_from_this<Connection> {
  explicit Connection(boost::asio::ip::tcp::socket accepted);
  Connection(boost::asio::io_context& loop, DetachedChannel&& detached);

  void close() override { socket.close(); }

  std::string peer;
  Channel socket;
  std::shared_ptr<const access::Credential> certified;  // null: there is no TLS
  boost::beast::flat_buffer buffer;  // holds no memory while the connection is idle
  SteadyTime deadline = SteadyTime::max();
  std::function<void()> ended;  // of one that was adopted
  bool is_trusted = false;
  bool is_idle = false;    // its coroutine waits for the next request
  bool is_parked = false;  // nothing is under way but the wait for the next request

  // What is asked here again and again (RepeatedRequests), as it was admitted last.
  bool repeats = false;
  std::string method;
  std::string path;
  std::string host;
  std::string authorization;
  std::uint64_t admissions = 0;
  std::shared_ptr<const access::Credential> caller;
};

// Appends the answer to `out`, without its stream.
void write_answer(std::string& out, const ControlResponse& response, std::string_view date,
                  std::string_view method, bool keep_alive);

}  // namespace tandem
