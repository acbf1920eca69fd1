#include "master/forward/exchange/request_body.hpp"

#include <algorithm>

namespace tandem::master {

RequestBodyPump::RequestBodyPump(Context& context, ClientSide& client, MessageStream& worker,
                                 WatchedDeadline& response_deadline, Keeps keeps)
    : context_(context),
      client_(client),
      worker_(worker),
      body_(context.borrow_to_stream(client.in.size() - client.request.head_bytes())),
      keeps_(keeps == Keeps::first_bytes && context.memory() == Context::Memory::ample),
      reader_(client.stream.body_framing(client.request.framing()),
              client.request.content_length()),
      client_pace_(client.times.timeouts().pace),
      progress_(client.times.timeouts().body_idle, any_pace),
      response_deadline_(response_deadline),
      awaits_continue_(client.request.expects_continue() &&
                       client.in.size() == client.request.head_bytes()),
      client_takes_interim_(client.request.version() >= 11) {
  auto& in = client.in;
  const auto arrived = in.size() - client.request.head_bytes();
  body_.append(in.view().substr(client.request.head_bytes()));
  in.drop_back(arrived);
  idle_.on_expiry([](void* context) { static_cast<RequestBodyPump*>(context)->expire(); }, this);
}

void RequestBodyPump::expire() {
  const auto now = context_.coarse_now();
  if (sending_ && !client_.times.is_over(now) && progress_.look(now, worker_.acknowledged())) {
    return context_.arm(idle_, client_.times.within(progress_.next_look(), now));
  }
  const auto pinging_until = client_.times.pinging_until(client_.stream.pinged_at());
  if (!sending_ && pinging_until > now) return context_.arm(idle_, pinging_until - now);
  client_.stream.cancel();
  worker_.cancel();
}

void RequestBodyPump::cancel() {
  cancelled_ = true;
  client_.stream.cancel();
  worker_.cancel();
}

void RequestBodyPump::let_continue() {
  if (!std::exchange(awaits_continue_, false)) return;
  response_deadline_.disarm();
  wait_for_client();
}

void RequestBodyPump::wait_for_client() {
  waits_since_ = context_.coarse_now();
  context_.arm(idle_, std::min(client_.times.body_idle(waits_since_), client_pace_.patience()));
}

Detached RequestBodyPump::run() {
  auto pumping = pump();
  state_ = co_await pumping;
  idle_.disarm();
  if (state_ == State::complete) {
    if (!response_deadline_.armed()) {
      response_deadline_.arm_watching(client_.times.response_head(context_.coarse_now()),
                                      client_takes_interim_, &client_.times);
    }
    // What came behind the body is the next request.
    auto& in = client_.in;
    if (in.free_size() < body_.size()) {
      in.grow(in.size() + body_.size());
      client_.request.parse_moved(in.view());
    }
    in.append(body_.view());
  } else if (state_ == State::client_failed) {
    worker_.cancel();  // wakes the exchange, which waits for a response that will not come
  }
  if (!keeps_) body_.release();
  finished_.set();
}

// What has been read, before the framing is taken out of it; as much as can be put back without
// moving the head, to which others hold views.
void RequestBodyPump::keep() {
  if (!keeps_) return;
  if (!kept_.has_block()) kept_ = context_.buffers().borrow();
  const auto room = std::min(kept_.free_size(), client_.in.free_size() - kept_.size());
  if (room < body_.size()) return keep_no_more();
  kept_.append(body_.view());
}

void RequestBodyPump::keep_no_more() {
  keeps_ = false;
  kept_.release();
  if (state_ != State::running) body_.release();
}

bool RequestBodyPump::put_back() {
  if (!keeps_ || state_ == State::client_failed) return false;
  auto& in = client_.in;
  const bool is_followed = state_ == State::complete && !body_.empty();
  if (is_followed || in.free_size() < kept_.size() + body_.size()) return false;
  in.append(kept_.view());
  in.append(body_.view());
  body_.release();
  keep_no_more();
  touched_ = false;
  return true;
}

RequestBodyPump::State RequestBodyPump::fail_client(unsigned status) {
  refusal_status_ = status;
  return State::client_failed;
}

Task<bool> RequestBodyPump::read_more() {
  body_.compact();
  if (!awaits_continue_) wait_for_client();
  auto reading = client_.stream.read(body_);
  const IoResult got = co_await reading;
  if (!got.ok()) co_return got.error == asio::error::eof&& reader_.end_of_stream();
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

// False: the worker takes no more.
Task<bool> RequestBodyPump::send(std::string_view content) {
  const auto trailers = reader_.trailers().empty() ? client_.stream.trailers() : reader_.trailers();
  const MessageStream::Part part{.content = content, .last = reader_.done(), .trailers = trailers};
  if (!trailers.empty()) worker_.never_index(client_.stream.never_indexed());
  auto sending = worker_.send(part);
  sending_ = !sending.done();
  if (sending_) {
    const auto since = context_.coarse_now();
    progress_.wait(since);
    context_.arm(idle_, client_.times.within(progress_.next_look(), since));
  }
  const auto sent = co_await sending;
  if (sending_) progress_.end(context_.coarse_now());
  sending_ = false;
  co_return sent.ok();
}

Task<RequestBodyPump::State> RequestBodyPump::pump() {
  while (!reader_.done()) {
    if (body_.empty()) {
      auto reading = read_more();
      const bool more = co_await reading;
      // It may have had its bytes already when it was cancelled.
      if (cancelled_) co_return State::worker_failed;
      if (!more) co_return fail_client(idle_.expired() ? 408 : 0);
    }
    touched_ = true;
    keep();
    BodyReader::Step step;
    if (!reader_.done()) step = reader_.read({body_.data(), body_.size()});
    if (keeps_) kept_.drop_back(body_.size() - step.consumed);
    if (step.malformed) co_return fail_client(400);
    content_bytes_ += step.content.size();
    client_.note.request_bytes = content_bytes_;
    const auto allowed = context_.options().body_bytes_max;
    if (allowed > 0 && content_bytes_ > allowed) co_return fail_client(413);
    if (!step.content.empty() || reader_.done()) {
      auto sending = send(step.content);
      const bool taken = co_await sending;
      if (!taken) {
        body_.consume(step.consumed);
        co_return State::worker_failed;
      }
    }
    body_.consume(step.consumed);
    if (cancelled_) co_return State::worker_failed;
  }
  co_return State::complete;
}

}  // namespace tandem::master
