// What the two processes of an upgrade tell each other, and whom they believe.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "common/base/clock.hpp"
#include "master/upgrade/limits.hpp"
#include "master/upgrade/link.hpp"
#include "master/upgrade/messages.hpp"

namespace tandem::master::upgrade_link_test {
namespace {

Instant soon() { return now() + 5s; }

}  // namespace

TEST_CASE("descriptors of an upgrade arrive with the text that says what they are") {
  auto ends = UpgradeLink::pair();
  REQUIRE(ends.ok());
  int pipe[2];
  REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
  REQUIRE(ends->first.send("one", {}, soon()).ok());
  REQUIRE(ends->first.send("two", pipe, soon()).ok());
  const auto first = ends->second.receive(soon());
  REQUIRE(first.ok());
  CHECK(first->text == "one");
  CHECK(first->descriptors.empty());
  auto second = ends->second.receive(soon());
  REQUIRE(second.ok());
  CHECK(second->text == "two");
  REQUIRE(second->descriptors.size() == 2);
  for (const auto& each : second->descriptors) {
    CHECK((::fcntl(each.get(), F_GETFD) & FD_CLOEXEC) != 0);
  }
  REQUIRE(::write(second->descriptors[1].get(), "x", 1) == 1);
  char byte = 0;
  CHECK(::read(pipe[0], &byte, 1) == 1);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST_CASE("a process of an upgrade learns that the other one has ended, or is silent") {
  auto ends = UpgradeLink::pair();
  REQUIRE(ends.ok());
  CHECK(ends->first.receive(now()).error().code == ErrorCode::timed_out);
  ends->second.close();
  CHECK(ends->first.receive(soon()).error().code == ErrorCode::unavailable);
  CHECK(ends->first.send("x", {}, soon()).error().code == ErrorCode::unavailable);
}

TEST_CASE("a process without room for all descriptors of a message has the first ones") {
  auto ends = UpgradeLink::pair();
  REQUIRE(ends.ok());
  const int file = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const std::vector<int> many(20, file);
  REQUIRE(ends->first.send("many", many, soon()).ok());
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  // The next free number, and a few more.
  const int next = ::fcntl(file, F_DUPFD_CLOEXEC, 0);
  ::close(next);
  auto small = before;
  small.rlim_cur = static_cast<rlim_t>(next) + 4;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &small) == 0);
  const auto got = ends->second.receive(soon());
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  REQUIRE(got.ok());
  CHECK(got->is_cut);
  CHECK(got->descriptors.size() < many.size());
  CHECK(got->text == "many");
  ::close(file);
}

TEST_CASE("a socket that the environment names is believed only of the parent process") {
  const auto named = [](const std::string& value) {
    ::setenv(upgrade_environment, value.c_str(), 1);
    return UpgradeLink::inherited();
  };
  ::unsetenv(upgrade_environment);
  CHECK(UpgradeLink::inherited().error().code == ErrorCode::not_found);
  for (const auto* const nonsense : {"", "x", "-1", "1", "99999", "4x"}) {
    INFO(nonsense);
    CHECK(named(nonsense).error().code == ErrorCode::invalid);
    CHECK(std::getenv(upgrade_environment) == nullptr);
  }
  // This process has made it itself: it is not its own parent.
  auto ends = UpgradeLink::pair();
  REQUIRE(ends.ok());
  CHECK(named(std::to_string(ends->second.descriptor())).error().code == ErrorCode::invalid);
  const int file = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  CHECK(named(std::to_string(file)).error().code == ErrorCode::invalid);
  ::close(file);
}

TEST_CASE("messages of an upgrade are read as they were written") {
  UpgradeMessage message{.is = "sockets", .is_last = false};
  message.addresses.push_back({"--listen", {"::", 0}, {"::", 8080}, true, 3});
  message.clients.push_back({{"10.0.0.1", 5}, "8080", false, true, true});
  message.clients.push_back({.peer = {"10.0.0.2", 6},
                             .port = "8080",
                             .front = FrontNote{"443", true, "TLSv1.3", "Subject=\"CN=web\""}});
  message.workers = {"w1", "w2"};
  message.member = {"a", 8};
  const auto read = parse_upgrade_message(to_json(message));
  REQUIRE(read.ok());
  CHECK(read->is == "sockets");
  CHECK_FALSE(read->is_last);
  REQUIRE(read->addresses.size() == 1);
  CHECK(read->addresses[0].bound.to_string() == "[::]:8080");
  CHECK(read->addresses[0].is_kept);
  CHECK(read->addresses[0].count == 3);
  REQUIRE(read->clients.size() == 2);
  CHECK(read->clients[0].peer.to_string() == "10.0.0.1:5");
  CHECK(read->clients[0].has_proxy_header);
  CHECK_FALSE(read->clients[0].front);
  REQUIRE(read->clients[1].front);
  CHECK(read->clients[1].front->port == "443");
  CHECK(read->clients[1].front->tls);
  CHECK(read->clients[1].front->version == "TLSv1.3");
  CHECK(read->clients[1].front->certificate == "Subject=\"CN=web\"");
  CHECK(read->workers == message.workers);
  CHECK(read->member.node == "a");
  CHECK(read->member.level == 8);
  for (const auto* const wrong : {"", "[]", "{}", R"({"is":1})", R"({"is":"x","clients":[1]})"}) {
    CHECK_FALSE(parse_upgrade_message(wrong).ok());
  }
}

}  // namespace tandem::master::upgrade_link_test
