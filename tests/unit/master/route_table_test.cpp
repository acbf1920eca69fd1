#include <random>

#include <catch2/catch.hpp>

#include "common/wire/limits.hpp"
#include "master/registry/limits.hpp"
#include "master/registry/route_table.hpp"
#include "tests/unit/master/registry_fixture.hpp"

namespace tandem::master::route_table_test {
namespace {

RouteTable table_of(const std::vector<std::string>& texts) {
  Routes routes;
  for (const auto& text : texts) {
    const auto route = wire::parse_route_flag(text, "--route");
    REQUIRE(route.ok());
    routes.emplace(RouteKey{route->host, route->prefix}, *route);
  }
  return RouteTable(routes);
}

std::string found(const RouteTable& table, std::string_view host, std::string_view target) {
  const auto* route = table.find(host, target);
  return route == nullptr ? "" : route->service;
}

// As slowly as can be.
std::string found_slowly(const std::vector<std::string>& texts, std::string_view host,
                         std::string_view path) {
  std::string best;
  std::size_t length = 0;
  for (const auto& text : texts) {
    const auto route = *wire::parse_route_flag(text, "--route");
    if (!route.host.empty() && route.host != host) continue;
    const bool fits =
        route.prefix == "/" || path == route.prefix || path.starts_with(route.prefix + "/");
    const auto rank = route.prefix.size() + (route.host.empty() ? 0 : 10'000);
    if (fits && rank > length) {
      best = route.service;
      length = rank;
    }
  }
  return best;
}

}  // namespace

TEST_CASE("no route is found in an empty table") {
  CHECK(found(table_of({}), "a", "/") == "");
  CHECK(found(table_of({}), "a", "*") == "");
  const auto table = table_of({"/=all"});
  CHECK(found(table, "a", "/") == "all");
  CHECK(found(table, "", "/x") == "all");
}

TEST_CASE("a target without a path, and the asterisk, lead where the root does") {
  const auto table = table_of({"a.example/=a", "/x=x"});
  for (const auto* target : {"/", "", "?q=1", "?/x", "*"}) {
    CAPTURE(target);
    CHECK(found(table, "a.example", target) == "a");
    CHECK(found(table, "b.example", target) == "");
  }
}

TEST_CASE("hosts are compared without port and case, literals as they are") {
  const auto table = table_of({"a.example/=a", "[::1]/=six", "10.0.0.1/=four"});
  CHECK(found(table, "A.Example:80", "/") == "a");
  CHECK(found(table, "[::1]:80", "/") == "six");
  CHECK(found(table, "10.0.0.1:1", "/") == "four");
  CHECK(found(table, "b.example", "/") == "");
  CHECK(found(table, std::string(400, 'a'), "/") == "");
}

TEST_CASE("look-ups agree with a slow search over thousands of random routes and paths") {
  std::mt19937 random(7);
  const auto path = [&](unsigned segments) {
    std::string text;
    for (unsigned i = 0; i < segments; ++i) text += fmt::format("/{}", random() % 4);
    return text.empty() ? "/" : text;
  };
  std::vector<std::string> texts;
  for (int i = 0; i < 300; ++i) {
    texts.push_back(fmt::format("{}{}=s{}", random() % 3 == 0 ? "h.x" : "", path(random() % 6), i));
  }
  // Of two with the same key the first counts, here and there.
  std::map<std::string, std::string> distinct;
  for (const auto& text : texts) distinct.emplace(text.substr(0, text.find('=')), text);
  texts.clear();
  for (const auto& [key, text] : distinct) texts.push_back(text);
  const auto table = table_of(texts);
  for (int i = 0; i < 3'000; ++i) {
    const auto wanted = path(random() % 8);
    const auto* host = random() % 2 == 0 ? "h.x" : "other";
    INFO(host << wanted);
    CHECK(found(table, host, wanted) == found_slowly(texts, host, wanted));
  }
}

TEST_CASE("a route is written [HOST]/PREFIX=SERVICE[,strip]") {
  const auto route = wire::parse_route_flag("Shop.Example/api/v1/=shop,strip", "--route");
  REQUIRE(route.ok());
  CHECK(route->host == "shop.example");
  CHECK(route->prefix == "/api/v1");
  CHECK(route->service == "shop");
  CHECK(route->strip);
  for (const auto* text : {"", "shop", "/a", "=shop", "/a=", "/a=s p", "h:80/=s", "/a?b=s",
                           "/a b=s", "h!/=s", "/a=s,stripp"}) {
    INFO(text);
    const auto refused = wire::parse_route_flag(text, "--route");
    REQUIRE(!refused.ok());
    CHECK(refused.error().message.find("--route") == 0);
  }
}

TEST_CASE("a route is read from JSON as it was written, and its mistakes by name") {
  wire::Route route{"h", "/a", "s", true};
  route.rules.response_timeout = 5s;
  route.rules.balance = wire::PolicySpec(wire::PolicyName::random);
  route.rules.retry_methods = wire::MethodSet::parse("GET,POST");
  const auto read = wire::parse_route(wire::to_json(route));
  REQUIRE(read.ok());
  CHECK(*read == route);
  const auto fault = [](const char* json) { return wire::parse_route(json).error().field; };
  CHECK(fault("{}") == "service");
  CHECK(fault(R"({"service": "s", "prefix": "a"})") == "prefix");
  CHECK(fault(R"({"service": "s", "host": "a:1"})") == "host");
  CHECK(fault(R"({"service": "s", "strips": true})") == "strips");
  CHECK(fault(R"({"service": "s", "response_timeout_ms": -1})") == "response_timeout_ms");
  CHECK(fault(R"({"service": "s", "retry_methods": ["get"]})") == "retry_methods");
  const std::string longest(limits::route_prefix_bytes_max - 1, 'x');
  CHECK(wire::parse_route(R"({"service": "s", "prefix": "/)" + longest + "\"}").ok());
  CHECK(!wire::parse_route(R"({"service": "s", "prefix": "/x)" + longest + "\"}").ok());
}

