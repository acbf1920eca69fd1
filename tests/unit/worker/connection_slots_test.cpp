#include "worker/src/connection_slots.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <future>

#include <fmt/format.h>

#include "tests/gateway/raw_socket.hpp"
#include "tests/unit/worker/recording_master.hpp"
#include "worker/src/limits.hpp"

namespace tandem::test::connection_slots_test {

using Admission = CallerSlots::Admission;
using State = CallerSlots::State;

namespace {

constexpr unsigned direct = 3;
constexpr unsigned masters = 4;

// A request counts as a master's when it says so.
struct Reserved : ConnectionServer {
  Endpoint address;
  std::promise<void> gate;
  std::shared_future<void> opened = gate.get_future().share();
  std::atomic<int> held{0};
  Reserved() {
    Get("/", [](const httplib::Request&, httplib::Response& response) {
      response.set_content("done", "text/plain");
    });
    Get("/held", [this](const httplib::Request&, httplib::Response&) {
      ++held;
      opened.wait_for(deadline);
    });
    reserve(masters,
            [](const httplib::Request& request) { return request.has_header("Is-Master"); });
    auto result = open({"127.0.0.1", 0}, direct);
    REQUIRE(result.ok());
    address = *result;
  }
  RawSocket connect() const { return RawSocket::connect(address.port); }
};

std::string get(const std::string& target, bool from_master = false) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: x\r\n{}\r\n", target,
                     from_master ? "Is-Master: 1\r\n" : "");
}

bool is_served(RawSocket& socket, const std::string& request) {
  socket.send(request);
  return read_response(socket).status() == 200;
}

}  // namespace

TEST_CASE("strangers that idle keep no master out, however many they are") {
  Reserved server;
  std::vector<RawSocket> silent;  // that send nothing
  std::vector<RawSocket> slow;    // that send half a head
  std::vector<RawSocket> idle;    // that were served once
  for (unsigned i = 0; i < 2 * (limits::worker_newcomers_max + masters); ++i) {
    silent.push_back(server.connect());
    slow.push_back(server.connect());
    slow.back().send("GET / HT");
  }
  for (unsigned i = 0; i < 2 * direct; ++i) {
    idle.push_back(server.connect());
    CHECK(is_served(idle.back(), get("/")));
  }
  std::vector<RawSocket> of_master;
  for (unsigned i = 0; i < masters; ++i) {
    of_master.push_back(server.connect());
    CHECK(is_served(of_master.back(), get("/", true)));
  }
  // The oldest gave way, not those that masters have, nor the latest.
  CHECK(silent.front().closes());
  // Which direct caller has been idle longest is known to the threads that serve them.
  CHECK(eventually([&] {
    return std::count_if(idle.begin(), idle.end(),
                         [](RawSocket& socket) { return socket.stays_silent(0); }) == direct;
  }));
  CHECK(is_served(idle.back(), get("/")));
  for (auto& socket : of_master) CHECK(is_served(socket, get("/", true)));
}

TEST_CASE("a primary that opens all its connections at once loses none, beside strangers") {
  Reserved server;
  std::vector<RawSocket> of_master;
  for (unsigned i = 0; i < masters; ++i) of_master.push_back(server.connect());
  std::vector<RawSocket> silent;
  for (unsigned i = 0; i < limits::worker_newcomers_max; ++i) silent.push_back(server.connect());
  CHECK(is_served(silent.back(), get("/")));
  for (auto& socket : of_master) CHECK(is_served(socket, get("/", true)));
}

TEST_CASE("direct callers that are being served keep others out, and no master") {
  Reserved server;
  std::vector<RawSocket> busy;
  for (unsigned i = 0; i < direct; ++i) {
    busy.push_back(server.connect());
    busy.back().send(get("/held"));
  }
  REQUIRE(eventually([&] { return server.held == static_cast<int>(direct); }));
  auto late = server.connect();
  late.send(get("/"));
  const auto answer = read_response(late);
  CHECK(answer.status() == 503);
  CHECK(answer.field("Retry-After") == "1");
  CHECK(late.read_to_end().empty());
  auto master = server.connect();
  CHECK(is_served(master, get("/", true)));
  server.gate.set_value();
  for (auto& socket : busy) CHECK(read_response(socket).status() == 200);
  auto later = server.connect();
  CHECK(is_served(later, get("/")));
}

TEST_CASE(
    "a connection is a master's while its requests are proven, up to the places that they have") {
  CallerSlots slots({.direct = 1, .masters = 1, .newcomers = 2});
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  const auto first = slots.add(ends[0]);
  CHECK(slots.begin_request(first, false) == Admission::admitted);
  slots.end_request(first);
  CHECK(slots.begin_request(first, true) == Admission::admitted);  // now a master's
  slots.end_request(first);
  const auto second = slots.add(ends[0]);
  CHECK(slots.begin_request(second, true) ==
        Admission::admitted);  // counts as direct: one too many
  const auto third = slots.add(ends[0]);
  CHECK(slots.begin_request(third, false) == Admission::full);
  slots.end_request(second);
  CHECK(slots.begin_request(third, false) == Admission::admitted);
  CHECK(second->state == State::evicted);
  CHECK(slots.begin_request(second, true) == Admission::evicted);
  CHECK(slots.begin_request(first, false) == Admission::full);  // a master's no more
  slots.end_request(third);
  CHECK(slots.begin_request(first, false) == Admission::admitted);
  CHECK(third->state == State::evicted);
  for (const auto connection : {first, second, third}) slots.remove(connection);
  CHECK(slots.empty());
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace tandem::test::connection_slots_test
