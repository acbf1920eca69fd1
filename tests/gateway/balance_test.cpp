// Policies, sticky clients and slow starts as clients and workers see them.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <map>
#include <set>

#include "gateway.hpp"

namespace tandem::test::balance_test {

using tandem::wire::PolicyName;
using tandem::wire::PolicySpec;

namespace {

tandem::wire::PolicySpec by(const char* text) {
  return *tandem::wire::parse_policy(text, "--balance");
}

std::string get_with(std::string_view target, std::string_view fields) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: example.org\r\n{}\r\n", target, fields);
}

// Some origins that say who they are.
struct Origins {
  explicit Origins(int count) {
    for (int i = 0; i < count; ++i) {
      all.push_back(std::make_unique<Origin>(always(ok(fmt::format("worker {}", i)))));
    }
  }
  std::vector<std::uint16_t> ports() const {
    std::vector<std::uint16_t> ports;
    for (const auto& origin : all) ports.push_back(origin->port());
    return ports;
  }
  std::vector<std::uint16_t> ports_without(const std::string& body) const {
    auto rest = ports();
    rest.erase(rest.begin() + std::stoi(body.substr(7)));
    return rest;
  }
  std::vector<std::unique_ptr<Origin>> all;
};

// "route=VALUE" of a response that sets the cookie; empty when it does not.
std::string cookie_of(const Message& response) {
  const auto set = response.field("Set-Cookie");
  return set.substr(0, set.find(';'));
}

// Workers that were chosen for the requests, in their order.
std::vector<std::string> chosen(Gateway& gateway, const std::vector<std::string>& requests) {
  std::vector<std::string> bodies;
  for (const auto& request : requests) bodies.push_back(gateway.ask(request).body);
  return bodies;
}

// Until the table of consistent_hash is there keys are placed otherwise.
void await_table(Gateway& gateway) {
  gateway.ask(get("/"));  // answered: the loop has its workers, and has asked for the table
  gateway.finish_tables();
}

}  // namespace

TEST_CASE("every policy uses all workers, or the first while it has room") {
  Origins origins(3);
  for (const auto* text : {"round_robin", "random", "least_connections", "p2c", "first_available",
                           "consistent_hash:path"}) {
    INFO(text);
    Gateway gateway(origins.ports(), {.policy = by(text)});
    std::set<std::string> seen;
    for (int i = 0; i < 60; ++i) seen.insert(gateway.ask(get(fmt::format("/{}", i))).body);
    CHECK(seen.size() == (std::string(text) == "first_available" ? 1 : 3));
  }
}

TEST_CASE("every policy tries another worker when one refuses, and no client notices") {
  for (const auto* text : {"round_robin", "random", "least_connections", "p2c", "first_available",
                           "consistent_hash:path"}) {
    INFO(text);
    Origins origins(3);
    Gateway gateway(origins.ports(), {.policy = by(text)});
    origins.all[0]->stop_listening();
    for (int i = 0; i < 30; ++i) {
      const auto answer = gateway.ask(get(fmt::format("/{}", i)));
      CHECK(answer.status() == 200);
      CHECK(answer.body != "worker 0");
    }
  }
}

TEST_CASE("the same key goes to the same worker: a header, a cookie, the path, the client") {
  struct Row {
    const char* policy;
    const char* target;
    const char* fields;  // with the key in place of {}
    bool one_for_all;    // all keys are the same: there is one client
  };
  const Row rows[] = {
      {"consistent_hash:header=X-User", "/", "x-user: {}\r\n", false},
      {"consistent_hash:cookie=sid", "/", "Cookie: a=b; sid={}; xsid=c\r\n", false},
      {"consistent_hash:path", "/{}?query", "", false},
      {"consistent_hash", "/{}", "", true},
  };
  Origins origins(4);
  for (const auto& row : rows) {
    INFO(row.policy);
    Gateway gateway(origins.ports(), {.policy = by(row.policy)});
    std::vector<std::string> requests;
    for (int key = 0; key < 40; ++key) {
      requests.push_back(get_with(fmt::format(fmt::runtime(row.target), key),
                                  fmt::format(fmt::runtime(row.fields), key)));
    }
    await_table(gateway);
    const auto first = chosen(gateway, requests);
    CHECK(chosen(gateway, requests) == first);
    CHECK(std::set(first.begin(), first.end()).size() == (row.one_for_all ? 1 : 4));
  }
}

