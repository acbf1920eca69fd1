// origin.hpp: a scripted worker: accepts real connections, hands each to the test's script on a
// thread of its own, and remembers every request that it received.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "raw_socket.hpp"

namespace tandem::test {

class Origin {
 public:
  // Serves one connection; called again for each new one. When it returns or throws the connection
  // closes.
  using Script = std::function<void(Origin&, RawSocket&)>;

  explicit Origin(Script script);
  ~Origin();
  Origin(const Origin&) = delete;
  Origin& operator=(const Origin&) = delete;

  std::uint16_t port() const { return port_; }
  // Reads a request and remembers it.
  Message receive(RawSocket& socket);
  // Refuses connections from now on.
  void stop_listening();

  std::vector<Message> requests() const;
  std::size_t request_count() const { return requests().size(); }
  std::size_t connection_count() const { return connections_; }
  std::size_t open_count() const { return now_open_; }
  // The most connections that were open at once.
  std::size_t connections_peak() const { return peak_; }

 private:
  void accept_all();
  void serve(int descriptor);

  Script script_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::vector<Message> requests_;
  std::vector<std::thread> threads_;
  std::vector<int> open_;
  std::atomic<std::size_t> connections_{0};
  std::atomic<std::size_t> now_open_{0};
  std::atomic<std::size_t> peak_{0};
  std::atomic<bool> stopping_{false};
  std::thread acceptor_;
};

// A script that answers every request of a connection with `response`.
Origin::Script always(std::string response);
// "HTTP/1.1 200 OK" with that body and a Content-Length.
std::string ok(std::string_view body);

}  // namespace tandem::test
