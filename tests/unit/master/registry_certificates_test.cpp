// What a master makes of the certificates that workers show in their heartbeats.
#include <catch2/catch.hpp>

#include "tests/unit/common/credential_files.hpp"
#include "tests/unit/master/registry_fixture.hpp"

namespace tandem::master::registry_certificates_test {
namespace {

using Catch::Contains;
using std::chrono::days;
using std::chrono::hours;

struct Scene {
  Scene() {
    files.add({.kind = tls::Kind::master, .name = "a"});
    current = files.loaded("a");
    workers.registry.use_certificates(current, Registry::ClearWorkers::refused);
  }

  tls::Peer of(const std::string& worker, char digit, tls::WallTime end) const {
    return {.identity = {.kind = tls::Kind::worker, .name = worker},
            .expires = end,
            .key_digest = std::string(64, digit)};
  }
  void hear(const tls::Peer& peer) {
    REQUIRE(workers.hear(peer.identity.name));
    workers.registry.note_certificate(peer.identity.name, peer, files.now());
  }
  void revoke(const std::string& digests) {
    files.write("revoked", digests);
    current->set(files.loaded("a")->get());
    workers.registry.judge_certificates(files.now());
  }

  test::CredentialFiles files;
  tls::CurrentCredentialsPtr current;
  RegistryFixture workers;
};

constexpr auto revoked = "its certificate is revoked";

}  // namespace

TEST_CASE("a worker whose certificate is revoked is down at once, and says why") {
  Scene scene;
  auto& workers = scene.workers;
  const auto first = scene.of("w1", 'a', scene.files.now() + days(90));
  const auto other = scene.of("w2", 'b', scene.files.now() + days(90));
  scene.hear(first);
  scene.hear(other);
  REQUIRE(workers.traffic() == "w1 w2");
  scene.revoke(first.key_digest + "\n");
  CHECK(workers.state("w1") == "down");
  CHECK(workers.reason("w1") == revoked);
  CHECK(workers.traffic() == "w2");
  CHECK(workers.last_resort() == "");
  // What was on its way, on a connection that is about to be closed.
  scene.hear(first);
  CHECK(workers.reason("w1") == revoked);
  workers.pass_hearing(10s, {"w2"});
  CHECK(workers.reason("w1") == revoked);
  CHECK(workers.state("w2") == "up");

  scene.hear(scene.of("w1", 'c', scene.files.now() + days(90)));  // a new key
  CHECK(workers.state("w1") == "up");
  scene.revoke(std::string(64, 'b') + "\n");
  CHECK(workers.reason("w2") == revoked);
  scene.revoke("");  // it was a mistake
  CHECK(workers.traffic() == "w1 w2");
}

TEST_CASE("a worker whose certificate ends within a week says so beside up") {
  Scene scene;
  auto& workers = scene.workers;
  const auto now = scene.files.now();
  scene.hear(scene.of("w1", 'a', now + days(3) + hours(1)));
  scene.hear(scene.of("w2", 'b', now + days(30) + hours(1)));
  const auto soon = workers.registry.worker("w1", workers.time);
  CHECK(soon->state == "up");
  CHECK(soon->reason == "its certificate ends in 3 days");
  CHECK(soon->certificate_days_left == 3);
  CHECK(soon->certificate_expires.size() == std::string_view("2027-01-31T00:00:00Z").size());
  const auto later = workers.registry.worker("w2", workers.time);
  CHECK(later->reason == "");
  CHECK(later->certificate_days_left == 30);
  CHECK(workers.traffic() == "w1 w2");
}

TEST_CASE("a worker that is silent since its certificate has ended says that, not the heartbeats") {
  Scene scene;
  auto& workers = scene.workers;
  scene.hear(scene.of("w1", 'a', scene.files.now() - hours(1)));
  CHECK(workers.state("w1") == "down");
  CHECK_THAT(workers.reason("w1"), Contains("its certificate has ended on"));
  workers.pass(10s);
  CHECK_THAT(workers.reason("w1"), Contains("its certificate has ended on"));
}

TEST_CASE("what somebody else shows says nothing of the worker that it speaks for") {
  Scene scene;
  auto& workers = scene.workers;
  REQUIRE(workers.hear("w1"));  // by a token that its owner presents
  workers.registry.note_certificate("w1", scene.of("w9", 'a', scene.files.now() + days(1)),
                                    scene.files.now());
  CHECK(workers.reason("w1") == "");
  CHECK_FALSE(workers.registry.worker("w1", workers.time)->certificate_days_left);
  scene.revoke(std::string(64, 'a') + "\n");
  CHECK(workers.state("w1") == "up");
}

TEST_CASE("a worker that refuses TLS is told as suspect once, until it has accepted it") {
  constexpr unsigned unknown_ca = 48;
  RegistryFixture workers;
  workers.pass_hearing(1s, {"w1", "w2"});
  const auto w1 = workers.shown("w1");
  const auto refuse = [&] {
    w1->counters->tls_alert = unknown_ca;
    workers.fail_at(w1, FailureKind::tls);
  };
  refuse();
  const std::vector<std::string> once{"w1: up -> suspect"};
  CHECK(workers.told == once);
  // Its heartbeats end the suspicion, each time later, and the next request begins another.
  for (int i = 0; i < 5; ++i) {
    workers.pass_hearing(30s, {"w1", "w2"});
    CHECK(workers.traffic() == "w1 w2");
    CHECK(workers.state("w1") == "suspect");
    CHECK(workers.reason("w1") == "refuses TLS with this master: unknown ca");
    refuse();
  }
  CHECK(workers.told == once);
  workers.pass_hearing(60s, {"w1", "w2"});
  w1->counters->tls_alert = 0;
  workers.pass_hearing(1s, {"w1", "w2"});
  CHECK(workers.told == std::vector<std::string>{"w1: up -> suspect", "w1: suspect -> up"});
  CHECK(workers.state("w1") == "up");
  // What else happens to it is told as it happens.
  refuse();
  workers.pass_hearing(30s, {"w2"});
  CHECK(workers.told.back() == "w1: suspect -> down");
  workers.pass_hearing(1s, {"w1", "w2"});
  CHECK(workers.told.back() == "w1: down -> suspect");
  CHECK(workers.told.size() == 5);
}

}  // namespace tandem::master::registry_certificates_test
