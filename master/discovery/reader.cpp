#include "master/discovery/reader.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio.hpp>

namespace tandem::master {

namespace asio = boost::asio;

Reader::Reader(asio::io_context& loop, std::unique_ptr<Source> source, std::size_t servers,
               InstanceListPtr known, Report report, ReaderPauses pauses)
    : source_(std::move(source)),
      servers_(servers),
      report_(std::move(report)),
      pauses_(pauses),
      loop_(loop),
      timer_(loop),
      known_(std::move(known)) {}

void Reader::start() { asio::co_spawn(loop_, run(shared_from_this()), asio::detached); }

void Reader::stop() {
  stopped_ = true;
  source_->cancel();
  timer_.cancel();
}

asio::awaitable<void> Reader::run(std::shared_ptr<Reader> self) {
  while (!self->stopped_) {
    auto reading = self->source_->read(self->when_);
    auto read = co_await std::move(reading);
    if (self->stopped_) break;
    const auto time = self->took(std::move(read));
    auto pausing = self->pause(time);
    co_await std::move(pausing);
  }
}

asio::awaitable<void> Reader::pause(Duration time) {
  boost::system::error_code ignored;
  timer_.expires_after(time);
  co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

// Returns for how long to wait.
Duration Reader::took(Result<InstanceList> read) {
  when_ = Source::When::now;
  if (!read) return failed(read.error().message);
  failures_ = 0;
  const bool is_back = std::exchange(lost_, false) || !std::exchange(told_, true);
  const bool takes_all = read->instances.empty() && known_ != nullptr && !known_->instances.empty();
  if (takes_all && !doubted_) {
    doubted_ = true;
    report_({.list = nullptr, .lost = {}, .doubted = true});
    return pauses_.second_look;
  }
  const bool was_doubted = std::exchange(doubted_, false);
  when_ = Source::When::changed;
  const bool is_new = known_ == nullptr || *known_ != *read;
  if (is_new) known_ = std::make_shared<const InstanceList>(*std::move(read));
  if (is_new || is_back || was_doubted) report_({.list = is_new ? known_ : nullptr});
  return pauses_.after_answer;
}

Duration Reader::failed(const std::string& why) {
  doubted_ = false;
  const auto soon = servers_;  // each once more, since a connection may break for its own reasons
  ++failures_;
  if (failures_ <= soon) return pauses_.retry_first;
  lost_ = told_ = true;
  report_({.list = nullptr, .lost = why});
  const auto times = std::min<std::size_t>(failures_ - soon, 16);
  return std::min(pauses_.retry_max, pauses_.retry_first * (1 << times));
}

}  // namespace tandem::master
