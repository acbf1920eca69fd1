// What a client sees through the master, with real workers behind it.
#include <httplib.h>

#include <catch2/catch.hpp>
#include <atomic>
#include <thread>

#include "tests/e2e/harness/cluster.hpp"

namespace tandem::e2e::forwarding_test {
namespace {

std::string pattern(std::size_t bytes) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>(i * 31 + i / 251);
  return text;
}

// A service of one's own that tells how many requests it was ever given at once.
class OneAtATime {
 public:
  OneAtATime() {
    server_.Get("/work", [this](const httplib::Request&, httplib::Response& response) {
      const int now = ++working_;
      int most = most_;
      while (now > most && !most_.compare_exchange_weak(most, now)) {
      }
      std::this_thread::sleep_for(30ms);  // the work itself
      --working_;
      response.set_content("done", "text/plain");
    });
    server_.Get("/health", [](const httplib::Request&, httplib::Response& response) {
      response.status = 204;
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
  }
  ~OneAtATime() {
    server_.stop();
    thread_.join();
  }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  int most_at_once() const { return most_; }

 private:
  httplib::Server server_;
  int port_ = 0;
  std::atomic<int> working_{0};
  std::atomic<int> most_{0};
  std::thread thread_;
};

}  // namespace

TEST_CASE("a client gets the worker's answer through the master") {
  Cluster cluster;
  cluster.start_workers({"w1"});
  const Answer answer = get(cluster.listen(), "/hello");
  CHECK(answer.status == 200);
  CHECK_THAT(answer.body, Catch::Contains("w1") && Catch::Contains("/hello"));
  CHECK(get(cluster.listen(), "/status/418").status == 418);
}

TEST_CASE("bodies go through unchanged with a length and in chunks") {
  Cluster cluster;
  cluster.start_workers({"w1"});
  Client client(cluster.listen());
  for (const std::size_t bytes : {0, 1, 10'000, 1'000'000}) {
    const std::string body = pattern(bytes);
    INFO(bytes << " bytes");
    const Answer whole = client.post("/echo", body);
    REQUIRE(whole.status == 200);
    CHECK((whole.body == body));
    const Answer chunked = client.post_chunked("/echo", body);
    REQUIRE(chunked.status == 200);
    CHECK((chunked.body == body));
  }
}

TEST_CASE("an answer of many megabytes comes whole") {
  Cluster cluster;
  cluster.start_workers({"w1"});
  CHECK(get(cluster.listen(), "/bytes/20000000").body.size() == 20'000'000);
}

TEST_CASE("HEAD has the fields of GET and no body") {
  Cluster cluster;
  cluster.start_workers({"w1"});
  Client client(cluster.listen());
  const Answer answer = client.head("/bytes/1000");
  CHECK(answer.status == 200);
  CHECK(answer.header("Content-Length") == "1000");
  CHECK(client.get("/bytes/1000").body.size() == 1000);  // on the same connection
}

TEST_CASE("a client of HTTP/1.0 is answered without chunks and its connection closed") {
  Cluster cluster;
  cluster.start_workers({"w1"});
  Socket client(cluster.listen());
  client.send("GET /bytes/100 HTTP/1.0\r\n\r\n");
  const std::string answer = client.receive_until("never");
  CHECK_THAT(answer,
             Catch::Contains(" 200 ") && !Catch::Contains("chunked", Catch::CaseSensitive::No));
  CHECK(answer.size() - (answer.find("\r\n\r\n") + 4) == 100);
}

TEST_CASE("requests are spread over all workers") {
  // In turn: p2c, the default, would leave one alone that this machine slows down.
  Cluster cluster({"--balance", "round_robin"});
  cluster.start_workers({"w1", "w2", "w3"});
  Client client(cluster.listen());
  for (int i = 0; i < 30; ++i) REQUIRE(client.get("/").status == 200);
  for (const auto* name : {"w1", "w2", "w3"}) CHECK(cluster.requests_of(name) >= 5);
}

TEST_CASE("without a worker the answer is 503 with Retry-After and names the service") {
  Cluster cluster;
  const Answer answer = get(cluster.listen(), "/");
  CHECK(answer.status == 503);
  CHECK(std::atoi(answer.header("Retry-After").c_str()) >= 1);
  CHECK_THAT(answer.body, Catch::Contains("default"));
}

TEST_CASE("a worker of one connection never sees two requests at once") {
  OneAtATime service;
  Cluster cluster;
  SECTION("registered by its own worker program") {
    cluster.start_worker("w1", {"--target", service.address(), "--connections", "1"});
  }
  SECTION("added by hand") {
    const std::string spec =
        R"({"name": "w1", "address": ")" + service.address() + R"(", "connections": 1})";
    CHECK(post(cluster.control(), "/v1/workers", spec).status / 100 == 2);
  }
  REQUIRE(cluster.await_state("w1", "up"));
  std::atomic<int> good{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      if (get(cluster.listen(), "/work").status == 200) ++good;
    });
  }
  for (auto& client : clients) client.join();
  CHECK(good == 8);
  CHECK(service.most_at_once() == 1);
}

}  // namespace tandem::e2e::forwarding_test
