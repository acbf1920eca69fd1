// What the client of a gRPC call is told when its answer breaks off after the head.
#include <catch2/catch.hpp>

#include <atomic>
#include <string>
#include <thread>

#include "gateway.hpp"
#include "h2_client.hpp"
#include "h2_raw_worker.hpp"
#include "table.hpp"

namespace tandem::test::grpc_broken_answers_test {

namespace {

const h2::Fields call{{":method", "POST"},
                      {":scheme", "http"},
                      {":path", "/hello.Greeter/SayHello"},
                      {":authority", "a"},
                      {"content-type", "application/grpc"},
                      {"te", "trailers"}};

// Begins to answer with that content-type; once its client has seen that, breaks off.
class Broken {
 public:
  using BreakOff = std::function<void(RawSocket&, H2RawWorker&, std::int32_t stream)>;

  Broken(std::string content_type, BreakOff break_off)
      : origin_([this, content_type, break_off](Origin&, RawSocket& socket) {
          H2RawWorker worker(socket);
          const auto stream = worker.await_request();
          worker.send(
              h2::headers(stream, h2::block({{":status", "200"}, {"content-type", content_type}})));
          worker.send(h2::data(stream, "half of it"));
          wait_until([this] { return seen_.load(); });
          break_off(socket, worker, stream);
          worker.drain();
        }),
        gateway_({origin_.port()}, {.node = "a", .pass = "pass-of-a"}) {
    gateway_.set({"protocol=http2"});
    gateway_.settle();
  }

  H2Client::Answer ask() { return ask(gateway_); }
  // By way of a master that passes the call on.
  H2Client::Answer ask_a_standby() {
    Gateway standby({origin_.port()}, {.node = "b"});
    standby.follow("a", gateway_.port(), "pass-of-a");
    return ask(standby);
  }

 private:
  H2Client::Answer ask(const Gateway& gateway) {
    H2Client client(gateway.port());
    const auto stream = client.ask(call, false);
    client.send(h2::data(stream, std::string(5, '\0'), h2::end_stream));
    client.body_of(stream, 10);
    seen_ = true;
    return client.finish(stream);
  }

  std::atomic<bool> seen_{false};
  Origin origin_;
  Gateway gateway_;
};

struct Code {
  std::string why;
  std::uint32_t code;
  std::string status;
};

[[maybe_unused]] const bool codes = each_row_is_a_case<Code>(
    "gRPC: what the code of a worker's RST_STREAM stands for",
    {
        {"NO_ERROR is INTERNAL", h2::no_error, "13"},
        {"PROTOCOL_ERROR is INTERNAL", h2::protocol_error, "13"},
        {"INTERNAL_ERROR is INTERNAL", h2::internal_error, "13"},
        {"REFUSED_STREAM is UNAVAILABLE", h2::refused_stream, "14"},
        {"CANCEL is CANCELLED", h2::cancel, "1"},
        {"ENHANCE_YOUR_CALM is RESOURCE_EXHAUSTED", h2::enhance_your_calm, "8"},
        {"INADEQUATE_SECURITY is PERMISSION_DENIED", 0xc, "7"},
        {"an unknown code is INTERNAL", 0x1234, "13"},
    },
    [](const Code& row) {
      const auto reset = [&row](RawSocket&, H2RawWorker& worker, std::int32_t stream) {
        worker.send(h2::rst_stream(stream, row.code));
      };
      const auto answer = Broken("application/grpc+proto", reset).ask();
      REQUIRE(answer.trailers.size() == 2);
      CHECK(answer.trailers[0] == std::pair<std::string, std::string>("grpc-status", row.status));
      CHECK_FALSE(answer.reset);
      CHECK(Broken("application/grpc+proto", reset).ask_a_standby().trailers == answer.trailers);
    },
    CATCH_INTERNAL_LINEINFO);

}  // namespace

TEST_CASE("gRPC: the loss of a worker in its answer is UNAVAILABLE") {
  const auto lose = [](RawSocket& socket, H2RawWorker&, std::int32_t) { socket.reset(); };
  const auto answer = Broken("application/grpc", lose).ask();
  REQUIRE(answer.trailers.size() == 2);
  CHECK(answer.trailers[0] == std::pair<std::string, std::string>("grpc-status", "14"));
}

TEST_CASE("gRPC: an answer that is no gRPC and breaks off is never ended as complete") {
  const auto reset = [](RawSocket&, H2RawWorker& worker, std::int32_t stream) {
    worker.send(h2::rst_stream(stream, h2::internal_error));
  };
  const auto answer = Broken("text/html", reset).ask();
  CHECK_FALSE(answer.ended);
  CHECK(answer.trailers.empty());
  CHECK(answer.reset == h2::internal_error);
  CHECK_FALSE(Broken("text/html", reset).ask_a_standby().ended);
}

}  // namespace tandem::test::grpc_broken_answers_test
