// A master that does not lead visits workers that serve TLS, so that it has a session with each.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include "common/base/clock.hpp"
#include "common/tls/worker_tls.hpp"
#include "master/cluster/limits.hpp"
#include "master/cluster/term_announcer.hpp"
#include "tests/unit/common/credential_files.hpp"

namespace tandem::master::worker_visits_test {
namespace {

namespace asio = boost::asio;
namespace tls = tandem::tls;

// A worker that answers one request on each connection, over TLS and with a ticket, or closes it.
class Worker {
 public:
  enum class Answers { requests, nobody };

  explicit Worker(tls::CurrentCredentialsPtr credentials, Answers answers = Answers::requests)
      : credentials_(std::move(credentials)),
        answers_(answers),
        socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&at), size) == 0);
    REQUIRE(::listen(socket_, 16) == 0);
    REQUIRE(::getsockname(socket_, reinterpret_cast<sockaddr*>(&at), &size) == 0);
    address = {"127.0.0.1", ntohs(at.sin_port)};
    thread_ = std::thread([this] { serve(); });
  }
  ~Worker() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
  }

  Endpoint address;
  std::atomic<unsigned> visits{0};
  std::string asked;  // by the first visitor; once there was one

 private:
  void serve() {
    for (;;) {
      const int connection = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) return;
      if (answers_ == Answers::requests) answer(connection);
      ::close(connection);
      ++visits;
    }
  }

  void answer(int connection) {
    const auto ssl =
        credentials_->get()->begin(connection, tls::Side::serves, tls::Resumption::by_tickets);
    if (SSL_do_handshake(ssl.get()) != 1) return;
    char bytes[1024];
    const int read = SSL_read(ssl.get(), bytes, sizeof bytes);
    if (read > 0 && asked.empty()) asked.assign(bytes, static_cast<std::size_t>(read));
    constexpr std::string_view answer = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    SSL_write(ssl.get(), answer.data(), answer.size());
    SSL_shutdown(ssl.get());
  }

  const tls::CurrentCredentialsPtr credentials_;
  const Answers answers_;
  const int socket_;
  std::thread thread_;
};

class Visitor {
 public:
  Visitor() {
    files_.add({.kind = tls::Kind::master, .name = "a"});
    files_.add({.kind = tls::Kind::worker, .name = "w1"});
    own_ = files_.loaded("a");
  }
  ~Visitor() {
    announcer_.end();
    loop_.restart();
    loop_.run_for(std::chrono::milliseconds(20));
  }

  tls::CurrentCredentialsPtr of_worker() const { return files_.loaded("w1"); }
  TermTaker taker(const Worker& worker) const {
    return {.address = worker.address, .key = {}, .tls = tls::WorkerTls::to_member(own_, "w1")};
  }
  // As at a tick, at that moment.
  void prepare(const TermTaker& worker, Instant at) { announcer_.prepare({worker}, at); }
  bool await(const std::function<bool()>& condition) {
    const auto deadline = now() + 10s;
    while (!condition() && now() < deadline) {
      loop_.restart();
      loop_.run_for(std::chrono::milliseconds(1));
    }
    return condition();
  }
  // Time for what must not happen.
  void idle() {
    await([until = now() + 50ms] { return now() > until; });
  }
  void read_files_again() { own_->set(files_.loaded("a")->get()); }

 private:
  test::CredentialFiles files_;
  tls::CurrentCredentialsPtr own_;
  asio::io_context loop_{1};
  TermAnnouncer announcer_{loop_, 1s, {.announced = [](Term) {}, .higher = [](Term) {}}};
};

}  // namespace

TEST_CASE("a worker that serves TLS is visited once, and has told no term") {
  Visitor visitor;
  Worker worker(visitor.of_worker());
  const auto taker = visitor.taker(worker);
  const Instant start = now();
  visitor.prepare(taker, start);
  REQUIRE(visitor.await([&] { return taker.tls->is_prepared() && worker.visits == 1; }));
  CHECK(worker.asked.starts_with("OPTIONS * HTTP/1.1\r\n"));
  CHECK(worker.asked.find("Tandem-Term") == std::string::npos);
  for (int i = 1; i <= 10; ++i) visitor.prepare(taker, start + i * limits::visit_pause);
  visitor.idle();
  CHECK(worker.visits == 1);
}

TEST_CASE("a worker is visited again when its session counts no more") {
  Visitor visitor;
  Worker worker(visitor.of_worker());
  const auto taker = visitor.taker(worker);
  visitor.prepare(taker, now());
  REQUIRE(visitor.await([&] { return taker.tls->is_prepared() && worker.visits == 1; }));
  visitor.prepare(taker, now());  // a look at one that is prepared
  visitor.read_files_again();
  CHECK_FALSE(taker.tls->is_prepared());
  visitor.prepare(taker, now());
  CHECK(visitor.await([&] { return taker.tls->is_prepared() && worker.visits == 2; }));
}

TEST_CASE("a worker with which the handshake fails is visited again after a while only") {
  Visitor visitor;
  Worker worker(visitor.of_worker(), Worker::Answers::nobody);
  const auto taker = visitor.taker(worker);
  const Instant start = now();
  visitor.prepare(taker, start);
  REQUIRE(visitor.await([&] { return worker.visits == 1; }));
  for (int i = 0; i < 10; ++i) visitor.prepare(taker, start + i * limits::visit_pause / 10);
  visitor.idle();
  CHECK(worker.visits == 1);
  CHECK_FALSE(taker.tls->is_prepared());
  visitor.prepare(taker, start + limits::visit_pause);
  CHECK(visitor.await([&] { return worker.visits == 2; }));
}

}  // namespace tandem::master::worker_visits_test
