// In the steady state a request costs four system calls, and what it takes to wait for them.
#include <sys/syscall.h>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "gateway.hpp"
#include "system_call_count.hpp"

namespace tandem::test::system_call_test {
namespace {

constexpr unsigned warm_up = 50;
constexpr unsigned measured = 200;
// Of the loop itself, whatever the traffic: its timer, and what other threads wake it for.
constexpr unsigned besides_max = measured / 10;

struct Costs {
  unsigned waits = 0;
  unsigned others = 0;
  std::string text;
};

// Of the loop while one client sends `request` again and again; nothing where tracing is refused.
std::optional<Costs> costs(const Gateway& gateway, std::string_view request) {
  auto client = gateway.connect();
  const auto rounds = [&](unsigned count) {
    for (unsigned round = 0; round < count; ++round) {
      client.send(request);
      REQUIRE(read_response(client).status() == 200);
    }
  };
  rounds(warm_up);
  const auto thread = thread_named("forward-0");
  REQUIRE(thread);
  const auto count = SystemCallCount::of(*thread);
  if (!count) return std::nullopt;
  rounds(warm_up);
  const auto before = count->so_far();
  rounds(measured);
  const auto after = count->so_far();
  Costs costs;
  for (std::size_t number = 0; number < SystemCallCount::numbers; ++number) {
    const unsigned calls = after[number] - before[number];
    if (calls == 0) continue;
    const bool waits = number == SYS_epoll_wait || number == SYS_epoll_pwait;
    (waits ? costs.waits : costs.others) += calls;
    costs.text += fmt::format("system call {}: {}\n", number, calls);
  }
  return costs;
}

void check_costs(const Gateway& gateway, std::string_view request) {
  const auto found = costs(gateway, request);
  if (!found) {
    WARN("skipped: this machine permits no tracing");
    return;
  }
  INFO(found->text);
  CHECK(found->others >= 4 * measured - 1);  // else nothing was counted
  CHECK(found->others <= 4 * measured + besides_max);
  CHECK(found->waits <= 2 * measured + besides_max);
}

}  // namespace

TEST_CASE("a GET on connections that are kept costs two reads and two writes") {
  Origin origin(always(ok(std::string(128, 'x'))));
  Gateway gateway({origin.port()});
  check_costs(gateway, get("/"));
}

TEST_CASE("a POST whose body comes with its head costs two reads and two writes") {
  Origin origin(always(ok("done")));
  Gateway gateway({origin.port()});
  check_costs(gateway, "POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world");
}

}  // namespace tandem::test::system_call_test
