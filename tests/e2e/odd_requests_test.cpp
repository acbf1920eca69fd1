// Requests that few would send, at random, to a real worker of one connection: most through a real
// master, some directly. Whatever becomes of each, the ordinary requests that use the connection
// after it get their own answers, and those behind it on its own connection get theirs or none.
//
//   TANDEM_ODD_REQUESTS=100000 TANDEM_ODD_REQUESTS_SEED=7 build/release/bin/e2e_odd_requests
//
// The seed, printed first, fixes all that is sent.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>
#include <random>
#include <stdexcept>

#include <fmt/format.h>

#include "tests/e2e/harness/cluster.hpp"
#include "tests/e2e/odd_request.hpp"
#include "tests/gateway/raw_socket.hpp"

namespace tandem::e2e::odd_requests_test {

using tandem::SplitMix64;
using tandem::test::Message;
using tandem::test::RawSocket;
using tandem::test::read_response;

namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::stoull(text);
}

std::uint16_t port_of(const std::string& address) {
  return static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
}

Message final_response(RawSocket& socket, bool to_head) {
  for (;;) {
    auto message = read_response(socket, to_head);
    if (message.status() >= 200) return message;
  }
}

std::string get(const std::string& path) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", path);
}

// Asks twice, and gets the two answers.
void ask_ordinarily(RawSocket& socket, std::uint64_t round) {
  const auto path = fmt::format("/ordinary-{}", round);
  socket.send(get(path));
  const auto first = read_response(socket);
  REQUIRE(first.status() == 200);
  REQUIRE(first.body.find(" GET " + path + " ") != first.body.npos);
  const auto content = fmt::format("ordinary {}", round);
  socket.send(fmt::format("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{}",
                          content.size(), content));
  const auto second = read_response(socket);
  REQUIRE(second.status() == 200);
  REQUIRE(second.body == content);
}

// The odd one, and another behind it. Whoever refuses the odd one may close, and may reset what
// was sent after it.
void ask_oddly(std::uint16_t port, const OddRequest& odd, std::uint64_t round) {
  const auto path = fmt::format("/behind-{}", round);
  auto socket = RawSocket::connect(port);
  Message behind;
  try {
    socket.send(odd.bytes + get(path));
    if (final_response(socket, odd.is_head).field("Connection") == "close") return;
    behind = final_response(socket, false);
  } catch (const std::runtime_error&) {
    return;
  }
  REQUIRE(behind.body.find(" GET " + path + " ") != behind.body.npos);
}

}  // namespace

TEST_CASE("odd requests give nobody another's answer, through a master and directly") {
  const auto rounds = from_environment("TANDEM_ODD_REQUESTS", 3'000);
  const auto seed = from_environment("TANDEM_ODD_REQUESTS_SEED", std::random_device()());
  std::cout << "seed " << seed << ", " << rounds << " odd requests" << std::endl;
  SplitMix64 random(seed);
  Cluster cluster;
  cluster.start_worker("w1", {"--listen", "127.0.0.1:0", "--connections", "1"});
  REQUIRE(cluster.await_state("w1", "up"));
  const auto master = port_of(cluster.listen());
  const auto worker = port_of(cluster.workers().at("w1").address);
  auto ordinary = RawSocket::connect(master);
  auto direct = RawSocket::connect(worker);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const auto odd = make_odd_request(random);
    INFO("seed " << seed << " round " << round << "\n" << odd.bytes.substr(0, 2'000));
    const bool directly = random.below(4) == 0;
    ask_oddly(directly ? worker : master, odd, round);
    try {
      ask_ordinarily(ordinary, round);
      if (directly) ask_ordinarily(direct, round);
    } catch (const std::runtime_error& error) {
      FAIL(error.what());
    }
  }
  CHECK(cluster.worker("w1").running());
}

}  // namespace tandem::e2e::odd_requests_test
