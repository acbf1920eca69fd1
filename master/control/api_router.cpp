#include "master/control/api_router.hpp"

#include "common/base/assert.hpp"
#include "common/http/api_response.hpp"

namespace tandem::master {

namespace {
constexpr std::string_view placeholder = "{name}";
}  // namespace

bool ApiRouter::Route::matches(std::string_view path, std::string_view& name) const {
  if (!has_name) return path == before;
  if (path.size() <= before.size() + after.size() || !path.starts_with(before) ||
      !path.ends_with(after)) {
    return false;
  }
  name = path.substr(before.size(), path.size() - before.size() - after.size());
  return name.find('/') == name.npos;
}

void ApiRouter::add(std::string_view method, std::string_view pattern, Handler handler) {
  Route route;
  route.handler = std::move(handler);
  add_route(method, pattern, std::move(route));
}

void ApiRouter::add_awaited(std::string_view method, std::string_view pattern,
                            AwaitedHandler handler) {
  Route route;
  route.awaited = std::move(handler);
  add_route(method, pattern, std::move(route));
}

void ApiRouter::add_change(std::string_view method, std::string_view pattern,
                           AwaitedHandler handler) {
  Route route;
  route.awaited = std::move(handler);
  route.is_change = true;
  add_route(method, pattern, std::move(route));
}

void ApiRouter::add_route(std::string_view method, std::string_view pattern, Route route) {
  const auto place = pattern.find(placeholder);
  route.method = method;
  route.before = pattern.substr(0, place);
  route.has_name = place != pattern.npos;
  if (route.has_name) route.after = pattern.substr(place + placeholder.size());
  for (const auto& other : routes_) {
    TANDEM_ASSERT(other.method != route.method || other.before != route.before ||
                  other.after != route.after || other.has_name != route.has_name);
  }
  routes_.push_back(std::move(route));
}

const ApiRouter::Route* ApiRouter::find(const ControlRequest& request, std::string_view& name,
                                        std::string& allowed) const {
  const auto method = request.method == "HEAD" ? std::string_view("GET") : request.method;
  for (const auto& route : routes_) {
    name = {};
    if (!route.matches(request.path, name)) continue;
    if (route.method == method) return &route;
    allowed += allowed.empty() ? route.method : ", " + route.method;
    if (route.method == "GET") allowed += ", HEAD";
  }
  return nullptr;
}

bool ApiRouter::is_change(const ControlRequest& request) const {
  std::string_view name;
  std::string allowed;
  const auto* route = find(request, name, allowed);
  return route != nullptr && route->is_change;
}

boost::asio::awaitable<ControlResponse> ApiRouter::handle(const ControlRequest& request) const {
  std::string_view name;
  std::string allowed;
  const auto* route = find(request, name, allowed);
  if (route == nullptr) {
    co_return allowed.empty() ? no_such_path(request.path)
                              : method_not_allowed(request.method, std::move(allowed));
  }
  if (route->handler) co_return route->handler(request, name);
  auto handling = route->awaited(request, name);
  co_return co_await std::move(handling);
}

}  // namespace tandem::master
