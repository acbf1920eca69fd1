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
  add_route(method, pattern, std::move(handler), {});
}

void ApiRouter::add_change(std::string_view method, std::string_view pattern,
                           ChangeHandler handler) {
  add_route(method, pattern, {}, std::move(handler));
}

void ApiRouter::add_route(std::string_view method, std::string_view pattern, Handler handler,
                          ChangeHandler change) {
  const auto place = pattern.find(placeholder);
  Route route{.method = std::string(method),
              .before = std::string(pattern.substr(0, place)),
              .after = {},
              .has_name = place != pattern.npos,
              .handler = std::move(handler),
              .change = std::move(change)};
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
  return route != nullptr && route->change;
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
  auto changing = route->change(request, name);
  co_return co_await std::move(changing);
}

}  // namespace tandem::master
