// Heartbeats in their short form, at a real control address: what they are answered, and to whom
// they are not believed.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "common/access/tokens_file.hpp"
#include "common/wire/error_document.hpp"
#include "common/wire/heartbeat.hpp"
#include "common/wire/status.hpp"
#include "tests/unit/master/control_fixture.hpp"
#include "tests/unit/master/temporary_directory.hpp"

namespace tandem::master::repeated_heartbeats_test {

using Json = nlohmann::json;

namespace {

std::string whole(const std::string& name, unsigned sequence,
                  const Json& changes = Json::object()) {
  auto document = Json::parse(heartbeat_json(name));
  document["sequence"] = sequence;
  document.update(changes);
  return document.dump();
}

std::string repetition(const std::string& name, unsigned sequence,
                       const std::string& incarnation = "one") {
  return fmt::format(R"({{"name":"{}","incarnation":"{}","repeats":{},"in_flight":7,"term":0}})",
                     name, incarnation, sequence);
}

// Bytes as they are sent, from an address of this machine.
class Wire {
 public:
  explicit Wire(const Endpoint& master, const char* from = "127.0.0.1")
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    REQUIRE(::inet_pton(AF_INET, from, &address.sin_addr) == 1);
    REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr) == 1);
    address.sin_port = htons(master.port);
    REQUIRE(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  ~Wire() { ::close(fd_); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  void send(std::string_view text) {
    while (!text.empty()) {
      const auto sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  // The status of the next answer; 0: the connection has ended.
  int status() {
    std::size_t head = 0;
    while ((head = text_.find("\r\n\r\n")) == text_.npos) {
      if (!read()) return 0;
    }
    const auto field = text_.find("Content-Length: ");
    const auto body = field < head ? std::stoul(text_.substr(field + 16)) : 0;
    while (text_.size() < head + 4 + body) {
      if (!read()) return 0;
    }
    const int status = std::stoi(text_.substr(9, 3));
    text_.erase(0, head + 4 + body);
    return status;
  }
  int ask(std::string_view text) {
    send(text);
    return status();
  }

 private:
  bool read() {
    char part[4096];
    const auto got = ::recv(fd_, part, sizeof part, 0);
    if (got <= 0) return false;
    text_.append(part, static_cast<std::size_t>(got));
    return true;
  }
  int fd_;
  std::string text_;
};

std::string posted(const std::string& body, const std::string& fields = {}) {
  return fmt::format(
      "POST /heartbeat HTTP/1.1\r\nHost: 127.0.0.1\r\n{}Content-Length: {}\r\n\r\n{}", fields,
      body.size(), body);
}

// What is known of it; null: nothing.
Json worker(ControlClient& client, const std::string& name) {
  const auto all = Json::parse(client.get("/v1/workers").body);
  for (const auto& each : all.at("workers")) {
    if (each.at("name") == name) return each;
  }
  return {};
}

}  // namespace

TEST_CASE("what a worker repeats by its number counts as heard, and is answered without a word") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  const auto first = client.post("/heartbeat", whole("w1", 1));
  REQUIRE(first.status == 200);
  CHECK(wire::parse_heartbeat_reply(first.body)->takes_repeats);
  for (int i = 0; i < 3; ++i) {
    const auto answer = client.post("/heartbeat", repetition("w1", 1));
    CHECK(answer.status == 204);
    CHECK(answer.body.empty());
  }
  CHECK(worker(client, "w1").at("in_flight_elsewhere") == 7);
}

TEST_CASE("a number that a master has not kept is asked for in full") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  const auto nobody = client.post("/heartbeat", repetition("w1", 1));
  CHECK(nobody.status == 412);
  CHECK(Json::parse(nobody.body).at("error").at("code") == "wanted_in_full");
  CHECK(worker(client, "w1").is_null());
  REQUIRE(client.post("/heartbeat", whole("w1", 2)).status == 200);
  CHECK(client.post("/heartbeat", repetition("w1", 1)).status == 412);
  CHECK(client.post("/heartbeat", repetition("w1", 3)).status == 412);
  CHECK(client.post("/heartbeat", repetition("w2", 2)).status == 412);
  CHECK(client.post("/heartbeat", repetition("w1", 2, "two")).status == 412);
  CHECK(client.post("/heartbeat", repetition("w1", 2)).status == 204);
  REQUIRE(client.post("/heartbeat", whole("w1", 3, {{"weight", 5}})).status == 200);
  CHECK(client.post("/heartbeat", repetition("w1", 2)).status == 412);
  CHECK(client.post("/heartbeat", repetition("w1", 3)).status == 204);
  CHECK(worker(client, "w1").at("weight") == 5);
}

TEST_CASE("what has no number is never repeated") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  REQUIRE(client.post("/heartbeat", heartbeat_json("w1")).status == 200);
  CHECK(client.post("/heartbeat", repetition("w1", 1)).status == 412);
  CHECK(client.post("/heartbeat", repetition("w1", 0)).status == 400);
}

