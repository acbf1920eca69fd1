// The part of Attempt that receives a short answer before anything of it is passed on, so that
// another worker can be asked when this one breaks it off.
#include "master/forward/exchange/attempt.hpp"

#include "common/base/clock.hpp"
#include "master/forward/exchange/limits.hpp"

namespace tandem::master {

namespace {

// How long an answer is held: a reader is told operation_aborted when it is over.
class Hold {
 public:
  Hold(Reactor& io, MessageStream& reader) : reader_(reader) {
    alarm_.on_ring([](void* self) { static_cast<Hold*>(self)->ring(); }, this);
    io.set(alarm_, now() + limits::answer_hold_max);
  }
  bool is_over() const { return over_; }

 private:
  void ring() {
    over_ = true;
    reader_.cancel();
  }
  MessageStream& reader_;
  Alarm alarm_;
  bool over_ = false;
};

}  // namespace

// A body that fits behind its head is received before anything is passed on.
bool Attempt::awaits_short_body() const {
  const auto whole = response_.head_bytes() + response_.content_length();
  return response_.framing() == Framing::length && whole <= worker_in_.capacity() &&
         worker_in_.size() < whole;
}

Task<std::optional<Attempt::Outcome>> Attempt::receive_short_body() {
  while (awaits_short_body()) {
    deadline_.arm_watching(body_idle(), false, &client_.times);
    if (may_read()) {
      auto reading = worker_.read(worker_in_);
      const IoResult got = co_await reading;
      if (take(got)) continue;
    }
    co_return why_given_up().value_or(Outcome::lost);
  }
  co_return std::nullopt;
}

// Whether it is short is not known; another worker could be asked if this one broke it off.
bool Attempt::awaits_unknown_body() const {
  const auto framing = response_.framing();
  if (framing != Framing::chunked && framing != Framing::until_close) return false;
  if (!client_.may_try_again || result_.response_begun || worker_.is_at_end()) return false;
  BodyReader ahead(worker_.body_framing(framing), 0);
  ahead.scan(worker_in_.view().substr(response_.head_bytes()));
  return !ahead.done();
}

// Until the answer is whole, or is no short one, or has been waited for long enough: some are made
// little by little, and clients want what there is.
Task<std::optional<Attempt::Outcome>> Attempt::hold_answer() {
  BodyReader ahead(worker_.body_framing(response_.framing()), 0);
  auto scanned = response_.head_bytes();
  std::optional<Hold> hold;
  for (;;) {
    if (scanned < worker_in_.size()) {
      const auto step = ahead.scan(worker_in_.view().substr(scanned));
      if (step.malformed) co_return Outcome::bad_response;
      scanned += step.consumed;
    }
    if (ahead.done() || worker_in_.free_size() == 0 || worker_.is_at_end()) break;
    if (!may_read()) co_return why_given_up().value_or(Outcome::lost);
    if (!hold) hold.emplace(context_.io(), worker_);
    if (hold->is_over()) break;
    deadline_.arm_watching(body_idle(), false, &client_.times);
    auto reading = worker_.read(worker_in_);
    const IoResult got = co_await reading;
    if (take(got)) continue;
    if (got.error == asio::error::eof && ahead.end_of_stream()) break;
    if (const auto given_up = why_given_up()) co_return given_up;
    if (!hold->is_over()) co_return Outcome::lost;
  }
  co_return std::nullopt;
}

// False: what follows the head is not chunked as the head says. Nothing was passed on yet.
bool Attempt::read_first_chunks() {
  reader_ = BodyReader(worker_.body_framing(response_.framing()), response_.content_length());
  const auto here = worker_in_.size() - response_.head_bytes();
  if (response_.framing() != Framing::chunked || here == 0) return true;
  first_step_ = reader_.read({worker_in_.data() + response_.head_bytes(), here});
  return !first_step_->malformed;
}

// The answer is not passed on. Its connection can be used again if it is here as a whole.
void Attempt::discard_answer() {
  const bool bodiless = response_.framing() == Framing::none;
  const auto body_bytes = bodiless ? 0 : response_.content_length();
  const bool whole = (bodiless || response_.framing() == Framing::length) &&
                     worker_in_.size() == response_.head_bytes() + body_bytes;
  if (whole && is_clean()) finish_call();
}

}  // namespace tandem::master
