// long_documents.hpp: documents that grow with the number of workers, written so that nothing else
// on the control loop waits for them: what they tell is gathered in pieces, and the text is made on
// a thread of its own.
//
// One at a time: those that ask together take turns, so that memory is needed for one. Owner: the
// control loop's thread. REQUIRES: stop() before the loop ends.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include "common/http/http_message.hpp"
#include "common/http/turns.hpp"
#include "common/wire/status.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

class LongDocuments {
 public:
  // Both outlive it.
  LongDocuments(boost::asio::io_context& loop, const Registry& registry);
  ~LongDocuments();

  // What `begin`, called on the loop, returns with all workers added is passed to `write` on the
  // other thread, whose answer this is.
  boost::asio::awaitable<ControlResponse> write(std::function<wire::Status()> begin,
                                                std::function<ControlResponse(wire::Status)> write);
  // Likewise, of what can be asked for on the other thread.
  boost::asio::awaitable<ControlResponse> write(std::function<ControlResponse()> write);
  void stop() { turns_.stop(); }

 private:
  boost::asio::awaitable<void> add_workers(std::vector<wire::WorkerStatus>& workers);

  const Registry& registry_;
  Turns turns_;
  boost::asio::thread_pool thread_{1};
};

}  // namespace tandem::master
