// control_fixture.hpp: a real control plane on a port of its own, and a client to talk to it.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/endpoint.hpp"
#include "master/control/control_plane.hpp"

namespace tandem::master {

struct Answer {
  int status = 0;
  std::string body;
  std::map<std::string, std::string> fields;
};

// One kept-alive connection, through cpp-httplib.
class ControlClient {
 public:
  explicit ControlClient(const Endpoint& address, const std::string& token = {});
  ~ControlClient();

  Answer get(const std::string& path, const std::map<std::string, std::string>& fields = {});
  Answer head(const std::string& path);
  Answer post(const std::string& path, const std::string& body = {},
              const std::map<std::string, std::string>& fields = {});
  Answer put(const std::string& path, const std::string& body);
  Answer remove(const std::string& path);
  Answer send(const std::string& method, const std::string& path);

 private:
  struct Connection;
  std::unique_ptr<Connection> connection_;
};

// Waits until `condition` holds, five seconds at most; returns whether it does.
bool eventually(const std::function<bool()>& condition);

// Without `port` each name has its own: w1 has 9001.
std::string heartbeat_json(const std::string& name, std::uint16_t port = 0,
                           const std::string& incarnation = "one");

class ControlFixture {
 public:
  // Starts it on a port that the kernel chooses, and waits until it leads.
  explicit ControlFixture(ControlPlaneOptions options = {});

  // The names of those that get traffic in a service by the latest snapshot: "a b c".
  std::string traffic(std::string_view service = "default") const;
  std::shared_ptr<const SnapshotWorker> shown(std::string_view name) const;
  std::size_t snapshots() const;

 private:
  mutable std::mutex mutex_;
  SnapshotPtr latest_;
  std::size_t snapshots_ = 0;

 public:
  ServingGate gate;
  ControlPlane plane;
};

// A control plane whose snapshots nobody looks at.
class UnwatchedPlane {
 public:
  explicit UnwatchedPlane(ControlPlaneOptions options)
      : plane(std::move(options), gate, {[](SnapshotPtr) {}, [](LeadershipPtr) {}}) {}

 private:
  ServingGate gate;

 public:
  ControlPlane plane;
};

// An HTTP/1.1 server that gives each connection one fixed answer; its port refuses once it is gone.
class FixedBackend {
 public:
  explicit FixedBackend(std::string answer, std::uint16_t port = 0);
  ~FixedBackend();

  Endpoint address() const;
  unsigned requests() const;
  void answer_with(std::string answer);

 private:
  struct Server;
  std::unique_ptr<Server> server_;
};

}  // namespace tandem::master
