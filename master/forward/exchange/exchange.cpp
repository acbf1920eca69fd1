#include "master/forward/exchange/exchange.hpp"

#include <algorithm>
#include <string>

#include "common/base/clock.hpp"
#include "common/base/constant_time.hpp"
#include "master/forward/http/grpc.hpp"
#include "master/forward/http/request_key.hpp"
#include "master/forward/http/via.hpp"

namespace tandem::master {

Exchange::Exchange(Context& context, MessageStream& client, const Sender& sender, Buffer& in,
                   RequestHead& request)
    : context_(context),
      client_{.stream = client,
              .sender = sender,
              .in = in,
              .request = request,
              .options = &context.options().services.requests,
              .times = RequestTimes(context.timeouts())} {
  deadline_.on_expiry(
      [](void* context) {
        auto& exchange = *static_cast<Exchange*>(context);
        exchange.client_.stream.cancel();
      },
      this);
}

std::string_view Exchange::request_id() const {
  const auto sent =
      client_.request.request_id();  // not client_.request_id: the head may have moved
  return sent.empty() && !client_.request_id.empty()
             ? std::string_view(made_id_.data(), made_id_.size())
             : sent;
}

void Exchange::abort() {
  aborted_ = true;
  chosen_.abort();
  if (second_ != nullptr) second_->abort();
  if (queue_entry_ != nullptr) queue_entry_->give_up();
}

Task<Ending> Exchange::run() {
  LoopCounters::add(context_.counters().requests, 1);
  if (!context_.options().health_path.empty() && asks_for_health()) {
    auto answering = answer_health();
    co_return co_await answering;
  }
  if (const auto timeout = client_.request.timeout(); timeout > Duration::zero()) {
    client_.times.end_at(now() + timeout, RequestTimes::SetBy::client);
  }
  if (client_.request.version() == 20) note_grpc();
  if (client_.request.has_pass() && comes_from_a_standby()) adopt_client_of_standby();
  if (const auto wait = rate_limit_delay(); wait > Duration::zero()) {
    client_.streaming = true;  // its body is not going to be read
    auto answering = answer(LocalResponse{.status = 429,
                                          .code = "too_many_requests",
                                          .message = "This client sends more than it may.",
                                          .retry_after_s = static_cast<unsigned>(wait / 1s + 1)});
    co_return co_await answering;
  }
  if (client_.request.method() == "TRACE" && !context_.options().allows_trace) {
    client_.streaming = true;
    auto answering = answer(405, "method_not_allowed", "TRACE is not served (--allow-trace).");
    co_return co_await answering;
  }
  if (is_too_large()) {
    client_.streaming = true;  // its body is not going to be read
    auto answering =
        answer(413, "body_too_large", "The request body is over the configured limit.");
    co_return co_await answering;
  }
  find_route();
  if (client_.request.framing() != Framing::none) {
    auto gathering = gather_body();
    const auto ended = co_await gathering;
    if (ended) co_return *ended;
  }
  if (client_.request.max_forwards() == 0u) {
    auto answering = answer_as_final_recipient();
    co_return co_await answering;
  }
  if (is_loop()) {
    auto answering =
        answer(508, "loop_detected", "The request has come through this gateway before.");
    co_return co_await answering;
  }
  client_.request_id = client_.request.request_id();
  if (client_.request_id.empty()) {
    made_id_ = context_.request_ids().next();
    client_.request_id = {made_id_.data(), made_id_.size()};
  }
  auto serving = serve();
  const auto outcome = co_await serving;
  if (aborted_) co_return Ending::abort;
  if (outcome != Attempt::Outcome::answered) {
    auto answering = answer_failure(outcome);
    co_return co_await answering;
  }
  // A streamed body has taken itself out of `in`; a gathered one lies behind the head.
  client_.in.consume(client_.request.head_bytes() + client_.body.size());
  co_return ending_;
}

// GET or HEAD of --health-path, with any query. Before all limits: who asks often is a load
// balancer.
bool Exchange::asks_for_health() const {
  const auto& path = context_.options().health_path;
  const auto target = client_.request.target();
  if (!target.starts_with(path)) return false;
  if (target.size() > path.size() && target[path.size()] != '?') return false;
  return client_.request.method() == "GET" || client_.request.is_head();
}

// Until this client may send a request again; zero: now. A request that a standby passed on counts
// for the standby's client.
Duration Exchange::rate_limit_delay() const {
  const auto& limiter = context_.options().rate_limiter;
  if (!limiter) return Duration::zero();
  const auto& key = limiter->key();
  AddressText room;
  if (key.source != wire::KeySource::address) {
    const auto value = request_key_text(key, client_.request, client_.sender, room);
    if (!value.empty()) return limiter->admit_by_value(value, now());
  }
  return limiter->admit(client_address(client_.request, client_.sender, room), now());
}

bool Exchange::is_too_large() const {
  const auto allowed = context_.options().body_bytes_max;
  return allowed > 0 && client_.request.has_content_length() &&
         client_.request.content_length() > allowed;
}

// Another master of ours has passed it on: what it says of its client is true.
bool Exchange::comes_from_a_standby() const {
  const auto& pass = context_.options().pass;
  return !pass.empty() && equal_in_constant_time(client_.request.pass(), pass);
}

// Its peer counts as ours.
void Exchange::adopt_client_of_standby() {
  auto& sender = client_.sender;
  sender.by_master = true;
  const auto peer = peer_of_master(client_.request);
  if (peer.empty() || peer.size() > peer_of_master_.size()) return;
  sender.address = {peer_of_master_.data(), peer.copy(peer_of_master_.data(), peer.size())};
  const auto& proxies = context_.options().trusted_proxies;
  sender.trusted = std::any_of(proxies.begin(), proxies.end(), [&](const auto& range) {
    return range.contains(std::string(sender.address));
  });
}

// Before the body is gathered: how long that may take is the service's to say.
void Exchange::find_route() {
  service_name_ = context_.options().default_service;
  if (!context_.routes()->empty()) {
    routes_ = context_.routes();  // kept: a newer table may take its place while this request waits
    route_ = routes_->find(client_.request.host(), client_.request.target());
  }
  if (route_ != nullptr) service_name_ = route_->service;
  client_.note.service = service_name_;
  if (const auto* service = own_service(); service != nullptr) {
    client_.options = &service->options().requests;
  }
  if (route_ != nullptr && route_->rules != wire::RequestRules()) {
    client_.options = &route_options_.emplace(overlaid(*client_.options, route_->rules));
  }
  client_.times.adopt(client_.options->timeouts);
  if (client_.is_grpc) give_grpc_its_time();
  const auto whole = client_.options->timeouts.request;
  if (whole > Duration::zero()) client_.times.end_at(now() + whole, RequestTimes::SetBy::service);
}

// A gRPC call, and how long its client wants to wait.
void Exchange::note_grpc() {
  client_.is_grpc = is_grpc_call(client_.request);
  if (!client_.is_grpc) return;
  const auto timeout = grpc_timeout(client_.request);
  if (timeout) client_.times.end_at(now() + *timeout, RequestTimes::SetBy::client);
}

// Messages of a call come when they come, in both directions: what bounds it is its deadline, and
// without one what bounds a tunnel.
void Exchange::give_grpc_its_time() {
  auto& timeouts = grpc_timeouts_.emplace(client_.options->timeouts);
  const bool has_deadline = client_.times.has_end();
  timeouts.pace = any_pace;
  timeouts.body_idle = has_deadline ? limits::request_timeout_settable_max : timeouts.tunnel_idle;
  if (has_deadline) timeouts.response_head = limits::request_timeout_settable_max;
  client_.times.adopt(timeouts);
}

// One that is known stays known; another may become so while the request waits.
Service* Exchange::own_service() {
  if (own_service_.get() == nullptr) {
    if (auto* const found = context_.services().find(service_name_)) own_service_.begin(*found);
  }
  return own_service_.get();
}

// Routes there are, but none for it, and nobody is registered for the default service.
bool Exchange::has_no_route() const {
  if (routes_ == nullptr || route_ != nullptr) return false;
  const auto* service = context_.services().find(service_name_);
  return service == nullptr || !service->is_registered();
}

// RFC 9110 §7.6.3 and RFC 5842 §7.2. Another master of this cluster, whose name is the same, may
// pass a request on.
bool Exchange::is_loop() const {
  if (!client_.request.has_via()) return false;
  if (client_.request.has_pass() && comes_from_a_standby()) return false;
  const auto& fields = client_.request.fields();
  return std::any_of(fields.begin(), fields.end(), [&](const auto& field) {
    return field.kind == FieldKind::via && via_names(field.value, context_.via());
  });
}

}  // namespace tandem::master
