// RFC 7541 §6.2.3: a field that came as never to be indexed leaves as such, at both ends of a
// gateway that speaks HTTP/2 at both.
#include <catch2/catch.hpp>

#include <algorithm>

#include "gateway.hpp"
#include "h2_client.hpp"
#include "h2_raw_worker.hpp"

namespace tandem::test::h2_never_indexed_test {

namespace {

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Answers with what must never be indexed of the request, and with such fields of its own.
void tell_never_indexed(Origin&, RawSocket& socket) {
  H2RawWorker worker(socket);
  for (;;) {
    const auto stream = worker.await_request();
    auto names = worker.never_indexed();
    worker.await(h2::data_type);
    worker.await(h2::headers_type);  // the trailers
    for (const auto& name : worker.never_indexed()) names.push_back(name);
    std::string text;
    for (const auto& name : names) text += name + ' ';
    worker.send(h2::headers(stream, h2::block({{":status", "200"}, {"x-b", "1"}}) +
                                        h2::never_indexed_literal("server", "secret")) +
                h2::data(stream, text) +
                h2::headers(stream,
                            h2::block({{"x-sum", "1"}}) + h2::never_indexed_literal("via", "a"),
                            h2::end_stream));
  }
}

}  // namespace

TEST_CASE("HPACK §6.2.3: a field that nobody may index reaches a worker and a client as one") {
  Origin origin(tell_never_indexed);
  Gateway gateway({origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  H2Client client(gateway.port());
  const auto pseudo = h2::block({{":method", "POST"}, {":scheme", "http"}, {":authority", "a"}}) +
                      h2::never_indexed_literal(":path", "/?token=1");
  const auto fields =
      h2::block({{"te", "trailers"}, {"x-open", "1"}}) + h2::never_indexed_literal("x-secret", "2");
  client.send(h2::headers(1, pseudo + fields) + h2::data(1, "hello") +
              h2::headers(1, h2::never_indexed_literal("x-digest", "3"), h2::end_stream));
  const auto& answer = client.finish(1);
  REQUIRE(answer.status() == 200);
  for (const auto* name : {":path ", "x-secret ", "x-digest "}) {
    CAPTURE(name);
    CHECK(answer.body.find(name) != answer.body.npos);
  }
  CHECK(answer.body.find("x-open") == answer.body.npos);
  CHECK(holds(answer.never_indexed, "server"));

  // The next request of the connection has none of them.
  client.send(h2::headers(3, h2::block(h2::post({{"te", "trailers"}, {"x-secret", "2"}}))) +
              h2::data(3, "hello") +
              h2::headers(3, h2::block({{"x-digest", "3"}}), h2::end_stream));
  CHECK(client.finish(3).body.find("x-secret") == std::string::npos);
}

}  // namespace tandem::test::h2_never_indexed_test
