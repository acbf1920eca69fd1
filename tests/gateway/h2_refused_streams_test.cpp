// Calls whose content is still coming when a worker of HTTP/2 says that it has done nothing for
// them (REFUSED_STREAM, or a GOAWAY that names an earlier stream): they go elsewhere as long as
// what was taken of them is here.
#include <catch2/catch.hpp>

#include <atomic>

#include "gateway.hpp"
#include "h2_client.hpp"
#include "h2_raw_worker.hpp"

namespace tandem::test::h2_refused_streams_test {

namespace {

const h2::Fields call{{":method", "POST"}, {":scheme", "http"},
                      {":path", "/a.B/C"}, {":authority", "a"},
                      {"te", "trailers"},  {"content-type", "application/grpc"}};

// Refuses each call when so much of its content has come.
Origin::Script refuse_after(std::size_t bytes, std::atomic<int>& refused) {
  return [bytes, &refused](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket);
    for (;;) {
      const auto stream = worker.await_request();
      for (std::size_t got = 0; got < bytes;) got += worker.await(h2::data_type).payload.size();
      ++refused;
      worker.send(h2::rst_stream(stream, h2::refused_stream));
    }
  };
}

// Answers each call with its whole content.
Origin::Script echo(std::atomic<int>& begun) {
  return [&begun](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket);
    for (;;) {
      const auto stream = worker.await_request();
      std::string content;
      for (bool ended = false; !ended;) {
        const auto frame = worker.await(h2::data_type);
        if (content.empty()) ++begun;
        content += frame.payload;
        ended = frame.has(h2::end_stream);
      }
      worker.answer(stream, content);
    }
  };
}

}  // namespace

TEST_CASE("a streaming call that a worker of HTTP/2 refuses goes elsewhere with what has come") {
  std::atomic<int> refused{0};
  std::atomic<int> begun{0};
  Origin refusing(refuse_after(5, refused));
  Origin good(echo(begun));
  Gateway gateway({refusing.port(), good.port()});
  gateway.set({"protocol=http2", "balance=round_robin"});
  gateway.settle();
  H2Client client(gateway.port());
  for (int i = 0; i < 4; ++i) {
    const auto stream = client.ask(call, false);
    client.send(h2::data(stream, "first"));
    // By turns the rest comes together with the first part, and when that is where it stays.
    if (i >= 2) wait_until([&] { return begun > i; });
    client.send(h2::data(stream, " second", h2::end_stream));
    const auto& answer = client.finish(stream);
    CHECK(answer.status() == 200);
    CHECK(answer.body == "first second");
  }
  CHECK(refused > 0);
  CHECK(gateway.reported_failures() == 0);
}

TEST_CASE("a streaming call of which more was taken than is kept is not sent elsewhere as a part") {
  constexpr std::size_t taken = 16'384;  // one frame, and more than has room behind a head
  std::atomic<int> refused{0};
  std::atomic<int> begun{0};
  Origin refusing(refuse_after(taken, refused));
  Origin good(echo(begun));
  Gateway gateway({refusing.port(), good.port()});
  gateway.set({"protocol=http2", "balance=round_robin"});
  gateway.settle();
  H2Client client(gateway.port());
  for (int i = 0; i < 4; ++i) {
    const auto stream = client.ask(call, false);
    client.send_body(stream, std::string(taken, 'x'));
    const auto& answer = client.finish(stream);
    if (!answer.body.empty()) {
      CHECK(answer.body.size() == taken);
    } else {
      CHECK(answer.field("grpc-status") == "14");
    }
  }
  CHECK(refused > 0);
}

}  // namespace tandem::test::h2_refused_streams_test
