// What the streams of a connection have to say in one turn of the loop leaves in one system call.
#include <sys/syscall.h>

#include <catch2/catch.hpp>

#include "gateway.hpp"
#include "h2_client.hpp"
#include "h2_raw_worker.hpp"
#include "system_call_count.hpp"

namespace tandem::test::system_call_h2_test {
namespace {

constexpr unsigned streams = 40;
constexpr unsigned warm_up = 20;
constexpr unsigned measured = 50;
// Of the loop itself, whatever the traffic.
constexpr unsigned besides_max = measured / 5;

unsigned writes(const SystemCallCount& count) {
  const auto calls = count.so_far();
  return calls[SYS_sendto] + calls[SYS_sendmsg] + calls[SYS_writev] + calls[SYS_write];
}

// Answers so many requests at once.
void answer_together(Origin&, RawSocket& socket) {
  H2RawWorker worker(socket);
  for (;;) {
    std::string answers;
    for (unsigned i = 0; i < streams; ++i) {
      const auto stream = worker.await_request();
      answers += h2::headers(stream, h2::block({{":status", "200"}})) +
                 h2::data(stream, "hello", h2::end_stream);
    }
    worker.send(answers);
  }
}

// Asks as many at once.
class Client {
 public:
  explicit Client(const Gateway& gateway) : socket_(gateway.connect()) {
    socket_.send(std::string(h2::preface) + h2::settings() + h2::settings_ack());
  }
  void rounds(unsigned count) {
    for (unsigned round = 0; round < count; ++round) {
      std::string requests;
      for (unsigned i = 0; i < streams; ++i, next_ += 2) {
        requests += h2::headers(next_, h2::block(h2::get()), h2::end_stream);
      }
      socket_.send(requests);
      for (unsigned ended = 0; ended < streams;) {
        const auto frame = read_frame(socket_);
        if (frame.type == h2::data_type && frame.has(h2::end_stream)) ++ended;
      }
    }
  }

 private:
  RawSocket socket_;
  std::int32_t next_ = 1;
};

}  // namespace

TEST_CASE("what forty streams say at once leaves in one write, to the worker and to the client") {
  Origin origin(answer_together);
  Gateway gateway({origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  Client client(gateway);
  client.rounds(warm_up);
  const auto thread = thread_named("forward-0");
  REQUIRE(thread);
  const auto count = SystemCallCount::of(*thread);
  if (!count) {
    WARN("skipped: this machine permits no tracing");
    return;
  }
  client.rounds(1);
  const auto before = writes(*count);
  client.rounds(measured);
  const auto written = writes(*count) - before;
  CHECK(written >= 2 * measured - 1);  // else nothing was counted
  CHECK(written <= 2 * measured + besides_max);
}

}  // namespace tandem::test::system_call_h2_test
