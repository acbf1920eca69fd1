#include "master/control/discovery/blocking_queries.hpp"

#include <algorithm>
#include <charconv>

#include <boost/asio.hpp>

#include "common/base/duration.hpp"
#include "master/control/limits.hpp"

namespace tandem::master {

namespace asio = boost::asio;

Result<BlockingQueries::Wait> BlockingQueries::wait_of(const QueryParameters& parameters) {
  Wait wait;
  if (const auto index = parameters.find("index"); index != parameters.end()) {
    const auto& text = index->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), wait.index);
    if (error != std::errc() || end != text.data() + text.size()) {
      return invalid("index must be a whole number", "index");
    }
  }
  wait.longest = limits::blocking_query_default;
  if (const auto longest = parameters.find("wait"); longest != parameters.end()) {
    const auto parsed = parse_duration(longest->second, "wait");
    if (!parsed) return parsed.error();
    wait.longest = std::min<Duration>(*parsed, limits::blocking_query_max);
  }
  return wait;
}

asio::awaitable<void> BlockingQueries::wait(Wait wait) {
  const auto end = std::chrono::steady_clock::now() + wait.longest;
  while (!stopped_ && wait.index != 0 && wait.index == index()) {
    if (is_full()) co_return;
    if (std::chrono::steady_clock::now() >= end) co_return;
    asio::steady_timer timer(loop_, end);
    waiting_.insert(&timer);
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    waiting_.erase(&timer);
  }
}

void BlockingQueries::notify(std::uint64_t version) {
  index_ = std::max<std::uint64_t>(version + more_, index_);
  for (auto* const each : waiting_) each->cancel();
}

void BlockingQueries::notify_of_more() {
  ++more_;
  ++index_;
  for (auto* const each : waiting_) each->cancel();
}

void BlockingQueries::stop() {
  stopped_ = true;
  for (auto* const each : waiting_) each->cancel();
}

}  // namespace tandem::master
