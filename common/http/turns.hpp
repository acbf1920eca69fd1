// turns.hpp: work that takes the processor for long is done piece by piece, and between two pieces
// everything else that waits on the loop is done.
//
// Owner: the loop's thread. REQUIRES: who has taken a turn gives it back.
#pragma once

#include <deque>

#include <boost/asio.hpp>

namespace tandem {

class Turns {
 public:
  explicit Turns(boost::asio::io_context& loop) : loop_(loop) {}

  // Waits for the own turn, behind those that came before.
  boost::asio::awaitable<void> take() {
    if (!taken_ || stopped_) {
      taken_ = true;
      co_return;
    }
    boost::asio::steady_timer turn(loop_, boost::asio::steady_timer::time_point::max());
    waiting_.push_back(&turn);
    boost::system::error_code ignored;
    co_await turn.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
  }

  // All get their turns soon; nothing is done between any more.
  void stop() {
    stopped_ = true;
    for (auto* const each : waiting_) each->cancel();
    waiting_.clear();
  }

  // The next one is due once the loop has done what waits on it now.
  void give_back() {
    if (stopped_) return;
    boost::asio::post(loop_, [this] {
      if (waiting_.empty()) {
        taken_ = false;
        return;
      }
      auto* const next = waiting_.front();
      waiting_.pop_front();
      next->cancel();
    });
  }

 private:
  boost::asio::io_context& loop_;
  std::deque<boost::asio::steady_timer*> waiting_;
  bool taken_ = false;
  bool stopped_ = false;
};

}  // namespace tandem