TEST_CASE("routes of the configuration go before replicated ones and cannot be changed") {
  RegistryFixture cluster;
  REQUIRE(cluster.registry.reconfigure({{}, {{"", "/a", "first"}}, {}}, cluster.time).ok());
  const std::vector<wire::Route> twice{{"", "/a", "first"}, {"", "/a", "second"}};
  CHECK(!cluster.registry.reconfigure({{}, twice, {}}, cluster.time).ok());
  CHECK(cluster.registry.set_route({"", "/a", "other"}).error().code == ErrorCode::conflict);
  CHECK(cluster.registry.remove_route("", "/a").error().code == ErrorCode::conflict);
  CHECK(cluster.registry.remove_route("", "/b").error().code == ErrorCode::not_found);
  const auto change = cluster.registry.set_route({"", "/b", "b"});
  REQUIRE(change.ok());
  REQUIRE(cluster.registry.apply(*change, cluster.time).ok());
  cluster.registry.publish();
  CHECK(found(*cluster.snapshots.back()->routes, "x", "/a/1") == "first");
  CHECK(found(*cluster.snapshots.back()->routes, "x", "/b/1") == "b");
  const auto removal = cluster.registry.remove_route("", "/b");
  REQUIRE(removal.ok());
  REQUIRE(cluster.registry.apply(*removal, cluster.time).ok());
  cluster.registry.publish();
  CHECK(found(*cluster.snapshots.back()->routes, "x", "/b/1") == "");
}