TEST_CASE("behind a proxy of ours the client's own address is the key") {
  Origins origins(4);
  Gateway gateway(origins.ports(),
                  {.policy = by("consistent_hash"), .trusted_proxies = {"127.0.0.1"}});
  std::vector<std::string> requests;
  for (int i = 0; i < 40; ++i) {
    requests.push_back(
        get_with("/", fmt::format("X-Forwarded-For: 192.0.2.1, 198.51.100.{}\r\n", i)));
  }
  await_table(gateway);
  const auto first = chosen(gateway, requests);
  CHECK(chosen(gateway, requests) == first);
  CHECK(std::set(first.begin(), first.end()).size() == 4);
}

TEST_CASE("a client stays with the worker that its cookie names, whatever the policy") {
  Origins origins(4);
  for (const auto* text : {"round_robin", "random", "p2c", "least_connections"}) {
    INFO(text);
    Gateway gateway(origins.ports(), {.policy = by(text), .sticky = "route"});
    const auto first = gateway.ask(get("/"));
    CHECK(first.field("Set-Cookie").find("HttpOnly; SameSite=Lax") != std::string::npos);
    const auto cookie = cookie_of(first);
    CHECK(cookie.find("127.0.0.1") == std::string::npos);
    for (int i = 0; i < 20; ++i) {
      const auto next = gateway.ask(get_with("/", "Cookie: a=b; " + cookie + "\r\n"));
      CHECK(next.body == first.body);
      CHECK(next.count("Set-Cookie") == 0);
    }
  }
}

TEST_CASE("the cookie has the attributes that were asked for, and Secure when the client has") {
  Origins origins(1);
  Gateway gateway(origins.ports(), {.sticky = "route; Max-Age=60; SameSite=Strict; Path=/a",
                                    .trusted_proxies = {"127.0.0.1"}});
  const auto attributes = [&](const std::string& fields) {
    const auto cookie = gateway.ask(get_with("/", fields)).field("Set-Cookie");
    return cookie.substr(cookie.find(';'));
  };
  const std::string plain = "; Path=/a; HttpOnly; SameSite=Strict; Max-Age=60";
  CHECK(attributes("") == plain);
  CHECK(attributes("X-Forwarded-Proto: http\r\n") == plain);
  CHECK(attributes("X-Forwarded-Proto: https\r\n") == plain + "; Secure");
  CHECK(attributes("X-Forwarded-Proto: HTTPS, http\r\n") == plain + "; Secure");
  Gateway among_strangers(origins.ports(), {.sticky = "route"});
  CHECK(among_strangers.ask(get_with("/", "X-Forwarded-Proto: https\r\n"))
            .field("Set-Cookie")
            .find("Secure") == std::string::npos);
}

TEST_CASE("a client whose worker has left gets another, and the cookie for it") {
  Origins origins(3);
  Gateway gateway(origins.ports(), {.sticky = "route"});
  const auto first = gateway.ask(get("/"));
  const auto cookie = cookie_of(first);
  gateway.publish(origins.ports_without(first.body));
  Message moved;
  wait_until([&] {
    moved = gateway.ask(get_with("/", "Cookie: " + cookie + "\r\n"));
    return moved.body != first.body;
  });
  const auto next_cookie = cookie_of(moved);
  CHECK(next_cookie.starts_with("route="));
  CHECK(next_cookie != cookie);
  for (int i = 0; i < 10; ++i) {
    CHECK(gateway.ask(get_with("/", "Cookie: " + next_cookie + "\r\n")).body == moved.body);
  }
}

