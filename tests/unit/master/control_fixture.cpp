#include "tests/unit/master/control_fixture.hpp"

#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>
#include <httplib.h>

namespace tandem::master {

namespace asio = boost::asio;
using asio::ip::tcp;

struct ControlClient::Connection {
  explicit Connection(const Endpoint& address) : client(address.host, address.port) {
    client.set_keep_alive(true);
    client.set_tcp_nodelay(true);
    client.set_read_timeout(10);
  }
  httplib::Client client;
};

namespace {
// Throws, for Catch's assertions are for one thread and tests ask on several.
Answer answer_of(const httplib::Result& result) {
  if (!result) throw std::runtime_error(httplib::to_string(result.error()));
  Answer answer{result->status, result->body, {}};
  for (const auto& [name, value] : result->headers) answer.fields[name] = value;
  return answer;
}
}  // namespace

ControlClient::ControlClient(const Endpoint& address, const std::string& token)
    : connection_(std::make_unique<Connection>(address)) {
  if (!token.empty())
    connection_->client.set_default_headers({{"Authorization", "Bearer " + token}});
}
ControlClient::~ControlClient() = default;

Answer ControlClient::get(const std::string& path,
                          const std::map<std::string, std::string>& fields) {
  const httplib::Headers headers(fields.begin(), fields.end());
  return answer_of(connection_->client.Get(path, headers));
}
Answer ControlClient::head(const std::string& path) {
  return answer_of(connection_->client.Head(path));
}
Answer ControlClient::post(const std::string& path, const std::string& body,
                           const std::map<std::string, std::string>& fields) {
  const httplib::Headers headers(fields.begin(), fields.end());
  return answer_of(connection_->client.Post(path, headers, body, "application/json"));
}
Answer ControlClient::put(const std::string& path, const std::string& body) {
  return answer_of(connection_->client.Put(path, body, "application/json"));
}
Answer ControlClient::remove(const std::string& path) {
  return answer_of(connection_->client.Delete(path));
}
Answer ControlClient::send(const std::string& method, const std::string& path) {
  httplib::Request request;
  request.method = method;
  request.path = path;
  return answer_of(connection_->client.send(request));
}

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

std::string heartbeat_json(const std::string& name, std::uint16_t port,
                           const std::string& incarnation) {
  if (port == 0) port = static_cast<std::uint16_t>(9000 + std::atoi(name.c_str() + 1));
  return fmt::format(
      R"({{"name":"{}","incarnation":"{}","service":"default","address":"127.0.0.1:{}",)"
      R"("weight":100,"connections":64,"in_flight":0,"state":"up"}})",
      name, incarnation, port);
}

ControlFixture::ControlFixture(ControlPlaneOptions options)
    : plane(
          [&] {
            if (options.node.empty()) options.node = "a";
            options.control = {"127.0.0.1", 0};
            return options;
          }(),
          gate,
          {[this](SnapshotPtr next) {
             const std::lock_guard lock(mutex_);
             latest_ = std::move(next);
             ++snapshots_;
           },
           [](LeadershipPtr) {}}) {
  const auto started = plane.start();
  INFO((started ? "" : started.error().message));
  REQUIRE(started.ok());
  plane.take_part();
  if (options.peers.empty()) {
    REQUIRE(
        eventually([&] { return ControlClient(plane.address()).get("/primary").status == 200; }));
  }
}

std::string ControlFixture::traffic(std::string_view service) const {
  const std::lock_guard lock(mutex_);
  const auto* found = latest_ ? latest_->find(service) : nullptr;
  if (found == nullptr) return "no such service";
  std::string names;
  for (const auto& worker : found->workers) {
    if (!worker->last_resort) names += (names.empty() ? "" : " ") + worker->name;
  }
  return names;
}

std::shared_ptr<const SnapshotWorker> ControlFixture::shown(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  if (!latest_) return nullptr;
  for (const auto& service : latest_->services) {
    for (const auto& worker : service->workers) {
      if (worker->name == name) return worker;
    }
  }
  return nullptr;
}

std::size_t ControlFixture::snapshots() const {
  const std::lock_guard lock(mutex_);
  return snapshots_;
}

struct FixedBackend::Server {
  Server(std::string text, std::uint16_t port)
      : answer(std::move(text)),
        acceptor(loop, tcp::endpoint(asio::ip::address_v4::loopback(), port)) {
    address = {"127.0.0.1", acceptor.local_endpoint().port()};
    accept();
    thread = std::thread([this] { loop.run(); });
  }
  ~Server() {
    loop.stop();
    thread.join();
  }

  void accept() {
    acceptor.async_accept([this](boost::system::error_code error, tcp::socket socket) {
      if (error) return;
      serve(std::make_shared<tcp::socket>(std::move(socket)));
      accept();
    });
  }
  void serve(std::shared_ptr<tcp::socket> socket) {
    auto head = std::make_shared<std::string>();
    asio::async_read_until(*socket, asio::dynamic_buffer(*head, 4096), "\r\n\r\n",
                           [this, socket, head](boost::system::error_code error, std::size_t) {
                             if (error) return;
                             ++requests;
                             auto text = std::make_shared<std::string>();
                             {
                               const std::lock_guard lock(mutex);
                               *text = answer;
                             }
                             if (text->empty()) return silent.push_back(socket);
                             asio::async_write(
                                 *socket, asio::buffer(*text),
                                 [socket, text](boost::system::error_code, std::size_t) {});
                           });
  }

  std::mutex mutex;
  std::string answer;  // empty: never answers
  asio::io_context loop;
  tcp::acceptor acceptor;
  std::vector<std::shared_ptr<tcp::socket>> silent;
  Endpoint address;
  std::atomic<unsigned> requests{0};
  std::thread thread;
};

FixedBackend::FixedBackend(std::string answer, std::uint16_t port)
    : server_(std::make_unique<Server>(std::move(answer), port)) {}
FixedBackend::~FixedBackend() = default;
Endpoint FixedBackend::address() const { return server_->address; }
unsigned FixedBackend::requests() const { return server_->requests; }
void FixedBackend::answer_with(std::string answer) {
  const std::lock_guard lock(server_->mutex);
  server_->answer = std::move(answer);
}

}  // namespace tandem::master
