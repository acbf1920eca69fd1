#include "h2_case.hpp"

#include <optional>

#include "test_certificates.hpp"
#include "tls_client.hpp"

namespace tandem::test {

namespace {

void check_goes_on(H2Client& client) {
  client.await_pong();
  client.send(h2::headers(101, h2::block(h2::get()), h2::end_stream));
  const auto& answer = client.finish(101);
  CHECK(answer.status() == 200);
  CHECK(answer.body == "hello");
}

void check_outcome(H2Client& client, const H2Outcome& outcome) {
  using Kind = H2Outcome::Kind;
  switch (outcome.kind) {
    case Kind::answered: {
      const auto& answer = client.finish(1);
      CHECK(answer.status() == outcome.number);
      CHECK(answer.ended);
      break;
    }
    case Kind::alive: client.await_pong(); break;
    case Kind::stream_error: {
      const auto& answer = client.finish(1);
      CHECK_FALSE(answer.ended);
      CHECK(answer.reset == outcome.number);
      break;
    }
    case Kind::connection_error: {
      const auto code = client.finish();
      REQUIRE(code.has_value());
      CHECK(*code == outcome.number);
      break;
    }
    case Kind::closed: CHECK(client.finish().value_or(h2::no_error) == h2::no_error); break;
  }
}

bool goes_on(const H2Outcome& outcome) {
  return outcome.kind != H2Outcome::Kind::connection_error &&
         outcome.kind != H2Outcome::Kind::closed;
}

enum class Wire { clear, tls };  // what the client knows HTTP/2 by: the port, or ALPN

void check(const H2Case& row, bool reaches_worker, Wire wire) {
  Origin origin(always(ok("hello")));
  Gateway gateway({origin.port()}, {.certificates = some_certificate()});
  std::optional<TlsClient> tls;
  if (wire == Wire::tls) tls.emplace(gateway.tls_port(), TlsClient::Options{.protocols = {"h2"}});
  H2Client client(tls ? tls->take_socket() : RawSocket::connect(gateway.port()));
  client.send(row.frames);
  if (!row.afterwards.empty()) {
    REQUIRE(client.finish(1).status() == 200);
    client.send(row.afterwards);
  }
  check_outcome(client, row.outcome);
  if (!reaches_worker) CHECK(origin.request_count() == 0);
  if (goes_on(row.outcome)) check_goes_on(client);
}

void check(const H2Case& row, bool reaches_worker) {
  {
    INFO("in clear");
    check(row, reaches_worker, Wire::clear);
  }
  INFO("over TLS");
  check(row, reaches_worker, Wire::tls);
}

}  // namespace

void check_h2(const H2Case& row) { check(row, true); }
void check_h2_refused(const H2Case& row) { check(row, false); }

}  // namespace tandem::test
