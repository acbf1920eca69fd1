// raw_server.hpp: HTTP on bare sockets, for a worker that behaves as no ordinary
// server does: it resets connections in the middle of an answer, and stops listening and starts
// again.
//
// It understands what a master sends: well-formed heads, bodies with a Content-Length; or HTTP/2,
// when a connection begins that way. One thread for each connection, and one that accepts; if the
// port is not available the program ends. Owner: one thread; the handler is called by any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>

namespace tandem::e2e {

struct RawRequest {
  std::string method;
  std::string target;
  std::string body;
};

// What to send, and whether to reset the connection after it.
struct RawReply {
  std::string bytes;
  bool resets = false;
};

// It is reset, not ended, when it is closed.
void reset_when_closed(int socket);

// The number that `text` begins with; 0 when there is none.
std::size_t number_in(std::string_view text);

// Lives as long as the program, because it does not wait for the threads of its connections.
class RawServer {
 public:
  using Handler = std::function<RawReply(const RawRequest&)>;

  explicit RawServer(Handler handler) : handler_(std::move(handler)) {}

  // Listens there; returns the port, which the kernel chooses for port 0. Others that share the
  // port on purpose (SO_REUSEPORT) may hold it while nobody listens. REQUIRES: !is_open()
  std::uint16_t open(std::uint16_t port, const std::string& address = "127.0.0.1");
  bool is_open() const { return accepting_.joinable(); }

  enum class Connections { stay, are_reset };
  // Stops listening.
  void close(Connections connections);

 private:
  void accept_all();
  void serve(int socket);
  bool serve_one(int socket, std::string& input);

  Handler handler_;
  int listener_ = -1;
  std::thread accepting_;
  std::mutex mutex_;  // of the sockets
  std::set<int> sockets_;
};

}  // namespace tandem::e2e
