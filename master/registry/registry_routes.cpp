// Routes: configured ones take precedence over replicated ones.
#include "master/registry/registry.hpp"

namespace tandem::master {

namespace {

std::string name_of(const RouteKey& key) { return key.first + key.second; }

}  // namespace

Result<Change> Registry::set_route(const wire::Route& route) const {
  thread_.assert_here();
  const RouteKey key{route.host, route.prefix};
  // A host that a client writes with it is the same without it.
  if (route.host.ends_with('.')) return invalid("host must have no dot at its end", "host");
  if (configured_routes_.contains(key)) {
    return fail(
        ErrorCode::conflict,
        fmt::format("{} was given by --route: take it out of the configuration", name_of(key)),
        "prefix");
  }
  if (auto room = state_.check_room(route); !room) return room.error();
  return Change(SetRoute{route});
}

Result<Change> Registry::remove_route(const std::string& host, const std::string& prefix) const {
  thread_.assert_here();
  const RouteKey key{host, prefix};
  if (state_.routes.contains(key)) return Change(RemoveRoute{host, prefix});
  if (configured_routes_.contains(key)) {
    return fail(
        ErrorCode::conflict,
        fmt::format("{} was given by --route: take it out of the configuration", name_of(key)),
        "prefix");
  }
  return fail(ErrorCode::not_found, fmt::format("there is no route {}", name_of(key)), "prefix");
}

Routes Registry::routes() const {
  thread_.assert_here();
  auto routes = state_.routes;
  for (const auto& [key, route] : configured_routes_) routes.insert_or_assign(key, route);
  return routes;
}

void Registry::routes_changed() {
  routes_.reset();
  request_publication();
}

// Nothing to do when the whole table will be rebuilt.
void Registry::route_changed(const RouteKey& key) {
  request_publication();
  if (routes_ == nullptr || configured_routes_.contains(key)) return;
  const auto found = state_.routes.find(key);
  routes_ = std::make_shared<const RouteTable>(
      found == state_.routes.end() ? routes_->without(key) : routes_->with(found->second));
}

}  // namespace tandem::master
