#include "worker/src/master_links.hpp"

#include <algorithm>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include "common/base/clock.hpp"
#include "common/cluster/link_endpoint.hpp"
#include "common/http/answer_reader.hpp"
#include "common/http/http_server.hpp"
#include "tests/unit/common/credential_files.hpp"

namespace tandem::master_links_test {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

bool run_until(asio::io_context& loop, const std::function<bool()>& condition) {
  const auto deadline = now() + 10s;
  while (!condition()) {
    if (now() >= deadline) return false;
    loop.restart();
    loop.run_for(1ms);
  }
  return true;
}

void shut_down(asio::io_context& loop, HttpServer& server) {
  server.stop();
  do {
    loop.restart();
    loop.poll();
  } while (server.connections() > 0);
}

// A master that takes links, or says no.
class Master {
 public:
  explicit Master(asio::io_context& loop, tls::CurrentCredentialsPtr credentials = {},
                  std::uint16_t port = 0)
      : loop_(loop),
        server_(loop, {.credentials = std::move(credentials)},
                [this](const ControlRequest& request) { return answer(request); }) {
    const auto bound = server_.listen({"127.0.0.1", port});
    REQUIRE(bound.ok());
    address = *bound;
    server_.start();
  }
  ~Master() {
    links.clear();
    shut_down(loop_, server_);
  }

  // The answer to a request on the newest link; 0: there is none.
  unsigned ask(const std::string& path) {
    unsigned status = 0;
    bool done = false;
    asio::co_spawn(loop_, exchange(*links.back(), path, status, done), asio::detached);
    REQUIRE(run_until(loop_, [&] { return done; }));
    return status;
  }

  Endpoint address;
  unsigned refuses_with = 0;
  unsigned asked = 0;
  std::string query;
  std::string authorization;
  std::vector<std::unique_ptr<Channel>> links;

 private:
  asio::awaitable<ControlResponse> answer(const ControlRequest& request) {
    ++asked;
    query = request.query;
    authorization = request.authorization;
    if (refuses_with != 0) co_return ControlResponse{.status = refuses_with};
    CHECK(request.path == cluster::link_path);
    CHECK(request.upgrade == cluster::link_protocol);
    co_return cluster::link_made([this](std::shared_ptr<DetachedChannel> made) {
      links.push_back(std::make_unique<Channel>(loop_, std::move(*made)));
    });
  }

  static asio::awaitable<void> exchange(Channel& link, std::string path, unsigned& status,
                                        bool& done) {
    boost::system::error_code error;
    const auto request = "GET " + path + " HTTP/1.1\r\nHost: w1\r\n\r\n";
    co_await asio::async_write(link, asio::buffer(request), keeping(error));
    AnswerReader reader;
    auto reading = read_answer(link, reader, error);
    co_await std::move(reading);
    status = reader.answer().status;
    done = true;
  }

  asio::io_context& loop_;
  HttpServer server_;
};

// A witness that answers 200 to whatever masters ask.
class Witness {
 public:
  explicit Witness(asio::io_context& loop, tls::CurrentCredentialsPtr credentials = {},
                   Duration idle_max = 5s)
      : loop_(loop),
        server_(loop, {.idle_max = idle_max, .credentials = credentials},
                [this](const ControlRequest& request) -> asio::awaitable<ControlResponse> {
                  paths.emplace_back(request.path);
                  co_return ControlResponse{};
                }),
        links(std::make_shared<MasterLinks>(
            loop,
            MasterLinksOptions{
                .name = "w1",
                .token = "0123456789abcdef",
                .credentials = credentials,
                .log = [this](Severity, const std::string& line) { lines.push_back(line); }},
            [this](auto connection, std::string_view unread, std::function<void()> ended) {
              server_.adopt(std::move(*connection), unread, std::move(ended));
            })) {
    server_.start();
  }
  ~Witness() {
    links->stop();
    shut_down(loop_, server_);
    loop_.restart();
    loop_.run_for(20ms);
  }

  bool has_told(const std::string& text) const {
    return std::any_of(lines.begin(), lines.end(),
                       [&](const auto& line) { return line.find(text) != std::string::npos; });
  }

  std::vector<std::string> paths;
  std::vector<std::string> lines;

 private:
  asio::io_context& loop_;
  HttpServer server_;

 public:
  std::shared_ptr<MasterLinks> links;
};

}  // namespace

TEST_CASE("a witness connects to a master, which asks on that connection") {
  asio::io_context loop(1);
  Master master(loop);
  Witness witness(loop);
  witness.links->add("a", master.address);
  REQUIRE(run_until(loop, [&] { return master.links.size() == 1; }));
  CHECK(master.query == "node=w1");
  CHECK(master.authorization == "Bearer 0123456789abcdef");
  CHECK(master.ask("/one") == 200);
  CHECK(master.ask("/two") == 200);
  CHECK(witness.paths == std::vector<std::string>{"/one", "/two"});
  CHECK(witness.has_told("witness linked node=a"));
}