TEST_CASE("of two workers of one name neither is heard by the other's repetitions") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  ControlClient other(cluster.plane.address());
  REQUIRE(client.post("/heartbeat", whole("w1", 1)).status == 200);
  const Json elsewhere{{"incarnation", "two"}, {"address", "127.0.0.1:9100"}};
  CHECK(other.post("/heartbeat", whole("w1", 1, elsewhere)).status == 409);
  CHECK(other.post("/heartbeat", repetition("w1", 1, "two")).status == 412);
  CHECK(client.post("/heartbeat", repetition("w1", 1)).status == 204);
  CHECK(worker(client, "w1").at("address") == "127.0.0.1:9001");
}

TEST_CASE("a worker that was removed, or has said bye, is not heard by repetitions") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  REQUIRE(client.post("/heartbeat", whole("w1", 1)).status == 200);
  REQUIRE(client.post("/heartbeat", whole("w2", 1)).status == 200);
  REQUIRE(client.remove("/v1/workers/w1").status == 200);
  CHECK(client.post("/heartbeat", repetition("w1", 1)).status == 412);
  CHECK(wire::parse_heartbeat_reply(client.post("/heartbeat", whole("w1", 1)).body)->removed);
  CHECK(client.post("/heartbeat", repetition("w1", 1)).status == 412);
  REQUIRE(client.post("/heartbeat", whole("w2", 1, {{"state", "bye"}})).status == 200);
  CHECK(client.post("/heartbeat", repetition("w2", 1)).status == 412);
}

TEST_CASE("after a change of its service's settings a worker is asked for all, and told of them") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  REQUIRE(client.post("/heartbeat", whole("w1", 1)).status == 200);
  REQUIRE(client.post("/heartbeat", whole("w2", 1, {{"service", "other"}})).status == 200);
  REQUIRE(client.put("/v1/services/default/settings", R"({"check_path": "/live"})").status == 200);
  CHECK(client.post("/heartbeat", repetition("w1", 1)).status == 412);
  const auto told = client.post("/heartbeat", whole("w1", 1));
  CHECK(wire::parse_heartbeat_reply(told.body)->checks == "check_path=/live");
  CHECK(client.post("/heartbeat", repetition("w1", 1)).status == 204);
  CHECK(client.post("/heartbeat", repetition("w2", 1)).status == 204);  // not its service
}

TEST_CASE("a repetition from another address is not believed") {
  ControlFixture cluster;
  Wire worker(cluster.plane.address());
  Wire other(cluster.plane.address(), "127.0.0.2");
  REQUIRE(worker.ask(posted(whole("w1", 1))) == 200);
  CHECK(other.ask(posted(repetition("w1", 1))) == 412);
  CHECK(worker.ask(posted(repetition("w1", 1))) == 204);
}

TEST_CASE("repetitions arrive in pieces, and many at once") {
  ControlFixture cluster;
  Wire worker(cluster.plane.address());
  REQUIRE(worker.ask(posted(whole("w1", 1))) == 200);
  const auto request = posted(repetition("w1", 1));
  REQUIRE(worker.ask(request) == 204);
  for (const char each : request) worker.send({&each, 1});
  CHECK(worker.status() == 204);
  std::string many;
  for (int i = 0; i < 200; ++i) many += request;
  worker.send(many + request.substr(0, request.size() / 2));
  for (int i = 0; i < 200; ++i) REQUIRE(worker.status() == 204);
  worker.send(request.substr(request.size() / 2));
  CHECK(worker.status() == 204);
}

