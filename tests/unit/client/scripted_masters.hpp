// scripted_masters.hpp: what the tests of the client library share: masters that follow a script,
// and clients that know them.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/gateway/origin.hpp"
#include "tandem/client.hpp"

namespace tandem::test {

inline std::string address_of(const Origin& origin) {
  return "127.0.0.1:" + std::to_string(origin.port());
}

template <class... Masters>
ClientOptions knowing(const Masters&... masters) {
  ClientOptions options;
  options.masters = {address_of(masters)...};
  options.deadline = std::chrono::seconds(20);  // only a failing test waits for so long
  return options;
}

inline std::string answer(const std::string& status_line, const std::string& fields,
                          const std::string& body) {
  return "HTTP/1.1 " + status_line + "\r\n" + fields +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// A master's own refusal.
inline std::string unserved(const std::string& code) {
  return answer("503 Service Unavailable", "Retry-After: 1\r\n",
                R"({"error":{"code":")" + code + R"(","message":"Not now."}})");
}

// Takes one request and closes the connection after `response`, which may be part of one.
inline Origin::Script once(std::string response) {
  return [response = std::move(response)](Origin& origin, RawSocket& socket) {
    origin.receive(socket);
    if (!response.empty()) socket.send(response);
  };
}

// Takes requests and says nothing, as a frozen process does.
inline void say_nothing(Origin& origin, RawSocket& socket) {
  origin.receive(socket);
  socket.wait_for_hang_up();
}

// Whether it is the client's question whether the master is alive.
inline bool is_probe(const Message& request) {
  return request.start_line() == "OPTIONS * HTTP/1.1" && request.field("Max-Forwards") == "0";
}

// Requests but for probes.
inline std::size_t calls_at(const Origin& origin) {
  const auto requests = origin.requests();
  return static_cast<std::size_t>(std::count_if(requests.begin(), requests.end(),
                                                [](const Message& r) { return !is_probe(r); }));
}

// A port of loopback on which nothing listens.
inline std::string refusing_address() {
  Origin gone(say_nothing);
  auto address = address_of(gone);
  gone.stop_listening();
  return address;
}

// Waits for what has no condition variable of its own; false when it does not come to that.
inline bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace tandem::test
