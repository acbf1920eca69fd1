// Sockets that systemd opens for a master, and keeps while none runs.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/e2e/harness/cluster.hpp"

namespace tandem::e2e::socket_activation_test {
namespace {

// As a socket unit has it: bound and listening, whether anybody accepts or not.
class ActivatedSocket {
 public:
  ActivatedSocket() {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof address;
    REQUIRE(::bind(socket, reinterpret_cast<sockaddr*>(&address), bytes) == 0);
    REQUIRE(::listen(socket, 16) == 0);
    REQUIRE(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &bytes) == 0);
    address_ = fmt::format("127.0.0.1:{}", ntohs(address.sin_port));
    // Inherited, and beyond the numbers that it is to have.
    descriptor_ = ::fcntl(socket, F_DUPFD, 50);
    ::close(socket);
  }
  ~ActivatedSocket() { ::close(descriptor_); }
  ActivatedSocket(const ActivatedSocket&) = delete;
  ActivatedSocket& operator=(const ActivatedSocket&) = delete;

  const std::string& address() const { return address_; }
  int descriptor() const { return descriptor_; }

 private:
  std::string address_;
  int descriptor_ = -1;
};

// As systemd starts it.
Arguments activated(const ActivatedSocket& clients, const ActivatedSocket& control,
                    const Arguments& arguments) {
  Arguments words = {"bash", "-c",
                     fmt::format("exec 3<&{0} 4<&{1} {0}<&- {1}<&-; export LISTEN_FDS=2 "
                                 "LISTEN_PID=$$ LISTEN_FDNAMES=http:control; exec \"$0\" \"$@\"",
                                 clients.descriptor(), control.descriptor())};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

}  // namespace

TEST_CASE("a master that is restarted behind sockets of systemd refuses no connection") {
  const TempDir dir;
  const ActivatedSocket clients;
  const ActivatedSocket control;
  const auto command = activated(
      clients, control,
      {program("tandem-master"), "--listen", clients.address(), "--control", control.address(),
       "--data-dir", dir.path("data"), "--threads", "2", "--worker-heartbeat", "200ms"});
  // They come before there is a master, and wait.
  const auto asks = [](const std::string& address, const std::string& path) {
    return std::async(std::launch::async, [=] { return get(address, path).status; });
  };
  auto early = asks(clients.address(), "/");
  auto ready = asks(control.address(), "/health");
  Process worker(dir, "w",
                 {program("tandem-worker"), "--name", "w", "--listen", "127.0.0.1:0", "--master",
                  control.address()});
  for (int round = 0; round < 3; ++round) {
    INFO(round);
    Process master(dir, fmt::format("master-{}", round), command);
    master.await_line("tandem-master ready");
    CHECK(ready.get() == 200);
    CHECK(early.get() != 0);  // an answer, whether the worker is known already or not
    CHECK(eventually([&] { return get(clients.address(), "/").status == 200; }));
    for (int i = 0; i < 8; ++i) CHECK(get(clients.address(), "/").status == 200);  // by any loop
    round % 2 == 0 ? master.kill9() : master.terminate();
    master.await_exit();
    early = asks(clients.address(), "/");
    ready = asks(control.address(), "/health");
  }
  Process master(dir, "master-last", command);
  CHECK(ready.get() == 200);
  CHECK(early.get() != 0);
}

}  // namespace tandem::e2e::socket_activation_test
