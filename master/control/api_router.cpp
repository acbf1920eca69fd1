#include "master/control/api_router.hpp"

#include "common/base/assert.hpp"
#include "common/base/name.hpp"
#include "common/http/api_response.hpp"
#include "master/control/discovery/limits.hpp"
#include "master/control/query.hpp"

namespace tandem::master {

namespace {

constexpr std::string_view placeholder = "{name}";
constexpr std::string_view rest_placeholder = "{id}";
// Encoded, each byte takes three.
constexpr std::size_t id_bytes_max = 3 * limits::registered_id_bytes_max;

// `name`: what of `path` {name} or {id} matches.
bool matches(std::string_view pattern, std::string_view path, std::string_view& name) {
  name = {};
  if (pattern.ends_with(rest_placeholder)) {
    const auto before = pattern.substr(0, pattern.size() - rest_placeholder.size());
    if (path.size() <= before.size() || !path.starts_with(before)) return false;
    name = path.substr(before.size());
    return true;
  }
  const auto place = pattern.find(placeholder);
  if (place == pattern.npos) return path == pattern;
  const auto before = pattern.substr(0, place);
  const auto after = pattern.substr(place + placeholder.size());
  if (path.size() <= before.size() + after.size() || !path.starts_with(before) ||
      !path.ends_with(after)) {
    return false;
  }
  name = path.substr(before.size(), path.size() - before.size() - after.size());
  return name.find('/') == name.npos;
}

}  // namespace

void ApiRouter::add(ApiEndpoint endpoint) {
  for (const auto& other : endpoints_) {
    TANDEM_ASSERT(other.method != endpoint.method || other.path != endpoint.path);
  }
  endpoints_.push_back(std::move(endpoint));
}

const ApiEndpoint* ApiRouter::find(const ControlRequest& request, std::string_view& name,
                                   std::string& allowed) const {
  const auto method = request.method == "HEAD" ? std::string_view("GET") : request.method;
  for (const auto& endpoint : endpoints_) {
    if (!matches(endpoint.path, request.path, name)) continue;
    if (endpoint.method == method) return &endpoint;
    allowed += allowed.empty() ? "" : ", ";
    allowed += endpoint.method;
    if (endpoint.method == "GET") allowed += ", HEAD";
  }
  return nullptr;
}

const ApiEndpoint* ApiRouter::find(const ControlRequest& request) const {
  std::string_view name;
  std::string allowed;
  return find(request, name, allowed);
}

ApiEndpoint::Role ApiRouter::role_of(const ControlRequest& request) const {
  const auto* endpoint = find(request);
  return endpoint == nullptr ? ApiEndpoint::Role::any : endpoint->role;
}

Duration ApiRouter::wait_of(const ControlRequest& request) const {
  const auto* endpoint = find(request);
  const bool waits = endpoint != nullptr && endpoint->wait != nullptr;
  return waits ? endpoint->wait(request) : Duration::zero();
}

bool ApiRouter::needs_masters(const ControlRequest& request) const {
  const auto* endpoint = find(request);
  return endpoint != nullptr && endpoint->needs_masters;
}

ApiEndpoint::Access ApiRouter::access_to(const ControlRequest& request) const {
  using Access = ApiEndpoint::Access;
  const auto* endpoint = find(request);
  if (endpoint != nullptr && endpoint->access != Access::by_method) return endpoint->access;
  const bool reads = request.method == "GET" || request.method == "HEAD";
  return reads ? Access::viewer : Access::operator_;
}

boost::asio::awaitable<ControlResponse> ApiRouter::handle(const ControlRequest& request) const {
  std::string_view text;
  std::string allowed;
  const auto* endpoint = find(request, text, allowed);
  if (endpoint == nullptr) {
    co_return allowed.empty() ? no_such_path(request.path)
                              : method_not_allowed(request.method, std::move(allowed));
  }
  std::string name;
  if (endpoint->path.ends_with(rest_placeholder)) {
    if (text.size() > id_bytes_max) co_return refusal(invalid("the ID is too long", "ID"));
    name = percent_decoded(text);
  } else if (!text.empty()) {
    auto parsed = parse_name(text, "name");
    if (!parsed) co_return refusal(parsed.error());
    name = std::move(*parsed);
  }
  if (const auto* handler = std::get_if<ApiEndpoint::Handler>(&endpoint->handler)) {
    co_return (*handler)(request, name);
  }
  auto handling = std::get<ApiEndpoint::AwaitedHandler>(endpoint->handler)(request, name);
  co_return co_await std::move(handling);
}

}  // namespace tandem::master
