// What becomes of requests that came without TLS: challenges of ACME are answered, and the others
// sent to https where an operator wants that. Nothing else of them is acted upon.
#include "master/forward/exchange/exchange.hpp"

#include <algorithm>

#include "common/base/clock.hpp"
#include "master/forward/exchange/limits.hpp"
#include "master/forward/http/h1/head_writer.hpp"
#include "master/forward/http/location.hpp"
#include "master/forward/io/pause.hpp"

namespace tandem::master {

namespace {

// Between two looks whether a challenge's file was read: at first, and at most.
constexpr Duration first_look = 1ms;
constexpr Duration look_max = 20ms;

}  // namespace

// What a proxy of ours, or another master, had by https did not come without TLS; a master that has
// passed a request on has itself sent away whom it wanted to.
Exchange::PlainAnswer Exchange::answer_to_plain() const {
  const auto& sender = client_.sender;
  const auto* const challenges = context_.challenges();
  const bool redirects = context_.options().redirects_to_https && !sender.https;
  if (challenges == nullptr && !redirects) return PlainAnswer::none;
  if (came_by_https(client_.request, sender)) return PlainAnswer::none;
  const bool looks = client_.request.method() == "GET" || client_.request.is_head();
  if (challenges != nullptr && looks && asks_for_challenge(client_.request.target())) {
    return PlainAnswer::challenge;
  }
  return redirects && !sender.by_master ? PlainAnswer::redirect : PlainAnswer::none;
}

Task<Ending> Exchange::answer_plain(PlainAnswer answer) {
  client_.streaming = client_.request.framing() != Framing::none;  // a body is not going to be read
  if (answer == PlainAnswer::challenge) {
    auto answering = answer_challenge();
    co_return co_await answering;
  }
  auto redirecting = redirect_to_https();
  co_return co_await redirecting;
}

// The file is read elsewhere, and looked for here now and then: no disk can make this loop wait,
// nor outlive it with a reference to it.
Task<Ending> Exchange::answer_challenge() {
  auto reading = context_.challenges()->read(client_.request.target());
  const auto until = now() + limits::challenge_read_max;
  for (auto look = first_look; reading != nullptr && !reading->is_done() && !aborted_;
       look = std::min<Duration>(2 * look, look_max)) {
    if (now() >= until) reading = nullptr;
    Pause pause(context_.io(), look);
    co_await pause;
  }
  if (aborted_) co_return Ending::abort;
  if (reading == nullptr) {
    auto answering = answer(503, "disk_slow", "The disk with the challenges does not answer.");
    co_return co_await answering;
  }
  if (!reading->content()) {
    auto answering = answer(404, "no_challenge", reading->content().error().message);
    co_return co_await answering;
  }
  const bool keep = stays_after_answer();
  Buffer out = context_.buffers().borrow();
  const auto body_bytes =
      write_challenge_response(out, *reading->content(), keep, client_.request.is_head());
  auto sending = send_answer(std::move(out), 200, body_bytes, keep);
  co_return co_await sending;
}

// RFC 9110 §15.4: 301 makes a GET of other methods at most clients, 308 does not.
Task<Ending> Exchange::redirect_to_https() {
  const auto& request = client_.request;
  if (request.host().empty()) {
    auto answering =
        answer(400, "https_expected", "TLS is spoken here, and the request names no host.");
    co_return co_await answering;
  }
  const auto target =
      location(https_origin(request.host(), context_.https_port()), request.target());
  const bool looks = request.method() == "GET" || request.is_head();
  auto answering = answer(LocalResponse{.status = looks ? 301u : 308u,
                                        .code = "https_expected",
                                        .message = "This is served by https.",
                                        .location = target});
  co_return co_await answering;
}

}  // namespace tandem::master