TEST_CASE("a client whose worker refuses connections gets another, and the cookie for it") {
  // Connections are not kept, so that each request needs a new one.
  const auto closing = [](const char* name) {
    return std::make_unique<Origin>(always(
        fmt::format("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\n{}", name)));
  };
  std::map<std::string, std::unique_ptr<Origin>> origins;
  for (const auto* name : {"one", "two"}) origins.emplace(name, closing(name));
  Gateway gateway({origins.at("one")->port(), origins.at("two")->port()}, {.sticky = "route"});
  const auto first = gateway.ask(get("/"));
  origins.at(first.body)->stop_listening();
  const auto moved = gateway.ask(get_with("/", "Cookie: " + cookie_of(first) + "\r\n"));
  CHECK(moved.status() == 200);
  CHECK(moved.body != first.body);
  CHECK(cookie_of(moved).starts_with("route="));
  CHECK(cookie_of(moved) != cookie_of(first));
}

TEST_CASE("a client whose worker is full is served elsewhere this once, and keeps its cookie") {
  std::atomic<bool> hold{false};
  std::atomic<int> held{0};
  std::atomic<bool> release{false};
  const auto script = [&](const char* name) {
    return [&, name](Origin& self, RawSocket& socket) {
      for (;;) {
        const auto request = self.receive(socket);
        if (request.start_line().find("/hold") != std::string::npos) {
          ++held;
          wait_until([&] { return release.load(); });
        }
        socket.send(ok(name));
      }
    };
  };
  Origin one(script("one"));
  Origin two(script("two"));
  Gateway gateway({one.port(), two.port()}, {.connections = 1, .sticky = "route"});
  const auto first = gateway.ask(get("/"));
  const auto fields = "Cookie: " + cookie_of(first) + "\r\n";
  auto holder = gateway.connect();
  holder.send(get_with("/hold", fields));
  wait_until([&] { return held == 1; });
  const auto elsewhere = gateway.ask(get_with("/", fields));
  CHECK(elsewhere.body != first.body);
  CHECK(elsewhere.count("Set-Cookie") == 0);
  release = true;
  CHECK(read_response(holder).body == first.body);
  CHECK(gateway.ask(get_with("/", fields)).body == first.body);
}

TEST_CASE("a cookie that names nobody is replaced") {
  Origins origins(2);
  Gateway gateway(origins.ports(), {.sticky = "route"});
  for (const auto* value : {"route=", "route=127.0.0.1", "route=0123456789abcdef01234567"}) {
    const auto answer = gateway.ask(get_with("/", fmt::format("Cookie: {}\r\n", value)));
    CHECK(answer.status() == 200);
    CHECK(cookie_of(answer).size() == std::string("route=").size() + 24);
  }
}

TEST_CASE("without --sticky no cookie is set") {
  Origins origins(2);
  Gateway gateway(origins.ports());
  CHECK(gateway.ask(get("/")).count("Set-Cookie") == 0);
}

TEST_CASE("a worker that joins a service that has served for a while starts slowly") {
  Origins origins(2);
  Gateway gateway({origins.ports()[0]}, {.slow_start = std::chrono::milliseconds(1200)});
  const auto share_of_second = [&](int requests) {
    const auto before = origins.all[1]->request_count();
    for (int i = 0; i < requests; ++i) gateway.ask(get("/"));
    return static_cast<double>(origins.all[1]->request_count() - before) / requests;
  };
  SECTION("it has its full share in the end, and far from it at first") {
    const auto began = std::chrono::steady_clock::now();
    wait_until(
        [&] { return std::chrono::steady_clock::now() - began > std::chrono::milliseconds(1400); });
    const auto joined = std::chrono::steady_clock::now();
    gateway.publish(origins.ports());
    wait_until([&] {
      gateway.ask(get("/"));
      return origins.all[1]->request_count() > 0;
    });
    const auto share = share_of_second(20);
    // On a machine that stood still meanwhile it may have its full share by now.
    const auto took = std::chrono::steady_clock::now() - joined;
    CHECK((share < 0.4 || took > std::chrono::milliseconds(600)));
    wait_until([&] { return share_of_second(20) >= 0.45; });
  }
  SECTION("but not while the service itself is new") {
    gateway.publish(origins.ports());
    wait_until([&] {
      gateway.ask(get("/"));
      return origins.all[1]->request_count() > 0;
    });
    CHECK(share_of_second(20) >= 0.45);
  }
}

}  // namespace tandem::test::balance_test
