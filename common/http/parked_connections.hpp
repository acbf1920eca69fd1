// parked_connections.hpp: connections that do nothing but wait for the next request, in a set of
// the kernel's own (epoll), which the loop watches as one descriptor.
//
// Waiting here costs a connection nothing on the loop: no coroutine, no operation that is begun
// anew for each request, and no more than one call for the requests of many connections.
//
// Owner: the loop's thread. A connection is forgotten before its descriptor is closed.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <functional>
#include <span>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "common/http/connection_slots.hpp"

namespace tandem {

class ParkedConnections {
 public:
  using Holder = ConnectionSlots::Holder;

  // `is_ready` is called with each connection that has something to read, or has ended, as long as
  // that is so.
  ParkedConnections(boost::asio::io_context& loop, std::function<void(Holder&)> is_ready);

  // False: the system has no room.
  bool add(int descriptor, Holder& holder);
  void forget(int descriptor, const Holder& holder);
  // Until stop().
  boost::asio::awaitable<void> run();
  void stop();

 private:
  // What is looked at before everything else on the loop gets its turn: about a millisecond's work.
  static constexpr std::size_t batch_max = 128;

  boost::asio::posix::stream_descriptor set_;
  std::function<void(Holder&)> is_ready_;
  std::array<epoll_event, batch_max> events_{};
  std::span<epoll_event> batch_;  // of events_, those that are still to be looked at
};

}  // namespace tandem
