// What is said to a service manager, message by message, and when loops together are alive.
#include "common/service_manager/service_manager.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "common/service_manager/limits.hpp"
#include "common/service_manager/loop_pulse.hpp"

namespace tandem::service_manager_test {
namespace {

// In the abstract namespace, so that nothing is left behind.
class Manager {
 public:
  explicit Manager(const std::string& watchdog_usec = "") {
    const auto name = fmt::format("tandem-unit-{}", ::getpid());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(name.begin(), name.end(), address.sun_path + 1);
    const auto bytes = offsetof(sockaddr_un, sun_path) + 1 + name.size();
    REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&address),
                   static_cast<socklen_t>(bytes)) == 0);
    ::setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
    ::unsetenv("WATCHDOG_PID");
    ::unsetenv("WATCHDOG_USEC");
    if (!watchdog_usec.empty()) ::setenv("WATCHDOG_USEC", watchdog_usec.c_str(), 1);
  }
  ~Manager() { ::close(socket_); }

  // What has come since the last call.
  std::vector<std::string> told() {
    std::vector<std::string> all;
    char buffer[4096];
    for (;;) {
      const auto bytes = ::recv(socket_, buffer, sizeof buffer, MSG_DONTWAIT);
      if (bytes < 0) return all;
      all.emplace_back(buffer, static_cast<std::size_t>(bytes));
    }
  }

 private:
  const int socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
};

using Told = std::vector<std::string>;

}  // namespace

TEST_CASE("a service manager hears ready once, and each status that differs from the last") {
  Manager manager;
  ServiceManager service;
  REQUIRE(service.listens());
  service.status("waits");
  service.status("waits");
  service.ready();
  service.ready();
  service.status("serves");
  CHECK(manager.told() == Told{"STATUS=waits", "READY=1", "STATUS=serves"});
}

TEST_CASE("a status is one line of text, and is cut before it is too long") {
  Manager manager;
  ServiceManager service;
  service.status("a\nREADY=1");
  CHECK(manager.told() == Told{"STATUS=a\\x0aREADY=1"});
  service.status(std::string(limits::status_text_bytes_max + 1, 'x'));
  CHECK(manager.told() == Told{"STATUS=" + std::string(limits::status_text_bytes_max, 'x')});
}

TEST_CASE("a reload is told only while the program serves, and nothing else once it stops") {
  Manager manager;
  ServiceManager service;
  { const ServiceManager::Reload early(service); }
  CHECK(manager.told().empty());
  service.ready();
  { const ServiceManager::Reload reload(service); }
  auto told = manager.told();
  REQUIRE(told.size() == 3);
  CHECK(told[1].starts_with("RELOADING=1\nMONOTONIC_USEC="));
  CHECK(told[2] == "READY=1");
  {
    const ServiceManager::Reload reload(service);
    service.stopping(2s);
  }
  service.stopping(3s);
  service.ready();
  told = manager.told();
  REQUIRE(told.size() == 2);
  CHECK(told[1] == "STOPPING=1\nEXTEND_TIMEOUT_USEC=2000000");
}

TEST_CASE("signs of life come three in the time of the watchdog, and ask for time at the start") {
  Manager manager("3000000");
  ServiceManager service;
  CHECK(service.beat_interval() == Duration(1s));
  service.beat();
  service.ready();
  service.beat();
  CHECK(manager.told() == Told{"WATCHDOG=1\nEXTEND_TIMEOUT_USEC=3000000", "READY=1", "WATCHDOG=1"});
}

TEST_CASE("a watchdog for another process, none, or one that is no number asks for no signs") {
  for (const std::string usec : {"", "0", "-1", "1s", "99999999999999999999999"}) {
    INFO(usec);
    Manager manager(usec);
    ServiceManager service;
    CHECK(!service.beat_interval());
    service.beat();
    CHECK(manager.told().empty());
  }
  Manager manager("3000000");
  ::setenv("WATCHDOG_PID", "1", 1);
  CHECK(!ServiceManager().beat_interval());
}

TEST_CASE("programs that are started later find nothing of a service manager") {
  Manager manager("3000000");
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  const ServiceManager service;
  CHECK(service.beat_interval());
  for (const auto* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
    CHECK(std::getenv(name) == nullptr);
  }
  ServiceManager nobody;
  CHECK(!nobody.listens());
  nobody.status("goes nowhere");
  nobody.ready();
}

TEST_CASE("a name of a socket that cannot be one means that nobody listens") {
  for (const std::string& name :
       {std::string("relative"), std::string("/"), std::string("@"), std::string(200, '/')}) {
    CHECK(!NotifySocket(name).is_open());
  }
  NotifySocket gone("/nonexistent/notify");
  gone.send("READY=1");  // and nothing happens
}

TEST_CASE("loops are alive when each has answered, and are asked again after the interval") {
  std::vector<std::function<void()>> asked;
  bool runs = false;
  int alive = 0;
  LoopPulse pulse(
      1s, 2,
      [&](const std::function<void()>& answer) {
        if (runs) asked.assign(2, answer);
        return runs;
      },
      [&] { ++alive; });
  const auto at = [](Duration since) { return Instant(1h + since); };
  pulse.turn(at(0s));  // they do not run yet
  runs = true;
  pulse.turn(at(100ms));
  REQUIRE(asked.size() == 2);
  asked[0]();
  CHECK(alive == 0);
  asked.pop_back();
  pulse.turn(at(5s));  // one has not answered: no other round begins
  CHECK(asked.size() == 1);
  asked[0]();
  CHECK(alive == 1);
  asked.clear();
  pulse.turn(at(5s));
  CHECK(asked.size() == 2);
  asked[0]();
  asked[1]();
  CHECK(alive == 2);
  asked.clear();
  pulse.turn(at(5900ms));
  CHECK(asked.empty());
  pulse.turn(at(6s));
  CHECK(asked.size() == 2);
}

}  // namespace tandem::service_manager_test
