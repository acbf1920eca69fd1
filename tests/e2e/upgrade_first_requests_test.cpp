// Clients that have just shaken hands when a master is upgraded: their first requests are on the
// way, and are no matter of their connections being idle.
#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "common/base/clock.hpp"
#include "master/forward/client/limits.hpp"
#include "tests/e2e/certificate_pair.hpp"
#include "tests/e2e/upgradable_master.hpp"
#include "tests/gateway/tls_client.hpp"

namespace tandem::e2e::upgrade_first_requests_test {
namespace {

using namespace std::chrono_literals;

constexpr auto way = 150ms;  // of a request, from the client
constexpr unsigned clients = 6;
constexpr std::string_view post = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";

// Each request on a connection by TLS of its own, some time after the handshake.
class FirstRequests {
 public:
  explicit FirstRequests(std::uint16_t port) : port_(port) {
    for (unsigned i = 0; i < clients; ++i) {
      threads_.emplace_back([this] {
        while (!stopping_) ask();
      });
    }
  }
  ~FirstRequests() { stop(); }

  bool await_more(std::uint64_t requests) const {
    const auto wanted = answered_ + requests;
    return eventually([&] { return answered_ >= wanted; });
  }
  void stop() {
    stopping_ = true;
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }
  // REQUIRES: stop()
  const std::string& failure() const { return failure_; }

 private:
  void ask() {
    const auto came = tandem::now();
    std::string answer;
    bool is_late = false;
    try {
      test::TlsClient client(port_);
      std::this_thread::sleep_for(way);
      // On a machine that is busy it may be too late by now.
      is_late = tandem::now() >= came + limits::first_request_max / 2;
      client.socket().send(post);
      answer = client.socket().read_until("\r\n");
    } catch (const std::exception& error) {
      answer = error.what();
    }
    if (is_late) return;
    ++answered_;
    const std::lock_guard lock(mutex_);
    if (!answer.starts_with("HTTP/1.1 200")) failure_ += answer + "\n";
  }

  const std::uint16_t port_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> answered_{0};
  std::mutex mutex_;
  std::string failure_;
  std::vector<std::thread> threads_;
};

}  // namespace

TEST_CASE("TLS: a client that has just shaken hands when a master is upgraded may ask") {
  const TempDir dir;
  const CertificatePair pair(dir, "site");
  UpgradableMaster master({"--listen-tls", "127.0.0.1:0", "--tls", pair.flag()}, "");
  const auto port = master.listen().substr(master.listen().rfind(':') + 1);
  FirstRequests requests(static_cast<std::uint16_t>(std::stoul(port)));
  for (int round = 0; round < 3; ++round) {
    INFO(round);
    REQUIRE(requests.await_more(clients));
    const auto before = master.process();
    const auto told = master.upgrade();
    INFO(told.errors << master.errors());
    REQUIRE(told.status == 0);
    CHECK(master.await_end(before));
  }
  requests.stop();
  INFO(master.errors());
  CHECK(requests.failure() == "");
}

}  // namespace tandem::e2e::upgrade_first_requests_test
