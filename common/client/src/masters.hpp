// masters.hpp: the masters that a client was told of, the connections that idle to each, and which
// of them served last.
//
// Any thread. A lock per master is held for as long as a connection is put in or taken out.
#pragma once

#include <atomic>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include "common/base/endpoint.hpp"
#include "common/client/src/connection.hpp"

namespace tandem::client {

class Masters {
 public:
  // REQUIRES: there is one
  explicit Masters(const std::vector<Endpoint>& endpoints);

  std::size_t size() const { return all_.size(); }
  const Endpoint& at(std::size_t master) const { return all_[master].endpoint; }
  std::optional<std::size_t> find(const Endpoint& endpoint) const;

  // The one that served last first, then the others in turn.
  std::vector<std::size_t> order() const;
  void serves(std::size_t master) { first_ = master; }
  // It did not answer in time: from now on another one is asked first.
  void hangs(std::size_t master);

  // An idle connection that is still open, the one used last; none when there is none.
  std::optional<Connection> take(std::size_t master);
  void keep(std::size_t master, Connection connection);
  // One of them turned out to be dead: the others are too, most likely.
  void drop_idle(std::size_t master);

 private:
  struct Idle {
    Connection connection;
    Instant since;
  };
  struct Master {
    explicit Master(const Endpoint& where) : endpoint(where) {}
    const Endpoint endpoint;
    std::mutex mutex;
    std::vector<Idle> idle;  // the one used last at the end; at most client_connections_kept
  };

  std::deque<Master> all_;
  std::atomic<std::size_t> first_ = 0;
};

}  // namespace tandem::client
