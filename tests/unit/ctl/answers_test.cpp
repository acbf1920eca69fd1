// What is told of a cluster is true, whoever answers, and when nobody does.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "ctl/commands.hpp"
#include "ctl/draining.hpp"
#include "ctl/top.hpp"
#include "tests/unit/ctl/scripted_control.hpp"

namespace tandem::ctl::answers_test {
namespace {

// Reads a request, and closes the connection without an answer.
class HangingUp {
 public:
  HangingUp() {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof name;
    REQUIRE(::bind(listener_, reinterpret_cast<const sockaddr*>(&name), size) == 0);
    REQUIRE(::listen(listener_, 8) == 0);
    REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&name), &size) == 0);
    address = {"127.0.0.1", ntohs(name.sin_port)};
    thread_ = std::thread([this] { serve(); });
  }
  ~HangingUp() {
    ::shutdown(listener_, SHUT_RDWR);  // which ends accept()
    thread_.join();
    ::close(listener_);
  }

  Endpoint address;

 private:
  void serve() {
    for (int client = 0; (client = ::accept(listener_, nullptr, nullptr)) >= 0;) {
      std::string request;
      char byte = 0;
      while (!request.ends_with("\r\n\r\n") && ::recv(client, &byte, 1, 0) == 1) request += byte;
      ::close(client);
    }
  }

  const int listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::thread thread_;
};

}  // namespace

TEST_CASE("a standby's workers have the counts of the primary, or it is said whose they are") {
  Control primary;
  auto& counted = primary->status.workers;
  counted = {up("w1"), up("w2")};
  counted[0].requests = 4'711;
  counted[0].in_flight = 17;
  counted[1].failures = 23;
  counted[1].reason = "its last 7 requests failed";
  Control standby;
  standby->status.workers = {up("w1"), up("w2")};
  standby->status.node = "b";
  standby->status.role = "standby";
  standby->status.voters_told_by = "a";
  standby->status.primary->control = primary.address.to_string();
  const ControlClient client({standby.address});
  const TopOptions top{.masters = {standby.address},
                       .client_for = [](const Endpoint& at) { return ControlClient({at}); }};
  const auto texts = [&] {
    return std::vector<std::string>{*show_workers(client, Format::tables),
                                    show_status(client, Format::tables)->text, *top_once(top)};
  };
  using Catch::Contains;
  for (const auto& text : texts()) {
    CHECK_THAT(text, Contains("4711") && Contains(" 17 ") && Contains(" 23 "));
    CHECK_THAT(text, Contains("its last 7 requests failed"));
    CHECK_THAT(text, Contains("those that a has counted, which passes requests to the workers"));
  }
  standby->status.primary->control = "127.0.0.1:1";  // it cannot be asked
  for (const auto& text : texts()) {
    CHECK_THAT(text, Contains("those that b has counted: a, which passes requests to the workers, "
                              "cannot be asked from here"));
  }
  standby->status.grant_ms = 700;  // it passes requests on as well
  for (const auto& text : texts()) CHECK_THAT(text, !Contains("has counted"));
}

TEST_CASE("a master that takes part no more, and knows no worker, does not tell of no service") {
  Control primary;
  primary->status.workers = {up("w1")};
  Control removed;
  removed->status.workers.clear();
  removed->status.node = "b";
  removed->status.role = "standby";
  removed->status.voters_told_by = "a";
  removed->status.failure = "b was removed from the masters of this cluster";
  removed->status.primary->control = primary.address.to_string();
  const auto check = [&] {
    return *show_status(ControlClient({removed.address}), Format::tables, true);
  };
  CHECK(check().text == "DEGRADED b was removed from the masters of this cluster\n");
  CHECK(check().health == Health::degraded);
  primary->status.workers.clear();
  CHECK(check().health == Health::no_service);
}

TEST_CASE("a removal that no master has answered is not told as a drain") {
  const ControlClient client({{"127.0.0.1", 1}});
  CHECK(remove(client, "w1", {.timeout = 1ms}, Format::tables).error().message ==
        "w1 is not removed, nor known to be drained, after 1ms (no master can answer: 127.0.0.1:1 "
        "(no connection))");
  Control control;
  control->waiting = {in_flight(2)};
  CHECK(remove(ControlClient({control.address}), "w1", {.timeout = 1ms}, Format::tables)
            .error()
            .message == "w1 is drained, but not idle after 1ms: 2 requests still in flight");
}

TEST_CASE("a change that was sent and not answered has an unknown outcome, a question has none") {
  HangingUp server;
  const ControlClient client({server.address});
  const auto changed = drain(client, "w1", Format::tables);
  REQUIRE_FALSE(changed.ok());
  CHECK_THAT(changed.error().message, Catch::StartsWith("the outcome is unknown, since a master"));
  CHECK_THAT(show_workers(client, Format::tables).error().message,
             Catch::StartsWith("no master can answer: "));
  CHECK_THAT(drain(ControlClient({{"127.0.0.1", 1}}), "w1", Format::tables).error().message,
             Catch::StartsWith("no master can answer: "));
}

}  // namespace tandem::ctl::answers_test
