#include "master/forward/exchange/request_body.hpp"

#include <algorithm>

#include "common/base/limits.hpp"

namespace tandem::master {

RequestBodyPump::RequestBodyPump(Context& context, Socket& client, Socket& worker, Buffer& in,
                                 RequestHead& request, WatchedDeadline& response_deadline,
                                 const RequestTimes& times)
    : context_(context),
      client_(client),
      worker_(worker),
      in_(in),
      request_(request),
      body_(context.borrow_to_stream(in.size() - request.head_bytes())),
      reader_(request.framing(), request.content_length()),
      writer_(request.framing()),
      client_pace_(times.timeouts().pace),
      progress_(times.timeouts().body_idle, any_pace),
      response_deadline_(response_deadline),
      times_(times),
      awaits_continue_(request.expects_continue() && in.size() == request.head_bytes()),
      client_takes_interim_(request.version() >= 11) {
  const auto arrived = in_.size() - request.head_bytes();
  body_.append(in_.view().substr(request.head_bytes()));
  in_.drop_back(arrived);
  idle_.on_expiry([](void* context) { static_cast<RequestBodyPump*>(context)->expire(); }, this);
}

void RequestBodyPump::expire() {
  const auto now = context_.coarse_now();
  if (sending_ && !times_.is_over(now) && progress_.look(now, acknowledged_bytes(worker_))) {
    return context_.arm(idle_, times_.within(progress_.next_look(), now));
  }
  client_.cancel();
  worker_.cancel();
}

void RequestBodyPump::cancel() {
  cancelled_ = true;
  client_.cancel();
  worker_.cancel();
}

void RequestBodyPump::let_continue() {
  if (!std::exchange(awaits_continue_, false)) return;
  response_deadline_.disarm();
  wait_for_client();
}

void RequestBodyPump::wait_for_client() {
  waits_since_ = context_.coarse_now();
  context_.arm(idle_, std::min(times_.body_idle(waits_since_), client_pace_.patience()));
}

Detached RequestBodyPump::run() {
  auto pumping = pump();
  state_ = co_await pumping;
  idle_.disarm();
  if (state_ == State::complete) {
    if (!response_deadline_.armed()) {
      response_deadline_.arm_watching(times_.response_head(context_.coarse_now()),
                                      client_takes_interim_);
    }
    // What came behind the body is the next request.
    if (in_.free_size() < body_.size()) {
      in_.grow(in_.size() + body_.size());
      request_.parse_moved(in_.view());
    }
    in_.append(body_.view());
  } else if (state_ == State::client_failed) {
    worker_.cancel();  // wakes who waits for a response that will not come
  }
  body_.release();
  finished_.set();
}

RequestBodyPump::State RequestBodyPump::fail_client(unsigned status) {
  refusal_status_ = status;
  return State::client_failed;
}

Task<bool> RequestBodyPump::read_more() {
  body_.compact();
  if (!awaits_continue_) wait_for_client();
  auto reading = read_some(client_, body_);
  const IoResult got = co_await reading;
  if (!got.ok()) co_return false;
  if (awaits_continue_) {
    // It did not wait: the worker's time begins with the last byte.
    forgo_continue();
    response_deadline_.disarm();
    waits_since_ = context_.coarse_now();
  }
  client_pace_.note(context_.coarse_now() - waits_since_, got.bytes);
  body_.commit(got.bytes);
  co_return true;
}

Task<IoResult> RequestBodyPump::send(BodyWriter::Frame frame, std::string_view content) {
  auto writing = write_all(worker_, frame.prefix, content, frame.suffix);
  sending_ = !writing.done();
  if (sending_) {
    const auto since = context_.coarse_now();
    progress_.wait(since);
    context_.arm(idle_, times_.within(progress_.next_look(), since));
  }
  const IoResult wrote = co_await writing;
  if (sending_) progress_.end(context_.coarse_now());
  sending_ = false;
  co_return wrote;
}

Task<RequestBodyPump::State> RequestBodyPump::pump() {
  while (!reader_.done()) {
    if (body_.empty()) {
      auto reading = read_more();
      const bool more = co_await reading;
      if (!more) co_return fail_client(idle_.expired() ? 408 : 0);
    }
    touched_ = true;
    const auto step = reader_.read({body_.data(), body_.size()});
    if (step.malformed) co_return fail_client(400);
    content_bytes_ += step.content.size();
    const auto allowed = context_.options().body_bytes_max;
    if (allowed > 0 && content_bytes_ > allowed) co_return fail_client(413);
    if (!step.content.empty() || reader_.done()) {
      const auto frame = writer_.frame(step.content.size(), reader_.done(), reader_.trailers());
      auto sending = send(frame, step.content);
      const IoResult wrote = co_await sending;
      if (!wrote.ok()) co_return State::worker_failed;
    }
    body_.consume(step.consumed);
    if (cancelled_) co_return State::worker_failed;
  }
  co_return State::complete;
}

}  // namespace tandem::master
