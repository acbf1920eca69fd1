// The phases of Exchange that look at the head alone: who sent it, what is refused, where it leads,
// and how long it may take.
#include "master/forward/exchange/exchange.hpp"

#include <algorithm>
#include <string>

#include "common/base/clock.hpp"
#include "common/base/constant_time.hpp"
#include "master/forward/exchange/limits.hpp"
#include "master/forward/http/client_certificate.hpp"
#include "master/forward/http/path_readings.hpp"
#include "master/forward/http/grpc.hpp"
#include "master/forward/http/request_key.hpp"
#include "master/forward/http/via.hpp"

namespace tandem::master {

// GET or HEAD of --health-path, with any query.
bool Exchange::asks_for_health() const {
  const auto& path = context_.options().health_path;
  if (path.empty()) return false;
  const auto target = client_.request.target();
  if (!target.starts_with(path)) return false;
  if (target.size() > path.size() && target[path.size()] != '?') return false;
  return client_.request.method() == "GET" || client_.request.is_head();
}

// Whether it is a gRPC call, and whether another master has passed it on.
void Exchange::classify() {
  const bool is_passed_on = comes_from_a_standby();
  // A standby speaks HTTP/1, whatever its client speaks.
  const bool may_be_call = client_.request.version() == 20 || is_passed_on;
  client_.is_grpc = may_be_call && is_grpc_call(client_.request);
  if (!is_passed_on) return;
  client_.awaits_word = client_.request.is_held_back();
  adopt_client_of_standby();
}

// Another master of ours has passed it on: what it says of its client is true.
bool Exchange::comes_from_a_standby() const {
  const auto entry = client_.sender.entry;
  if (entry == Entry::inner_master) return true;
  const auto& access = context_.inner_access();
  const bool goes_by_pass = entry == Entry::inner ? access.credentials == nullptr : !access.alone;
  return goes_by_pass && has_right_pass();
}

bool Exchange::has_right_pass() const {
  const auto& pass = context_.options().pass;
  return client_.request.has_pass() && !pass.empty() &&
         equal_in_constant_time(client_.request.pass(), pass);
}

// A master has passed it on, perhaps one that knows an earlier pass: it must not go to and fro.
bool Exchange::is_said_to_be_passed_on() const {
  if (client_.sender.by_master || client_.sender.entry != Entry::open) return true;
  return client_.request.has_pass() && !context_.inner_access().alone;
}

// At the inner address nobody is served who is not believed; and a master that has not heard of
// that address yet is about to. Nothing was executed, and it asks again.
Exchange::EarlyAnswer Exchange::refuse_misdirected() const {
  const auto& sender = client_.sender;
  if (sender.by_master || (sender.entry == Entry::open && !has_right_pass())) return std::nullopt;
  return LocalResponse{.status = 503,
                       .code = "not_primary",
                       .message =
                           "This is not where, or from whom, this master takes requests "
                           "that are passed on; nothing was executed.",
                       .retry_after_s = 1,
                       .not_primary = true};
}

// The standby's peer counts as ours.
void Exchange::adopt_client_of_standby() {
  auto& sender = client_.sender;
  sender.by_master = true;
  sender.certificate = {};
  const auto peer = peer_of_master(client_.request);
  if (peer.empty() || peer.size() > peer_of_master_.size()) return;
  sender.address = {peer_of_master_.data(), peer.copy(peer_of_master_.data(), peer.size())};
  const auto& proxies = context_.options().trusted_proxies;
  sender.trusted = std::any_of(proxies.begin(), proxies.end(), [&](const auto& range) {
    return range.contains(std::string(sender.address));
  });
}

// A request that a standby passed on counts for the standby's client.
Exchange::EarlyAnswer Exchange::limit_rate() const {
  auto* const limiter = context_.rate_limiter();
  if (limiter == nullptr) return std::nullopt;
  const auto& key = limiter->key();
  AddressText room;
  std::string_view value;
  if (key.source != wire::KeySource::address) {
    value = request_key_text(key, client_.request, client_.sender, room);
  }
  const unsigned sharers = context_.services().sharers();
  const auto wait =
      value.empty()
          ? limiter->admit(client_address(client_.request, client_.sender, room), now(), sharers)
          : limiter->admit_by_value(value, now(), sharers);
  if (wait <= Duration::zero()) return std::nullopt;
  return LocalResponse{.status = 429,
                       .code = "too_many_requests",
                       .message = "This client sends more than it may.",
                       .retry_after_s = static_cast<unsigned>(wait / 1s + 1)};
}

Exchange::EarlyAnswer Exchange::limit_methods() const {
  if (client_.request.method() != "TRACE" || context_.options().allows_trace) return std::nullopt;
  return LocalResponse{.status = 405,
                       .code = "method_not_allowed",
                       .message = "TRACE is not served (--allow-trace)."};
}

Exchange::EarlyAnswer Exchange::limit_size() const {
  const auto allowed = context_.options().body_bytes_max;
  const bool is_too_large = allowed > 0 && client_.request.has_content_length() &&
                            client_.request.content_length() > allowed;
  if (!is_too_large) return std::nullopt;
  return LocalResponse{.status = 413,
                       .code = "body_too_large",
                       .message = "The request body is over the configured limit."};
}

void Exchange::find_route() {
  service_name_ = context_.options().default_service;
  if (!context_.routes()->empty()) {
    routes_ = context_.routes();  // kept: a newer table may take its place while this request waits
    route_ = routes_->find(client_.request.host(), client_.request.target());
  }
  if (route_ != nullptr) {
    service_name_ = route_->service;
    client_.note.route_host = route_->host;
    client_.note.route_prefix = route_->prefix;
  }
  client_.note.service = service_name_;
  if (const auto* service = own_service(); service != nullptr) {
    client_.options = &service->options().requests;
  }
  if (route_ != nullptr && route_->rules != wire::RequestRules()) {
    client_.options = &route_options_.emplace(overlaid(*client_.options, route_->rules));
  }
}

// What the service or the route demands of its clients' certificates. Which route that is must not
// depend on how a client spells the path: all that a worker may read there count.
Exchange::EarlyAnswer Exchange::demand_certificate() const {
  const auto& demand = client_.options->client_certificate;
  const bool may_differ = routes_ != nullptr && routes_->has_demands() && !has_one_reading(path());
  if (!demand.is_on() && !may_differ) return std::nullopt;
  if (may_differ && path().size() > limits::ambiguous_path_bytes_max) {
    return LocalResponse{.status = 414,
                         .code = "path_too_long",
                         .message =
                             "A path that can be read in more than one way must be shorter where "
                             "certificates are demanded."};
  }
  const auto shown = client_certificate(client_.request, client_.sender);
  const bool meets_all = meets(demand, shown) && (!may_differ || meets_other_readings(shown));
  if (meets_all) return std::nullopt;
  return LocalResponse{.status = 403,
                       .code = "client_certificate",
                       .message = shown.empty()
                                      ? "This is served to clients with a certificate alone."
                                      : "This is not served to the name in that certificate."};
}

bool Exchange::meets_other_readings(std::string_view shown) const {
  if (!path().starts_with('/')) return true;
  const auto readings = other_readings(path());
  return std::all_of(readings.begin(), readings.end(), [&](const std::string& reading) {
    const auto* route = routes_->find(client_.request.host(), reading);
    if (route == route_) return true;
    if (route != nullptr && route->rules.client_certificate) {
      return meets(*route->rules.client_certificate, shown);
    }
    const auto& name = route == nullptr ? context_.options().default_service : route->service;
    const auto* service = context_.services().find(name);
    return service == nullptr || meets(service->options().requests.client_certificate, shown);
  });
}

// Without the query.
std::string_view Exchange::path() const {
  const auto target = client_.request.target();
  return target.substr(0, target.find('?'));
}

// One that is known stays known; another may become so while the request waits.
Service* Exchange::own_service() {
  if (own_service_.get() == nullptr) {
    if (auto* const found = context_.services().find(service_name_)) own_service_.begin(*found);
  }
  return own_service_.get();
}

// There are routes, but none for this request, and no worker is registered for the default service.
bool Exchange::has_no_route() const {
  if (routes_ == nullptr || route_ != nullptr) return false;
  const auto* service = context_.services().find(service_name_);
  return service == nullptr || !service->is_registered();
}

// The client's own deadline, if it has one, and the service's: the earlier one counts.
void Exchange::set_deadline() {
  auto& times = client_.times;
  times.adopt(client_.options->timeouts);
  if (const auto timeout = client_.request.timeout(); timeout > Duration::zero()) {
    times.end_at(now() + timeout, RequestTimes::SetBy::client);
  }
  if (client_.is_grpc) set_deadline_of_grpc();
  const auto whole = client_.options->timeouts.request;
  if (whole > Duration::zero()) times.end_at(now() + whole, RequestTimes::SetBy::service);
}

// The messages of a call come at any time, in both directions: they are bounded by its deadline,
// and without one like those of a tunnel.
void Exchange::set_deadline_of_grpc() {
  if (const auto timeout = grpc_timeout(client_.request)) {
    // Tandem-Timeout-Ms, which says the same to our own, goes no further.
    const auto time = std::min<Duration>(*timeout, limits::request_timeout_settable_max);
    client_.times.end_at(now() + time, RequestTimes::SetBy::client);
  }
  auto& timeouts = grpc_timeouts_.emplace(client_.options->timeouts);
  const bool has_deadline = client_.times.has_end();
  timeouts.pace = any_pace;
  timeouts.body_idle = has_deadline ? limits::request_timeout_settable_max : timeouts.tunnel_idle;
  if (has_deadline) {
    timeouts.response_head = limits::request_timeout_settable_max;
  } else {
    client_.times.wait_for_pinging(timeouts.tunnel_idle);
    // PINGs of its client are seen by the standby alone, which knows when to give it up.
    if (client_.sender.by_master) client_.stream.trust_to_leave();
  }
  client_.times.adopt(timeouts);
}

// RFC 9110 §7.6.3 and RFC 5842 §7.2. Another master of this cluster, whose name is the same, may
// pass a request on.
Exchange::EarlyAnswer Exchange::refuse_loop() const {
  if (!client_.request.has_via()) return std::nullopt;
  if (client_.sender.by_master) return std::nullopt;
  const auto& fields = client_.request.fields();
  const bool is_loop = std::any_of(fields.begin(), fields.end(), [&](const auto& field) {
    return field.kind == FieldKind::via && via_names(field.value, context_.via());
  });
  if (!is_loop) return std::nullopt;
  return LocalResponse{.status = 508,
                       .code = "loop_detected",
                       .message = "The request has come through this gateway before."};
}

void Exchange::set_request_id() {
  client_.request_id = client_.request.request_id();
  if (!client_.request_id.empty()) return;
  made_id_ = context_.request_ids().next();
  client_.request_id = {made_id_.data(), made_id_.size()};
}

}  // namespace tandem::master
