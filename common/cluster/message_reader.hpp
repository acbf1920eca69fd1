// message_reader.hpp: parses and checks the body of POST /cluster/messages.
//
// Short bodies are parsed at once. A snapshot of a large state takes a fraction of a second, in
// which the owner's loop would serve nobody, so bodies longer than an ordinary document are parsed
// by a thread of their own, which is started when needed.
//
// Owner: the thread of the loop that awaits.
#pragma once

#include <optional>
#include <string_view>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include "common/base/result.hpp"
#include "common/cluster/state_check.hpp"
#include "common/wire/cluster_envelope.hpp"

namespace tandem::cluster {

class MessageReader {
 public:
  explicit MessageReader(StateCheck check) : check_(std::move(check)) {}

  // `body` lives until this returns. Errors: `invalid` or `conflict`, naming what is wrong.
  boost::asio::awaitable<Result<wire::ClusterEnvelope>> read(std::string_view body);

 private:
  const StateCheck check_;
  std::optional<boost::asio::thread_pool> thread_;
};

}  // namespace tandem::cluster
