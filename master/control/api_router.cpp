#include "master/control/api_router.hpp"

#include "common/base/assert.hpp"
#include "master/control/api_response.hpp"

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
  const auto place = pattern.find(placeholder);
  Route route{.method = std::string(method),
              .before = std::string(pattern.substr(0, place)),
              .after = {},
              .has_name = place != pattern.npos,
              .handler = std::move(handler)};
  if (route.has_name) route.after = pattern.substr(place + placeholder.size());
  for (const auto& other : routes_) {
    TANDEM_ASSERT(other.method != route.method || other.before != route.before ||
                  other.after != route.after || other.has_name != route.has_name);
  }
  routes_.push_back(std::move(route));
}

ControlResponse ApiRouter::handle(const ControlRequest& request) const {
  const auto method = request.method == "HEAD" ? std::string_view("GET") : request.method;
  std::string allowed;
  for (const auto& route : routes_) {
    std::string_view name;
    if (!route.matches(request.path, name)) continue;
    if (route.method == method) return route.handler(request, name);
    allowed += allowed.empty() ? route.method : ", " + route.method;
    if (route.method == "GET") allowed += ", HEAD";
  }
  if (allowed.empty()) return no_such_path(request.path);
  return method_not_allowed(request.method, std::move(allowed));
}

}  // namespace tandem::master
