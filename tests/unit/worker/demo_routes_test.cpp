#include "worker/program/demo_routes.hpp"

#include <nlohmann/json.hpp>

#include "tests/unit/worker/serving.hpp"

namespace tandem::test::demo_routes_test {
namespace {
struct Demo {
  Serving serving{[](httplib::Server& server) { add_demo_routes(server, [] { return "w1"; }); }};
  httplib::Result get(const std::string& path, const httplib::Headers& headers = {}) {
    return serving.client().Get(path, headers);
  }
};
}  // namespace

TEST_CASE("the demo says who served which path, and counts") {
  Demo demo;
  CHECK(demo.get("/some/path")->body == "w1 GET /some/path 1\n");
  CHECK(demo.serving.client().Put("/x", "body", "text/plain")->body == "w1 PUT /x 2\n");
  CHECK(demo.serving.client().Delete("/x")->body == "w1 DELETE /x 3\n");
  const auto json = nlohmann::json::parse(demo.get("/", {{"Accept", "application/json"}})->body);
  CHECK(json == nlohmann::json{{"worker", "w1"}, {"method", "GET"}, {"path", "/"}, {"count", 4}});
  CHECK(demo.get("/health")->status == 200);
  CHECK(demo.get("/health")->get_header_value("Tandem-Worker") == "w1");
  CHECK(nlohmann::json::accept(demo.get("/%ff%fe", {{"Accept", "application/json"}})->body));
}

TEST_CASE("the demo answers with the status it is asked for") {
  Demo demo;
  for (const int status : {200, 204, 304, 404, 500, 503, 599}) {
    CHECK(demo.get("/status/" + std::to_string(status))->status == status);
  }
  for (const auto* path : {"/status/199", "/status/600", "/status/x", "/status/-1", "/status/"}) {
    INFO(path);
    CHECK(demo.get(path)->status == 400);
  }
}

TEST_CASE("the demo answers with as many bytes as it is asked for") {
  Demo demo;
  CHECK(demo.get("/bytes/0")->body == "");
  CHECK(demo.get("/bytes/28")->body == "abcdefghijklmnopqrstuvwxyzab");
  const auto large = demo.get("/bytes/1000000")->body;
  REQUIRE(large.size() == 1'000'000);
  CHECK(large.back() == static_cast<char>('a' + 999'999 % 26));
  CHECK(demo.get("/bytes/1000", {{"Range", "bytes=26-28"}})->body == "abc");
  CHECK(demo.serving.client().Head("/bytes/1073741824")->status == 200);
  CHECK(demo.get("/bytes/1073741825")->status == 400);
  CHECK(demo.get("/bytes/-1")->status == 400);
}

TEST_CASE("the demo echoes what it is sent") {
  Demo demo;
  auto client = demo.serving.client();
  const std::string body(100'000, 'x');
  const auto posted = client.Post("/echo", body, "application/x-trial");
  CHECK(posted->body == body);
  CHECK(posted->get_header_value("Content-Type") == "application/x-trial");
  CHECK(client.Put("/echo", "put", "text/plain")->body == "put");
  CHECK(client.Patch("/echo", "patch", "text/plain")->body == "patch");
  CHECK(client.Delete("/echo", "delete", "text/plain")->body == "delete");
  CHECK(client.Get("/echo")->body == "");
}

TEST_CASE("the demo is slow when asked, within bounds") {
  Demo demo;
  CHECK(demo.get("/slow?ms=1")->body == "slept 1 ms\n");
  for (const auto* path : {"/slow", "/slow?ms=", "/slow?ms=-1", "/slow?ms=60001", "/slow?ms=1s"}) {
    INFO(path);
    CHECK(demo.get(path)->status == 400);
  }
}

}  // namespace tandem::test::demo_routes_test
