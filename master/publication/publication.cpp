#include "master/publication/publication.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio.hpp>

#include "common/base/clock.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {
constexpr Duration until_woken = 1h;
}  // namespace

Publication::Publication(asio::io_context& loop, std::unique_ptr<Publisher> publisher,
                         std::size_t servers, Report report, PublicationPauses pauses)
    : loop_(loop),
      publisher_(std::move(publisher)),
      servers_(servers),
      report_(std::move(report)),
      pauses_(pauses),
      timer_(loop) {}

void Publication::start() { asio::co_spawn(loop_, run(shared_from_this()), asio::detached); }

void Publication::stop(Entries entries) {
  if (stopped_) return;
  stopped_ = true;
  withdraws_ = entries == Entries::are_withdrawn && holds_ && lost_.empty();
  if (!withdraws_) publisher_->cancel();
  timer_.cancel();
  answer_all(changes_, "it is published there no more");
}

void Publication::lead(PublishingMaster master, WantedEntries wanted) {
  // Another one may have led meanwhile, and have taken away what this one had.
  if (std::exchange(holds_, false)) publisher_->leave();
  master_ = std::move(master);
  wanted_ = std::move(wanted);
  leads_since_ = now();
  ++terms_;
  wake();
}

void Publication::lead_no_more() {
  wanted_ = nullptr;
  withdrawn_.clear();
  lost_.clear();
  failures_ = 0;
  ++terms_;
  answer_all(changes_, "this master no longer leads");
  wake();
}

void Publication::change(WantedEntries wanted) {
  wanted_ = std::move(wanted);
  wake();
}

void Publication::withdraw(const Endpoint& address, Withdrawn withdrawn) {
  if (stopped_ || wanted_ == nullptr) return withdrawn({});
  if (withdrawn_.size() < limits::published_entries_max) withdrawn_.insert(address);
  // It may be a former master's, which is spared unless it is known to be gone.
  const bool is_said = now() >= leads_since_ + pauses_.spares_former;
  if (is_said && done_ == changes_ && lost_.empty()) return withdrawn({});
  if (!is_said) wake();
  if (!lost_.empty()) return withdrawn(lost_);
  waiting_.push_back({.change = changes_, .withdrawn = std::move(withdrawn)});
}

void Publication::wake() {
  ++changes_;
  timer_.cancel();
}

void Publication::answer_all(std::uint64_t change, const std::string& problem) {
  std::vector<Waiting> later;
  for (auto& each : std::exchange(waiting_, {})) {
    if (each.change <= change) {
      each.withdrawn(problem);
    } else {
      later.push_back(std::move(each));
    }
  }
  waiting_ = std::move(later);
}

asio::awaitable<void> Publication::run(std::shared_ptr<Publication> self) {
  while (!self->stopped_) {
    auto working = self->round();
    co_await std::move(working);
  }
  if (!self->withdraws_) co_return;
  auto withdrawing = self->publisher_->withdraw();
  co_await std::move(withdrawing);
}

asio::awaitable<void> Publication::round() {
  const auto change = changes_;
  const auto term = terms_;
  if (wanted_ == nullptr) {
    // Until the successor has had its time, it may as well be taken away by the end of the process.
    auto idling = wait(change, holds_ ? pauses_.spares_former : until_woken);
    co_await std::move(idling);
    const bool is_over = !stopped_ && change == changes_;
    if (is_over && std::exchange(holds_, false)) publisher_->leave();
    co_return;
  }
  holds_ = true;
  auto bringing = publisher_->bring(wanted_now());
  auto held = co_await std::move(bringing);
  if (stopped_ || term != terms_) co_return;
  const auto time = took(std::move(held), change);
  // A registry that is lost is not asked more often because something changes.
  const auto unbroken = failures_ > 0 ? time : pauses_.after_round;
  const auto until = now() + unbroken;
  while (!stopped_ && term == terms_ && now() < until) {
    auto waiting = wait(changes_, until - now());
    co_await std::move(waiting);
  }
  if (stopped_ || term != terms_ || time <= unbroken) co_return;
  auto waiting = wait(change, time - unbroken);
  co_await std::move(waiting);
}

// Until something is other than it was at `change`.
asio::awaitable<void> Publication::wait(std::uint64_t change, Duration time) {
  if (stopped_ || changes_ != change) co_return;
  timer_.expires_after(time);
  boost::system::error_code ignored;
  co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

Publisher::Wanted Publication::wanted_now() {
  Publisher::Wanted wanted{.entries = wanted_(),
                           .withdrawn = {},
                           .spares_former = now() < leads_since_ + pauses_.spares_former,
                           .master = master_};
  // What has come back since is wanted again.
  for (const auto& entry : *wanted.entries) withdrawn_.erase(entry.address);
  if (!wanted.spares_former && waiting_.empty()) withdrawn_.clear();
  wanted.withdrawn = withdrawn_;
  return wanted;
}

// Returns for how long there is nothing to do unless something changes.
Duration Publication::took(Result<Publisher::Held> held, std::uint64_t change) {
  if (held) {
    failures_ = 0;
    lost_.clear();
    done_ = change;
    answer_all(change, {});
    report_({.held = *std::move(held)});
    return pauses_.renewal;
  }
  ++failures_;
  if (failures_ <= servers_) return pauses_.retry_first;  // each once more
  lost_ = held.error().message;
  answer_all(changes_, lost_);
  report_({.held = {}, .lost = lost_});
  const auto times = std::min<std::size_t>(failures_ - servers_, 16);
  return std::min(pauses_.retry_max, pauses_.retry_first * (1 << times));
}

}  // namespace tandem::master
