// proposals.hpp: changes that wait for their commit, and what became of each.
//
// A change whose time is over may still be committed: then its outcome is unknown, and the answer
// says so. It is never proposed again by itself.
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
  // `life` distinguishes this process from all others that ever proposed; `propose` hands a command
  // to the core.
  Proposals(boost::asio::io_context& loop, std::uint64_t life,
            std::function<void(core::CommandId, std::string)> propose);

  // Proposes, and waits for the commit, limits::commit_wait_max at most. Returns the outcome of the
  // command where it was applied. Errors besides: `unavailable`: nothing was changed; `timed_out`:
  // the outcome is unknown.
  boost::asio::awaitable<Result<>> commit(std::string command);

  // A command was applied / the core refused to take it. Those of others are passed over.
  void applied(core::CommandId id, Result<> outcome);
  void refused(core::CommandId id, const Error& error);
  // The process ends: who waits is told that the outcome is unknown.
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
