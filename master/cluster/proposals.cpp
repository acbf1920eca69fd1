#include "master/cluster/proposals.hpp"

#include <boost/asio.hpp>

#include "common/base/duration.hpp"
#include "common/core/limits.hpp"
#include "common/wire/limits.hpp"

namespace tandem::master {

namespace asio = boost::asio;

Proposals::Proposals(asio::io_context& loop, std::uint64_t life,
                     std::function<void(core::CommandId, std::string)> propose)
    : loop_(loop), life_(life), propose_(std::move(propose)) {}

asio::awaitable<Result<>> Proposals::commit(std::string command) {
  if (stopped_) co_return fail(ErrorCode::unavailable, "this master is stopping");
  if (command.size() > limits::command_bytes_max) {
    co_return invalid(
        fmt::format("a change has at most {} bytes", std::size_t{limits::command_bytes_max}));
  }
  if (waiting_.size() >= limits::uncommitted_entries_max) {
    co_return fail(ErrorCode::unavailable, "too many changes wait for their commit; try again");
  }
  const auto sequence = ++sequence_;
  const auto waiting =
      std::make_shared<Waiting>(Waiting{.timer = asio::steady_timer(loop_), .outcome = {}});
  waiting_.emplace(sequence, waiting);
  waiting->timer.expires_after(limits::commit_wait_max);
  propose_({life_, sequence}, std::move(command));
  boost::system::error_code ignored;
  co_await waiting->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  waiting_.erase(sequence);
  if (waiting->outcome) co_return *waiting->outcome;
  co_return fail(
      ErrorCode::timed_out,
      fmt::format("the outcome is unknown: no quorum has confirmed the change within {}; it may "
                  "still take effect, look before you repeat it",
                  tandem::to_string(Duration(limits::commit_wait_max))));
}

void Proposals::settle(core::CommandId id, Result<> outcome) {
  if (id.client != life_) return;
  const auto found = waiting_.find(id.sequence);
  if (found == waiting_.end()) return;
  found->second->outcome = std::move(outcome);
  found->second->timer.cancel();
}

void Proposals::applied(core::CommandId id, Result<> outcome) { settle(id, std::move(outcome)); }
void Proposals::refused(core::CommandId id, const Error& error) { settle(id, error); }

void Proposals::stop() {
  stopped_ = true;
  for (auto& [sequence, waiting] : waiting_) waiting->timer.cancel();
}

}  // namespace tandem::master
