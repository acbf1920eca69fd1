// masters.hpp: the masters that a client knows, the idle connections to each, and which of them
// served last.
//
// Any thread. Locks are held only while a list or a connection is put in or taken out.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "common/base/endpoint.hpp"
#include "common/base/mutex.hpp"
#include "common/client/src/connection.hpp"
#include "common/client/src/liveness_probe.hpp"

namespace tandem::client {

class Master {
 public:
  explicit Master(Endpoint endpoint) : endpoint_(std::move(endpoint)) {}

  const Endpoint& endpoint() const { return endpoint_; }
  SignOfLife& life() { return life_; }

  // The idle connection that was used last, of those still open; nothing when there is none.
  std::optional<Connection> take();
  void keep(Connection connection);
  // One of them turned out to be dead, so most likely the others are too.
  void drop_idle();

 private:
  struct Idle {
    Connection connection;
    Instant since;
  };

  const Endpoint endpoint_;
  SignOfLife life_;
  Mutex mutex_;
  std::vector<Idle> idle_
      TANDEM_GUARDED_BY(mutex_);  // the one used last at the end; at most client_connections_kept
};

class Masters {
 public:
  // `told`: the configured masters, which stay whatever is learned.
  explicit Masters(std::vector<Endpoint> told);

  std::size_t size() const;
  // Replaces the learned masters; the configured ones stay.
  void learn(const std::vector<Endpoint>& endpoints);
  // Null when it is not among them.
  std::shared_ptr<Master> find(const Endpoint& endpoint) const;

  // The one that served last first, then the others in turn.
  std::vector<std::shared_ptr<Master>> order() const;
  void serves(const Master& master);
  // The master did not answer in time: from now on another one is asked first.
  void hangs(const Master& master);

 private:
  const std::vector<Endpoint> told_;
  mutable Mutex mutex_;
  std::vector<std::shared_ptr<Master>> all_ TANDEM_GUARDED_BY(mutex_);  // asked in this order
};

}  // namespace tandem::client
