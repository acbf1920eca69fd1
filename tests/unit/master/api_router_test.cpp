// What follows from the table of the control API.
#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include "master/control/api_router.hpp"

namespace tandem::master::api_router_test {

namespace asio = boost::asio;

namespace {

Duration wait_of_query(const ControlRequest& request) { return request.query.empty() ? 0s : 5s; }

asio::awaitable<ControlResponse> later(std::string name) {
  co_return ControlResponse{.status = 202, .body = std::move(name)};
}

asio::awaitable<void> keep(const ApiRouter& router, const ControlRequest& request,
                           ControlResponse& kept) {
  auto handling = router.handle(request);
  kept = co_await std::move(handling);
}

struct Api {
  Api() {
    router.add({.method = "GET",
                .path = "/things",
                .access = ApiEndpoint::Access::open,
                .handler = [](const ControlRequest&, const std::string& name) {
                  return ControlResponse{.body = "all" + name};
                }});
    router.add(
        {.method = "DELETE",
         .path = "/things/{name}",
         .role = ApiEndpoint::Role::primary,
         .wait = wait_of_query,
         .handler = [](const ControlRequest&, const std::string& name) { return later(name); }});
    router.add({.method = "GET",
                .path = "/things/{name}/parts",
                .handler = [](const ControlRequest&, const std::string& name) {
                  return ControlResponse{.body = "parts of " + name};
                }});
  }

  static ControlRequest request(std::string_view method, std::string_view path,
                                std::string_view query = {}) {
    ControlRequest asked{};
    asked.method = method;
    asked.path = path;
    asked.query = query;
    return asked;
  }
  ControlResponse ask(std::string_view method, std::string_view path) const {
    asio::io_context loop(1);
    const auto asked = request(method, path);
    ControlResponse answer;
    asio::co_spawn(loop, keep(router, asked, answer), asio::detached);
    loop.run();
    return answer;
  }

  ApiRouter router;
};

std::string allowed(const ControlResponse& response) {
  for (const auto& [name, value] : response.fields) {
    if (name == "Allow") return value;
  }
  return {};
}

}  // namespace

TEST_CASE("an endpoint answers its method and path, and HEAD as GET") {
  const Api api;
  CHECK(api.ask("GET", "/things").body == "all");
  CHECK(api.ask("HEAD", "/things").body == "all");
  CHECK(api.ask("GET", "/things/a.b/parts").body == "parts of a.b");
  const auto removed = api.ask("DELETE", "/things/x");
  CHECK(removed.status == 202);
  CHECK(removed.body == "x");
}

TEST_CASE("a path that no endpoint has is 404, another method is 405 and says which there are") {
  const Api api;
  CHECK(api.ask("GET", "/thing").status == 404);
  CHECK(api.ask("GET", "/things/").status == 404);
  CHECK(api.ask("GET", "/things/a/b/parts").status == 404);
  const auto posted = api.ask("POST", "/things");
  CHECK(posted.status == 405);
  CHECK(allowed(posted) == "GET, HEAD");
  CHECK(allowed(api.ask("GET", "/things/a")) == "DELETE");
}

TEST_CASE("what stands in the place of a name is a name, or the request is refused") {
  const Api api;
  CHECK(api.ask("DELETE", "/things/a%20b").status == 400);
  CHECK(api.ask("DELETE", "/things/" + std::string(65, 'x')).status == 400);
}

TEST_CASE("an endpoint says who answers, who may ask and how long the answer may wait") {
  const Api api;
  using Role = ApiEndpoint::Role;
  using Access = ApiEndpoint::Access;
  CHECK(api.router.role_of(Api::request("DELETE", "/things/x")) == Role::primary);
  CHECK(api.router.role_of(Api::request("GET", "/things")) == Role::any);
  CHECK(api.router.role_of(Api::request("GET", "/nothing")) == Role::any);
  CHECK(api.router.wait_of(Api::request("DELETE", "/things/x", "wait_ms=1")) == 5s);
  CHECK(api.router.wait_of(Api::request("DELETE", "/things/x")) == 0s);
  CHECK(api.router.wait_of(Api::request("GET", "/things", "wait_ms=1")) == 0s);
  CHECK(api.router.access_to(Api::request("GET", "/things")) == Access::open);
  CHECK(api.router.access_to(Api::request("HEAD", "/things")) == Access::open);
  CHECK(api.router.access_to(Api::request("POST", "/things")) == Access::operator_);
  CHECK(api.router.access_to(Api::request("DELETE", "/things/x")) == Access::operator_);
  CHECK(api.router.access_to(Api::request("GET", "/things/x/parts")) == Access::viewer);
  CHECK(api.router.access_to(Api::request("GET", "/nothing")) == Access::viewer);
  CHECK(api.router.access_to(Api::request("OPTIONS", "/nothing")) == Access::operator_);
}

}  // namespace tandem::master::api_router_test
