#include "common/tls/kept_session.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <thread>

#include <catch2/catch.hpp>

#include "common/base/small_file.hpp"
#include "common/tls/pem.hpp"
#include "common/tls/worker_tls.hpp"
#include "tests/unit/common/credential_files.hpp"

namespace tandem::tls::kept_session_test {
namespace {

// A worker "w1" and a master "a", with the credentials that they have at the moment.
struct Pair {
  Pair() {
    files.add({.kind = Kind::master, .name = "a"});
    files.add({.kind = Kind::worker, .name = "w1"});
    files.add({.kind = Kind::worker, .name = "w2"});
    master = files.loaded("a");
    worker = files.loaded("w1");
    tls = WorkerTls::to_member(master, "w1");
  }

  struct Outcome {
    bool secure = false;   // at both ends
    bool resumed = false;  // without certificates and signatures
    std::string judged{};  // what the master says of the worker
    std::string caller{};  // who the master is, as the worker sees it
    std::string ticket{};  // the newest that the master has
  };
  // One connection, on which a byte goes to the worker and back.
  Outcome connect(Resumption at_worker = Resumption::by_tickets) const {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    Outcome outcome;
    auto serving = std::async(std::launch::async, [&] {
      const auto credentials = worker->get();
      const auto ssl = credentials->begin(ends[1], Side::serves, at_worker);
      char byte = 0;
      if (SSL_do_handshake(ssl.get()) != 1 || SSL_read(ssl.get(), &byte, 1) != 1) return false;
      const auto peer = credentials->peer_of(ssl.get());
      if (peer) outcome.caller = peer->identity.id();
      const bool wrote = SSL_write(ssl.get(), &byte, 1) == 1;
      SSL_shutdown(ssl.get());
      return wrote;
    });
    {
      const auto ssl = tls->begin("127.0.0.1", WorkerTls::Speaks::http1);
      BIO* const bio = BIO_new_socket(ends[0], BIO_NOCLOSE);
      SSL_set_bio(ssl.get(), bio, bio);
      char byte = 'x';
      const bool shook = SSL_do_handshake(ssl.get()) == 1;
      outcome.judged = tls->judge(ssl.get(), WorkerTls::Speaks::http1, shook ? "" : "failed");
      outcome.secure =
          shook && SSL_write(ssl.get(), &byte, 1) == 1 && SSL_read(ssl.get(), &byte, 1) == 1;
      outcome.resumed = SSL_session_reused(ssl.get()) == 1;
      const unsigned char* ticket = nullptr;
      std::size_t bytes = 0;
      SSL_SESSION_get0_ticket(SSL_get0_session(ssl.get()), &ticket, &bytes);
      outcome.ticket.assign(ticket, ticket + bytes);
    }
    ::close(ends[0]);
    outcome.secure = serving.get() && outcome.secure;
    ::close(ends[1]);
    return outcome;
  }

  test::CredentialFiles files;
  CurrentCredentialsPtr master;
  CurrentCredentialsPtr worker;
  WorkerTlsPtr tls;
};

}  // namespace

TEST_CASE("the second connection to a worker resumes the first, and both know each other") {
  const Pair pair;
  CHECK_FALSE(pair.tls->is_prepared());
  const auto first = pair.connect();
  CHECK(first.secure);
  CHECK_FALSE(first.resumed);
  CHECK(pair.tls->is_prepared());
  for (int i = 0; i < 3; ++i) {
    const auto next = pair.connect();
    CHECK(next.secure);
    CHECK(next.resumed);
    CHECK(next.judged == "");
    CHECK(next.caller == "spiffe://c/tandem/master/a");
    CHECK((!next.ticket.empty() && next.ticket == first.ticket));  // no other was made
  }
}

TEST_CASE("a worker that gives no tickets is spoken to all the same") {
  const Pair pair;
  for (int i = 0; i < 2; ++i) {
    const auto outcome = pair.connect(Resumption::never);
    CHECK(outcome.secure);
    CHECK_FALSE(outcome.resumed);
  }
  CHECK_FALSE(pair.tls->is_prepared());
}

TEST_CASE("nothing is resumed once either side has read its files again") {
  Pair pair;
  const auto resumes = [&] {
    const auto outcome = pair.connect();
    CHECK(outcome.secure);
    return outcome.resumed;
  };
  resumes();
  REQUIRE(resumes());
  pair.master->set(pair.files.loaded("a")->get());
  CHECK_FALSE(pair.tls->is_prepared());
  CHECK_FALSE(resumes());
  CHECK(resumes());
  pair.worker->set(pair.files.loaded("w1")->get());
  CHECK_FALSE(resumes());
  CHECK(resumes());
}

TEST_CASE("a session is no way round a revocation, on either side") {
  Pair pair;
  pair.connect();
  REQUIRE(pair.connect().resumed);
  const auto revoke = [&](const std::string& name) {
    const auto pem = read_small_file(pair.files.path(name + ".pem"), std::size_t{1} << 16);
    const auto certificates = certificates_in(*pem);
    pair.files.write("revoked", key_digest(certificates->front().get()) + "\n");
  };
  revoke("w1");
  pair.master->set(pair.files.loaded("a")->get());
  CHECK_FALSE(pair.connect().secure);
  revoke("a");
  pair.worker->set(pair.files.loaded("w1")->get());
  pair.files.write("revoked", "");
  pair.master->set(pair.files.loaded("a")->get());
  CHECK_FALSE(pair.connect().secure);
}

TEST_CASE("the session with one worker is none with another in its place") {
  Pair pair;
  pair.connect();
  REQUIRE(pair.connect().resumed);
  pair.worker = pair.files.loaded("w2");
  const auto outcome = pair.connect();
  CHECK_FALSE(outcome.resumed);
  CHECK(outcome.judged == "it is spiffe://c/tandem/worker/w2, not the worker w1");
}

TEST_CASE("a session ends with the certificate of the worker that it stands for") {
  Pair pair;
  // It ends in a second; OpenSSL itself would resume the session all the same.
  pair.files.put("w1", pair.files.issued(
                           {.kind = Kind::worker, .name = "w1"}, std::chrono::days(1),
                           access::wall_time() - std::chrono::days(1) + std::chrono::seconds(2)));
  pair.worker = pair.files.loaded("w1");
  pair.connect();
  REQUIRE(pair.tls->is_prepared());
  while (pair.tls->is_prepared()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK_FALSE(pair.connect().resumed);
}

}  // namespace tandem::tls::kept_session_test
