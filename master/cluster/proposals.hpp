// proposals.hpp: changes that wait for their commit, and their outcomes.
//
// A change may still be committed after its wait has timed out: then its outcome is unknown, and
// the answer says so. It is never proposed again automatically.
//
// Owner: the control loop's thread. Always: at most limits::uncommitted_entries_max wait.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/result.hpp"
#include "common/core/entry.hpp"

namespace tandem::master {

class Proposals {
 public:
  // `life` distinguishes this run of the process from all others that ever proposed; `propose`
  // hands a command to the core.
  Proposals(boost::asio::io_context& loop, std::uint64_t life,
            std::function<void(core::CommandId, std::string)> propose);

  // Proposes a command, and waits for its commit for limits::commit_wait_max at most. Returns the
  // outcome of applying it. Other errors: `unavailable`: nothing was changed; `timed_out`: the
  // outcome is unknown.
  boost::asio::awaitable<Result<>> commit(std::string command);

  // A command was applied / the core refused it. Commands of other masters are ignored.
  void applied(core::CommandId id, Result<> outcome);
  void refused(core::CommandId id, const Error& error);
  // The process ends: waiting callers are told that the outcome is unknown.
  void stop();

 private:
  struct Waiting {
    boost::asio::steady_timer timer;
    std::optional<Result<>> outcome;
  };
  void settle(core::CommandId id, Result<> outcome);

  boost::asio::io_context& loop_;
  const std::uint64_t life_;
  std::function<void(core::CommandId, std::string)> propose_;
  std::uint64_t sequence_ = 0;
  std::map<std::uint64_t, std::shared_ptr<Waiting>> waiting_;
  bool stopped_ = false;
};

}  // namespace tandem::master
