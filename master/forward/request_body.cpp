#include "master/forward/request_body.hpp"

#include "common/base/limits.hpp"

namespace tandem::master {

RequestBodyPump::RequestBodyPump(Loop& loop, Socket& client, Socket& worker, Buffer& in,
                                 RequestHead& request, WatchedDeadline& response_deadline,
                                 const RequestTimes& times)
    : loop_(loop),
      client_(client),
      worker_(worker),
      in_(in),
      request_(request),
      body_(loop.buffers().borrow_large()),
      reader_(request.framing(), request.content_length()),
      writer_(request.framing()),
      response_deadline_(response_deadline),
      times_(times),
      client_takes_interim_(request.version() >= 11) {
  const auto arrived = in_.size() - request.head_bytes();
  body_.append(in_.view().substr(request.head_bytes()));
  in_.drop_back(arrived);
  idle_.on_expiry(
      [](void* context) {
        static_cast<RequestBodyPump*>(context)->client_.cancel();
        static_cast<RequestBodyPump*>(context)->worker_.cancel();
      },
      this);
}

void RequestBodyPump::cancel() {
  cancelled_ = true;
  client_.cancel();
  worker_.cancel();
}

Detached RequestBodyPump::run() {
  auto pumping = pump();
  state_ = co_await pumping;
  idle_.disarm();
  if (state_ == State::complete) {
    if (!response_deadline_.armed()) {
      response_deadline_.arm_watching(times_.response_head(loop_.coarse_now()),
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
  auto reading = read_some(client_, body_);
  const IoResult got = co_await reading;
  if (!got.ok()) co_return false;
  body_.commit(got.bytes);
  co_return true;
}

Task<RequestBodyPump::State> RequestBodyPump::pump() {
  while (!reader_.done()) {
    loop_.arm(idle_, times_.body_idle(loop_.coarse_now()));
    if (body_.empty()) {
      auto reading = read_more();
      const bool more = co_await reading;
      if (!more) co_return fail_client(idle_.expired() ? 408 : 0);
    }
    touched_ = true;
    const auto step = reader_.read({body_.data(), body_.size()});
    if (step.malformed) co_return fail_client(400);
    content_bytes_ += step.content.size();
    const auto allowed = loop_.options().body_bytes_max;
    if (allowed > 0 && content_bytes_ > allowed) co_return fail_client(413);
    if (!step.content.empty() || reader_.done()) {
      const auto frame = writer_.frame(step.content.size(), reader_.done(), reader_.trailers());
      loop_.arm(idle_, times_.body_idle(loop_.coarse_now()));
      auto writing = write_all(worker_, frame.prefix, step.content, frame.suffix);
      const IoResult wrote = co_await writing;
      if (!wrote.ok()) co_return State::worker_failed;
    }
    body_.consume(step.consumed);
    if (cancelled_) co_return State::worker_failed;
  }
  co_return State::complete;
}

}  // namespace tandem::master