TEST_CASE("a table that was changed route by route is the one that is made at once") {
  std::mt19937 random(11);
  Routes routes;
  RouteTable changed;
  for (int i = 0; i < 3'000; ++i) {
    const RouteKey key{random() % 2 == 0 ? "h.x" : "", fmt::format("/a/{}", random() % 200)};
    const wire::Route route{key.first, key.second, fmt::format("s{}", i)};
    if (random() % 3 == 0) {
      routes.erase(key);
      changed = changed.without(key);
    } else {
      routes.insert_or_assign(key, route);
      changed = changed.with(route);
    }
    REQUIRE(changed.size() == routes.size());
  }
  const RouteTable made(routes);
  CHECK(made.size() == changed.size());
  for (int i = 0; i < 220; ++i) {
    for (const auto* host : {"h.x", "other"}) {
      const auto path = fmt::format("/a/{}/b", i);
      INFO(host << path);
      CHECK(found(changed, host, path) == found(made, host, path));
    }
  }
  for (const auto& [key, route] : routes) changed = changed.without(key);
  CHECK(changed.empty());
  CHECK(found(changed, "h.x", "/a/1") == "");
}

TEST_CASE("a table stays as it was when another is made of it") {
  const auto table = table_of({"/a=one"});
  const auto other = table.with({"", "/a", "two"}).with({"h.x", "/b", "three"});
  CHECK(found(table, "h.x", "/a") == "one");
  CHECK(found(table, "h.x", "/b") == "");
  CHECK(found(other, "h.x", "/a") == "two");
  CHECK(found(other, "h.x", "/b") == "three");
  CHECK(found(other.without({"h.x", "/b"}), "h.x", "/b") == "");
}

TEST_CASE("routes are refused beyond their number and beyond what they take together") {
  RegistryFixture cluster;
  const auto set = [&](const std::string& prefix) {
    const auto change = cluster.registry.set_route({"", prefix, "s"});
    if (change.ok()) REQUIRE(cluster.registry.apply(*change, cluster.time).ok());
    return change.ok();
  };
  SECTION("their number") {
    for (std::size_t i = 0; i < limits::routes_max; ++i) REQUIRE(set(fmt::format("/{}", i)));
    CHECK(!set("/one-more"));
    CHECK(set("/0"));  // in place of itself
  }
  SECTION("their bytes") {
    const std::string longest(limits::route_prefix_bytes_max - 8, 'x');
    const auto count = limits::routes_bytes_max / limits::route_prefix_bytes_max;
    for (std::size_t i = 0; i < count; ++i) REQUIRE(set(fmt::format("/{:07}{}", i, longest)));
    CHECK(cluster.registry.state().routes_bytes == limits::routes_bytes_max);
    CHECK(!set("/"));
    CHECK(set(fmt::format("/{:07}{}", 0, longest)));
    const auto removal = cluster.registry.remove_route("", fmt::format("/{:07}{}", 0, longest));
    REQUIRE(cluster.registry.apply(*removal, cluster.time).ok());
    CHECK(set("/"));
  }
}

TEST_CASE("a host is the same with the dot of the root, and a route is given without it") {
  const auto table = table_of({"shop.example/=shop", "/=any"});
  CHECK(found(table, "shop.example.", "/") == "shop");
  CHECK(found(table, "SHOP.example.:8080", "/x") == "shop");
  CHECK(found(table, "shop.example..", "/") == "any");
  CHECK(found(table, ".", "/") == "any");
  CHECK(!wire::parse_route_flag("shop.example./=shop", "--route").ok());
}

TEST_CASE("a table knows whether any of its routes demands a certificate") {
  auto table = table_of({"/=any"});
  CHECK(!table.has_demands());
  wire::Route route;
  route.prefix = "/admin";
  route.service = "any";
  route.rules.client_certificate = wire::CertificateDemand::parse("any");
  table = table.with(route).with(route);
  CHECK(table.has_demands());
  route.rules = {};
  CHECK(!table.with(route).has_demands());
  CHECK(!table.without({"", "/admin"}).has_demands());
}

}  // namespace tandem::master::route_table_test
