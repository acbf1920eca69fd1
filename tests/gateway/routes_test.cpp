// Which service answers, and what its worker sees of the target.
#include <catch2/catch.hpp>

#include "gateway.hpp"

namespace tandem::test::routes_test {
namespace {

// Answers each request with its own name and the target that it saw.
Origin::Script named(const std::string& name) {
  return [name](Origin& origin, RawSocket& socket) {
    for (;;) {
      const auto request = origin.receive(socket);
      const auto target = request.start_line().substr(request.start_line().find(' ') + 1);
      const auto body = name + " " + target.substr(0, target.find(' '));
      socket.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                  body);
    }
  };
}

std::string from(std::string_view host, std::string_view target) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", target, host);
}

struct Shop {
  Shop() : gateway({}) {}
  Origin shop{named("shop")};
  Origin images{named("images")};
  Origin fallback{named("default")};
  Gateway gateway;
};

}  // namespace

TEST_CASE("a request goes to the service of the longest prefix, in whole segments") {
  Shop at;
  at.gateway.publish(
      {{"shop", at.shop.port()}, {"images", at.images.port()}, {"default", at.fallback.port()}},
      {"/shop=shop", "/shop/images=images"});
  CHECK(at.gateway.ask(from("a", "/shop")).body == "shop /shop");
  CHECK(at.gateway.ask(from("a", "/shop?x=/shop/images")).body == "shop /shop?x=/shop/images");
  CHECK(at.gateway.ask(from("a", "/shop/images/1.png")).body == "images /shop/images/1.png");
  CHECK(at.gateway.ask(from("a", "/shop/images")).body == "images /shop/images");
  CHECK(at.gateway.ask(from("a", "/shopping")).body == "default /shopping");
  CHECK(at.gateway.ask(from("a", "/")).body == "default /");
}

TEST_CASE("a route of a host goes before those of any host, and the port does not matter") {
  Shop at;
  at.gateway.publish({{"shop", at.shop.port()}, {"images", at.images.port()}},
                     {"shop.example/=shop", "/deep/path=images", "/=images"});
  CHECK(at.gateway.ask(from("shop.example", "/deep/path")).body == "shop /deep/path");
  CHECK(at.gateway.ask(from("SHOP.example:8080", "/x")).body == "shop /x");
  CHECK(at.gateway.ask(from("other.example", "/x")).body == "images /x");
  CHECK(at.gateway.ask("GET http://shop.example/y HTTP/1.1\r\nHost: other\r\n\r\n").body ==
        "shop /y");
}

TEST_CASE("the route of a host's root is that of its server as a whole, and of an empty path") {
  Shop at;
  at.gateway.publish({{"shop", at.shop.port()}, {"images", at.images.port()}},
                     {"shop.example/=shop,strip", "/images=images"});
  CHECK(at.gateway.ask("OPTIONS * HTTP/1.1\r\nHost: shop.example\r\n\r\n").body == "shop *");
  CHECK(at.gateway.ask("GET http://shop.example HTTP/1.1\r\nHost: a\r\n\r\n").body == "shop /");
  CHECK(at.gateway.ask("GET http://shop.example?q HTTP/1.1\r\nHost: a\r\n\r\n").body == "shop /?q");
  CHECK(at.gateway.ask("OPTIONS http://shop.example HTTP/1.1\r\nHost: a\r\n\r\n").body == "shop *");
  CHECK(at.gateway.ask("OPTIONS * HTTP/1.1\r\nHost: other\r\n\r\n").status() == 404);
}

TEST_CASE("a route that strips hides its prefix from the worker, and nothing else") {
  Shop at;
  at.gateway.publish({{"shop", at.shop.port()}}, {"/shop=shop,strip"});
  CHECK(at.gateway.ask(from("a", "/shop/x/%2e?q=1")).body == "shop /x/%2e?q=1");
  CHECK(at.gateway.ask(from("a", "/shop")).body == "shop /");
  CHECK(at.gateway.ask(from("a", "/shop?q=1")).body == "shop /?q=1");
  CHECK(at.gateway.ask(from("a", "/shop/")).body == "shop /");
}

TEST_CASE("without a route and a default service the answer is 404, with one 503 for nobody live") {
  Shop at;
  at.gateway.publish({{"shop", at.shop.port()}}, {"/shop=shop", "/gone=gone"});
  auto client = at.gateway.connect();
  client.send(from("a", "/other"));
  const auto missing = read_response(client);
  CHECK(missing.status() == 404);
  CHECK(missing.body.find("no_route") != std::string::npos);
  client.send(from("a", "/shop"));  // the connection goes on
  CHECK(read_response(client).body == "shop /shop");
  const auto gone = at.gateway.ask(from("a", "/gone"));
  CHECK(gone.status() == 503);
  CHECK(gone.body.find("\\\"gone\\\"") != std::string::npos);
}

TEST_CASE("routes change while the gateway runs") {
  Shop at;
  at.gateway.publish({{"shop", at.shop.port()}, {"images", at.images.port()}}, {"/=shop"});
  CHECK(at.gateway.ask(from("a", "/x")).body == "shop /x");
  at.gateway.publish({{"shop", at.shop.port()}, {"images", at.images.port()}}, {"/=images"});
  wait_until([&] { return at.gateway.ask(from("a", "/x")).body == "images /x"; });
}

}  // namespace tandem::test::routes_test
