// discovery_scene.hpp: a master that reads a registry of others, and plain servers which that
// lists.
//
// Owner: the test's thread.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tests/e2e/harness/cluster.hpp"
#include "tests/gateway/origin.hpp"

namespace tandem::e2e {

// A server that answers each request with its name.
class ListedServer {
 public:
  explicit ListedServer(const std::string& name)
      : origin_([name](test::Origin& origin, test::RawSocket& socket) {
          for (;;) {
            origin.receive(socket);
            socket.send(test::ok(name));
          }
        }) {}
  std::string address() const { return "127.0.0.1:" + std::to_string(origin_.port()); }
  std::uint16_t port() const { return origin_.port(); }
  std::string worker() const { return "127.0.0.1-" + std::to_string(origin_.port()); }

 private:
  test::Origin origin_;
};

// Answers as a Consul agent does: blocking queries wait until the index is another one, or this
// object ends.
class ConsulAgent {
 public:
  ConsulAgent() : origin_([this](auto& origin, auto& socket) { serve(origin, socket); }) {}
  ~ConsulAgent() { stopping_ = true; }

  std::string address() const { return "127.0.0.1:" + std::to_string(origin_.port()); }
  void list(const std::vector<std::uint16_t>& ports, std::uint64_t index) {
    std::string body = "[";
    for (const auto port : ports) {
      body += fmt::format(
          R"({}{{"Node":{{"Address":"127.0.0.1"}},"Service":{{"ID":"s{}","Port":{}}}}})",
          body.size() > 1 ? "," : "", port, port);
    }
    say(body + "]", index);
  }
  void say(const std::string& body, std::uint64_t index, const std::string& status = "200 OK") {
    const std::lock_guard lock(mutex_);
    body_ = body;
    index_ = index;
    status_ = status;
  }
  // The queries, each with its target and its fields.
  std::vector<std::string> queries() const {
    std::vector<std::string> all;
    for (const auto& request : origin_.requests()) all.push_back(request.head);
    return all;
  }
  std::size_t asked() const { return origin_.request_count(); }

 private:
  void serve(test::Origin& origin, test::RawSocket& socket) {
    const auto line = origin.receive(socket).start_line();
    const auto at = line.find("index=");
    const auto waits_beyond = at == line.npos ? 0 : std::stoull(line.substr(at + 6));
    while (waits_beyond != 0 && !stopping_) {
      {
        const std::lock_guard lock(mutex_);
        if (index_ != waits_beyond) break;
      }
      if (!socket.stays_silent(5)) return;
    }
    const std::lock_guard lock(mutex_);
    socket.send(
        fmt::format("HTTP/1.1 {}\r\nContent-Type: application/json\r\nX-Consul-Index: {}\r\n"
                    "Content-Length: {}\r\n\r\n{}",
                    status_, index_, body_.size(), body_));
  }

  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::string body_ = "[]";
  std::uint64_t index_ = 1;
  std::string status_ = "200 OK";
  test::Origin origin_;
};

using Json = nlohmann::json;

// What it tells of its only --discover; null: it does not answer.
inline Json source_of(const std::string& control) {
  const auto answer = get(control, "/status");
  if (answer.status != 200) return {};
  const auto sources = Json::parse(answer.body).at("sources");
  return sources.empty() ? Json() : sources.at(0);
}

inline bool await_source(const std::string& control, const std::string& state) {
  return eventually([&] {
    const auto source = source_of(control);
    return !source.is_null() && source.at("state") == state;
  });
}

// The flags with which its workers are probed often.
inline Arguments discovering(const std::string& source, const Arguments& more = {}) {
  Arguments all{"--discover", source, "--service", "default:check_interval=50ms"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace tandem::e2e