TEST_CASE("a connection that has repeated itself takes all other requests as before") {
  ControlFixture cluster;
  Wire worker(cluster.plane.address());
  const auto begin = [&] {
    REQUIRE(worker.ask(posted(whole("w1", 1))) == 200);
    REQUIRE(worker.ask(posted(repetition("w1", 1))) == 204);
  };
  begin();
  CHECK(worker.ask("GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") == 200);
  begin();
  CHECK(worker.ask("POST /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n") ==
        404);
  begin();
  CHECK(worker.ask(posted(whole("w1", 2), "Transfer-Encoding: identity\r\n")) == 400);
}

TEST_CASE("whatever a connection that has repeated itself sends, it is refused as elsewhere") {
  ControlFixture cluster;
  const auto address = cluster.plane.address();
  const auto after_repetitions = [&](const std::string& bytes) {
    Wire worker(address);
    REQUIRE(worker.ask(posted(whole("w1", 1))) == 200);
    REQUIRE(worker.ask(posted(repetition("w1", 1))) == 204);
    return worker.ask(bytes);
  };
  CHECK(after_repetitions("\x16\x03\x01 garbage\r\n\r\n") == 400);
  CHECK(after_repetitions(std::string(40'000, 'x')) == 431);
  CHECK(after_repetitions(posted(std::string(100'000, ' '))) == 413);
  CHECK(after_repetitions(posted("garbage")) == 400);
  CHECK(after_repetitions(posted("")) == 400);
  CHECK(after_repetitions(posted(repetition("w1", 1), "Host: b\r\n")) == 400);
  CHECK(after_repetitions(posted(repetition("w1", 1), "Origin: http://evil\r\n")) == 403);
  CHECK(after_repetitions(posted(repetition("w1", 1), "X-Forwarded-For: 10.0.0.1\r\n")) == 403);
  CHECK(after_repetitions(
            "POST /heartbeat HTTP/1.1\r\nHost: evil\r\nContent-Length: 2\r\n\r\n{}") == 403);
  CHECK(after_repetitions(posted(R"({"name":"w1","incarnation":"one","repeats":-1})")) == 400);
  Wire worker(address);
  CHECK(worker.ask(posted(repetition("w1", 1))) == 204);  // nothing of that has harmed the worker
}

TEST_CASE("a repetition is the caller's own, and ends with the caller's token") {
  TemporaryDirectory directory;
  const auto path = (directory.path() / "tokens.toml").string();
  const auto token = [](const std::string& name) { return "secret-of-" + name + "-0123456"; };
  const auto write = [&](const std::vector<std::string>& names) {
    std::string text;
    for (const auto& name : names) {
      text += *access::write_entry({.name = name, .role = access::Role::worker, .names = {"w*"}},
                                   access::hash_of(token(name)));
    }
    std::ofstream(path) << text;
    REQUIRE(::chmod(path.c_str(), 0600) == 0);
  };
  write({"first", "second"});
  ControlPlaneOptions options{.node = "a", .tokens_file = path};
  ControlFixture cluster(options);
  const auto field = [&](const std::string& name) {
    return "Authorization: Bearer " + token(name) + "\r\n";
  };
  Wire first(cluster.plane.address());
  Wire second(cluster.plane.address());
  REQUIRE(first.ask(posted(whole("w1", 1), field("first"))) == 200);
  REQUIRE(first.ask(posted(repetition("w1", 1), field("first"))) == 204);
  CHECK(second.ask(posted(repetition("w1", 1), field("second"))) == 412);
  CHECK(first.ask(posted(repetition("w1", 1), field("second"))) == 412);
  CHECK(first.ask(posted(repetition("w1", 1), field("first"))) == 204);
  CHECK(first.ask(posted(repetition("w1", 1))) == 401);
  Wire again(cluster.plane.address());
  REQUIRE(again.ask(posted(repetition("w1", 1), field("first"))) == 204);
  write({"second"});
  const auto renewal = cluster.plane.prepare(options);
  REQUIRE(renewal.ok());
  REQUIRE(cluster.plane.adopt(*renewal).ok());
  CHECK(eventually([&] {
    Wire asked(cluster.plane.address());
    return asked.ask(posted(repetition("w1", 1), field("first"))) == 401;
  }));
  CHECK(again.ask(posted(repetition("w1", 1), field("first"))) == 401);
}

}  // namespace tandem::master::repeated_heartbeats_test