TEST_CASE("a connection that a master ends is made again, and a master is connected to once") {
  asio::io_context loop(1);
  Master master(loop);
  Witness witness(loop);
  witness.links->add("a", master.address);
  witness.links->add("a", master.address);
  for (std::size_t made = 1; made <= 3; ++made) {
    REQUIRE(run_until(loop, [&] { return master.links.size() == made; }));
    CHECK(master.ask("/") == 200);
    master.links.back()->close();
  }
}

TEST_CASE("a connection on which a master says nothing is given up, and made again") {
  asio::io_context loop(1);
  Master master(loop);
  Witness witness(loop, {}, 50ms);
  witness.links->add("a", master.address);
  CHECK(run_until(loop, [&] { return master.links.size() >= 2; }));
}

TEST_CASE("a master that returns at its address is connected to again") {
  asio::io_context loop(1);
  auto master = std::make_unique<Master>(loop);
  const auto address = master->address;
  Witness witness(loop);
  witness.links->add("a", address);
  REQUIRE(run_until(loop, [&] { return master->links.size() == 1; }));
  master.reset();
  REQUIRE(run_until(loop, [&] { return witness.has_told("witness not linked node=a"); }));
  Master returned(loop, {}, address.port);
  CHECK(run_until(loop, [&] { return returned.links.size() == 1; }));
}

TEST_CASE(
    "a master that has moved is connected to at its new address once the old connection ends") {
  asio::io_context loop(1);
  Master before(loop);
  Master after(loop);
  Witness witness(loop);
  witness.links->add("a", before.address);
  REQUIRE(run_until(loop, [&] { return before.links.size() == 1; }));
  CHECK(before.ask("/") == 200);
  witness.links->add("a", after.address);
  CHECK(before.ask("/") == 200);
  CHECK(after.links.empty());
  before.links.back()->close();
  REQUIRE(run_until(loop, [&] { return after.links.size() == 1; }));
  CHECK(after.ask("/") == 200);
  CHECK(before.links.size() == 1);
}

TEST_CASE("a master that took another's place and address is connected to alone") {
  asio::io_context loop(1);
  Master master(loop);
  Witness witness(loop);
  witness.links->add("a", master.address);
  REQUIRE(run_until(loop, [&] { return master.links.size() == 1; }));
  witness.links->add("c", master.address);
  REQUIRE(run_until(loop, [&] { return master.links.size() == 2; }));
  master.links.front()->close();
  master.links.back()->close();
  REQUIRE(run_until(loop, [&] { return master.links.size() == 3; }));
  CHECK(master.ask("/") == 200);
  loop.restart();
  loop.run_for(50ms);
  CHECK(master.links.size() == 3);
}

TEST_CASE("a master that says no is asked again after a while, and the reason is told once") {
  asio::io_context loop(1);
  Master master(loop);
  master.refuses_with = 404;
  Witness witness(loop);
  witness.links->add("a", master.address);
  REQUIRE(run_until(loop, [&] { return master.asked >= 3; }));
  CHECK(witness.has_told("give --witness-listen"));
  CHECK(witness.lines.size() == 1);
  master.refuses_with = 0;
  CHECK(run_until(loop, [&] { return master.links.size() == 1; }));
}

TEST_CASE("a master that has left is connected to no more") {
  asio::io_context loop(1);
  Master master(loop);
  Witness witness(loop);
  master.refuses_with = 503;
  witness.links->add("a", master.address);
  REQUIRE(run_until(loop, [&] { return master.asked >= 1; }));
  witness.links->remove("a");
  loop.restart();
  loop.run_for(20ms);  // what was on its way
  const auto asked = master.asked;
  loop.restart();
  loop.run_for(100ms);
  CHECK(master.asked == asked);
}

TEST_CASE("over TLS a witness serves the master that it wanted, and nobody who is there instead") {
  const test::CredentialFiles files;
  for (const auto* name : {"a", "b"}) files.add({.kind = tls::Kind::master, .name = name});
  files.add({.kind = tls::Kind::worker, .name = "w1", .witness = true});
  asio::io_context loop(1);
  Master master(loop, files.loaded("a"));
  Witness witness(loop, files.loaded("w1"));
  witness.links->add("b", master.address);
  REQUIRE(run_until(loop, [&] { return witness.has_told("spiffe://c/tandem/master/a is there"); }));
  CHECK(master.asked == 0);
  witness.links->remove("b");
  witness.links->add("a", master.address);
  REQUIRE(run_until(loop, [&] { return master.links.size() == 1; }));
  CHECK(master.ask("/") == 200);
}

}  // namespace tandem::master_links_test
