// The question of a health check over TLS, to a worker that answers for real.
#include <boost/asio.hpp>

#include <catch2/catch.hpp>

#include "cluster.hpp"
#include "common/http/http1_conversation.hpp"
#include "common/http/http_call.hpp"
#include "common/http/tls_conversation.hpp"
#include "test_certificates.hpp"
#include "tls_origin.hpp"

namespace tandem::test::tls_check_test {

using Catch::Contains;
namespace asio = boost::asio;

namespace {

struct Asked {
  HttpOutcome outcome;
  unsigned status = 0;  // of the answer; 0: there is none
  std::string why;      // as TLS
};

Asked ask(std::uint16_t port, const tandem::tls::WorkerTlsSpec& spec) {
  asio::io_context loop;
  HttpCalls calls(loop);
  auto inside = std::make_shared<Http1Conversation>("GET", "/health", "", AnswerLimits());
  auto conversation = std::make_shared<TlsConversation>(
      tandem::tls::WorkerTls::load(spec), tandem::tls::WorkerTls::Speaks::http1, inside);
  Asked asked;
  asio::co_spawn(
      loop,
      [&]() -> asio::awaitable<void> {
        const std::vector<Endpoint> addresses{{"127.0.0.1", port}};
        const HttpCallOptions options{.total_max = std::chrono::seconds(10)};
        auto calling = calls.call(addresses, conversation, options);
        asked.outcome = co_await std::move(calling);
      },
      asio::detached);
  loop.run();
  if (inside->is_answered()) asked.status = inside->answer().status;
  asked.why = conversation->why();
  return asked;
}

}  // namespace

TEST_CASE("a check over TLS has the worker's answer") {
  CertificateDirectory directory;
  const auto good = directory.make("good", {"worker.example"});
  TlsOrigin worker(good, {.answer = "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"});
  const auto asked = ask(worker.port(), {.authority = good.certificate, .name = "worker.example"});
  CHECK(asked.outcome.answered());
  CHECK(asked.why.empty());
  CHECK(asked.status == 503);
  CHECK(worker.requests() == 1);
}

TEST_CASE("a check says what is wrong with the worker's TLS, and sends nothing then") {
  CertificateDirectory directory;
  const auto good = directory.make("good", {"worker.example"});
  const auto other = directory.make("other", {"worker.example"});
  TlsOrigin worker(good);
  const auto why = [&](const tandem::tls::WorkerTlsSpec& spec) {
    const auto asked = ask(worker.port(), spec);
    CHECK(asked.status == 0);
    return asked.why;
  };
  CHECK_THAT(why({.authority = other.certificate, .name = "worker.example"}),
             Contains("its certificate is not accepted"));
  CHECK_THAT(why({.authority = good.certificate, .name = "x.example"}),
             Contains("hostname mismatch"));
  CHECK_THAT(why({.authority = good.certificate}), Contains("IP address mismatch"));
  CHECK_THAT(why({.authority = directory.path("none")}), Contains("upstream_ca"));
  CHECK(worker.requests() == 0);
}

TEST_CASE("a check finds that a worker does not speak TLS, and that nobody listens") {
  CertificateDirectory directory;
  const auto good = directory.make("good", {"worker.example"});
  const tandem::tls::WorkerTlsSpec spec{.authority = good.certificate, .name = "worker.example"};
  Origin plain([](Origin&, RawSocket& socket) {
    socket.send("HTTP/1.1 400 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    socket.wait_for_hang_up();
  });
  CHECK_FALSE(ask(plain.port(), spec).outcome.end == HttpOutcome::End::refused);
  CHECK(ask(closed_port(), spec).outcome.end == HttpOutcome::End::refused);
}

}  // namespace tandem::test::tls_check_test
