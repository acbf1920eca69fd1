#include "master/forward/exchange/leftover_answers.hpp"

#include "master/forward/exchange/limits.hpp"
#include "master/forward/workers/limits.hpp"

namespace tandem::master {

class LeftoverAnswers::Reading : public IntrusiveListMember<Reading> {
 public:
  Reading(LeftoverAnswers& owner, Service& service, Leftover leftover)
      : owner_(owner), leftover_(std::move(leftover)), head_(owner.heads_.borrow()) {
    service_.begin(service);
    deadline_.on_expiry([](void* self) { static_cast<Reading*>(self)->cancel(); }, this);
    owner_.wheel_.arm(deadline_, owner_.patience_);
    owner_.readings_.push_front(*this);
  }
  ~Reading() {
    owner_.readings_.remove(*this);
    owner_.heads_.give_back(head_);
  }

  void cancel() {
    given_up_ = true;
    leftover_.call->stream().cancel();
  }

  // True: nothing of the answer is left.
  Task<bool> read_to_end() {
    if (!leftover_.here.has_block()) leftover_.here = owner_.buffers_.borrow();
    if (!leftover_.body) {
      auto reading = read_head();
      const bool read = co_await reading;
      if (!read) co_return false;
    }
    auto reading = read_body();
    co_return co_await reading;
  }

  // Its connection is closed unless the answer was read to its end.
  void finish(bool whole) {
    deadline_.disarm();
    auto& services = owner_.services_;
    leftover_.here.release();
    if (whole) return services.finish(*service_.get(), std::move(leftover_.call));
    leftover_.call.reset();
    services.room_made(*service_.get());
  }

 private:
  Task<bool> read_more() {
    auto& here = leftover_.here;
    if (given_up_ || here.free_size() == 0) co_return false;
    auto reading = leftover_.call->stream().read(here);
    const IoResult got = co_await reading;
    if (!got.ok()) co_return false;
    here.commit(got.bytes);
    co_return true;
  }

  Task<bool> read_head() {
    auto& here = leftover_.here;
    for (unsigned interim = 0;;) {
      const auto status =
          here.empty() ? HeadStatus::incomplete : head_.parse(here.view(), leftover_.to_head);
      if (status == HeadStatus::refused) co_return false;
      if (status == HeadStatus::incomplete) {
        auto reading = read_more();
        const bool more = co_await reading;
        if (!more) co_return false;
        continue;
      }
      here.consume(head_.head_bytes());
      if (!head_.is_interim()) break;
      if (++interim > limits::interim_responses_max) co_return false;
      here.compact();
      head_.clear();
    }
    const auto framing = head_.framing();
    if (!head_.keep_alive() || head_.status() == 101 || framing == Framing::until_close ||
        head_.content_length() > limits::leftover_answer_bytes_max) {
      co_return false;
    }
    leftover_.body.emplace(leftover_.call->stream().body_framing(framing), head_.content_length());
    co_return true;
  }

  Task<bool> read_body() {
    auto& here = leftover_.here;
    auto& body = *leftover_.body;
    std::size_t thrown_away = 0;
    while (!body.done()) {
      if (!here.empty()) {
        const auto step = body.read({here.data(), here.size()});
        if (step.malformed) co_return false;
        here.consume(step.consumed);
        thrown_away += step.consumed;
        continue;
      }
      here.compact();
      if (thrown_away + body.remaining() > limits::leftover_answer_bytes_max) co_return false;
      auto reading = read_more();
      const bool more = co_await reading;
      if (!more) co_return false;
    }
    co_return here.empty();
  }

  LeftoverAnswers& owner_;
  ServiceUse service_;
  Leftover leftover_;
  ResponseHead& head_;
  Deadline deadline_;
  bool given_up_ = false;
};

void LeftoverAnswers::take(Service& service, Leftover leftover) {
  if (stopped_) {
    leftover.call.reset();
    return services_.room_made(service);
  }
  run(std::make_unique<Reading>(*this, service, std::move(leftover)));
}

Detached LeftoverAnswers::run(std::unique_ptr<Reading> reading) {
  auto ending = reading->read_to_end();
  const bool whole = co_await ending;
  reading->finish(whole);
}

void LeftoverAnswers::abort() {
  stopped_ = true;
  readings_.for_each([](Reading& each) { each.cancel(); });
}

}  // namespace tandem::master
