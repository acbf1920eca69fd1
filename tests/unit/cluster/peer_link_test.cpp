#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include "common/base/clock.hpp"
#include "common/base/small_file.hpp"
#include "common/cluster/limits.hpp"
#include "common/cluster/peer_link.hpp"
#include "tests/unit/cluster/members_fixture.hpp"
#include "tests/unit/common/credential_files.hpp"

namespace tandem::cluster::peer_link_test {

namespace asio = boost::asio;

namespace {

// A peer that records what it is sent.
class Recorder {
 public:
  explicit Recorder(asio::io_context& loop, std::uint16_t port = 0,
                    tls::CurrentCredentialsPtr credentials = {})
      : loop_(loop),
        server_(loop, {.credentials = std::move(credentials)},
                [this](const ControlRequest& request) { return answer(request); }) {
    const auto bound = server_.listen({"127.0.0.1", port});
    REQUIRE(bound.ok());
    address = *bound;
    server_.start();
  }
  ~Recorder() {
    holds = false;
    shut_down(loop_, server_);
  }

  Endpoint address;
  std::vector<std::size_t> batches;  // how many messages each request had
  std::string authorization;
  bool holds = false;  // answers nothing while it is set

 private:
  asio::awaitable<ControlResponse> answer(const ControlRequest& request) {
    const auto envelope = wire::parse_cluster_envelope(request.body);
    REQUIRE(envelope.ok());
    batches.push_back(envelope->messages.size());
    authorization = request.authorization;
    auto executor = co_await asio::this_coro::executor;
    while (holds) {
      asio::steady_timer pause(executor, std::chrono::milliseconds(1));
      boost::system::error_code ignored;
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    co_return ControlResponse{.status = 204};
  }

  asio::io_context& loop_;
  HttpServer server_;
};

core::Message released() {
  return {core::ClusterId(1),
          {core::NodeId("a"), core::IncarnationId(1)},
          {core::NodeId("b"), core::IncarnationId(1)},
          Term(1),
          core::Released{}};
}

class LinkFixture {
 public:
  void open(const Endpoint& address, Duration patience = 1s, const std::string& token = {}) {
    link = std::make_shared<PeerLink>(
        loop,
        PeerLinkOptions{.peer = core::NodeId("b"),
                        .address = address,
                        .patience = patience,
                        .retry = 20ms,
                        .greets = greets,
                        .credentials = credentials},
        PeerLink::Hooks{.envelope =
                            [] {
                              return wire::ClusterEnvelope{.node = core::NodeId("a"),
                                                           .control = {"127.0.0.1", 1},
                                                           .listen = {},
                                                           .pass = {},
                                                           .election_timeout = 500ms,
                                                           .found_out = {},
                                                           .messages = {}};
                            },
                        .token = [token] { return token; },
                        .is_peer = [](const tls::Identity& who) { return who.name == "b"; },
                        .lost = [this] { ++lost; },
                        .refused = [this](Instant attempted) { refused.push_back(attempted); }});
    link->start();
  }
  ~LinkFixture() {
    if (link) link->stop();
    loop.restart();
    loop.run_for(std::chrono::milliseconds(20));
  }
  bool await(const std::function<bool()>& condition) { return run_until(loop, condition); }

  asio::io_context loop{1};
  tls::CurrentCredentialsPtr credentials{};
  std::shared_ptr<PeerLink> link;
  bool greets = false;
  int lost = 0;
  std::vector<Instant> refused;
};

Endpoint nobody(asio::io_context& loop) {
  const Recorder gone(loop);
  return gone.address;
}

}  // namespace

TEST_CASE("messages that wait for an answer go together with the next request") {
  LinkFixture fixture;
  Recorder peer(fixture.loop);
  fixture.open(peer.address, 1s, "0123456789abcdef");
  peer.holds = true;
  fixture.link->send(released());
  REQUIRE(fixture.await([&] { return peer.batches.size() == 1; }));
  for (int i = 0; i < 20; ++i) fixture.link->send(released());
  peer.holds = false;
  const auto total = [&] {
    std::size_t sum = 0;
    for (const auto batch : peer.batches) sum += batch;
    return sum;
  };
  CHECK(fixture.await([&] { return total() == 21; }));
  CHECK(peer.batches.size() < 10);
  CHECK(peer.authorization == "Bearer 0123456789abcdef");
}

TEST_CASE("a refused connection is reported with the instant at which the attempt began") {
  LinkFixture fixture;
  const auto before = now();
  fixture.open(nobody(fixture.loop));
  REQUIRE(fixture.await([&] { return fixture.refused.size() >= 3; }));
  CHECK(fixture.refused.front() >= before);
  CHECK(fixture.refused.back() <= now());
  CHECK(fixture.lost == 0);
}

TEST_CASE("a connection that breaks is reported once and made again") {
  LinkFixture fixture;
  auto peer = std::make_unique<Recorder>(fixture.loop);
  const auto address = peer->address;
  fixture.open(address);
  fixture.link->send(released());
  REQUIRE(fixture.await([&] { return peer->batches.size() == 1; }));
  peer.reset();
  REQUIRE(fixture.await([&] { return fixture.lost == 1 && !fixture.refused.empty(); }));
  Recorder returned(fixture.loop, address.port);
  CHECK(fixture.await([&] {
    if (returned.batches.empty()) fixture.link->send(released());
    return !returned.batches.empty();
  }));
  CHECK(fixture.lost == 1);
}

TEST_CASE("a link that greets begins each connection with an envelope, though no message waits") {
  LinkFixture fixture;
  fixture.greets = true;
  auto peer = std::make_unique<Recorder>(fixture.loop);
  const auto address = peer->address;
  const std::vector<std::size_t> greeting{0};
  fixture.open(address);
  CHECK(fixture.await([&] { return peer->batches == greeting; }));
  peer.reset();
  REQUIRE(fixture.await([&] { return fixture.lost == 1; }));
  peer = std::make_unique<Recorder>(fixture.loop, address.port);
  CHECK(fixture.await([&] { return peer->batches == greeting; }));
}

TEST_CASE("a peer that does not answer in time counts as lost") {
  LinkFixture fixture;
  Recorder peer(fixture.loop);
  peer.holds = true;
  fixture.open(peer.address, 50ms);
  fixture.link->send(released());
  CHECK(fixture.await([&] { return fixture.lost >= 1; }));
  peer.holds = false;
}

TEST_CASE("what waits for a silent peer is bounded: the oldest messages are lost") {
  LinkFixture fixture;
  Recorder peer(fixture.loop);
  peer.holds = true;
  fixture.open(peer.address, 5s);
  fixture.link->send(released());
  REQUIRE(fixture.await([&] { return peer.batches.size() == 1; }));
  for (std::size_t i = 0; i < 3 * limits::link_messages_max; ++i) fixture.link->send(released());
  peer.holds = false;
  std::size_t last = 0;
  const auto total = [&] {
    std::size_t sum = 0;
    for (const auto batch : peer.batches) sum += batch;
    return sum;
  };
  // Until nothing more comes: some were sent before the queue was full.
  REQUIRE(fixture.await([&] {
    const auto settled = total() == last && last > limits::link_messages_max / 2;
    last = total();
    return settled;
  }));
  CHECK(total() < 3 * limits::link_messages_max);
}

TEST_CASE("a link that was stopped calls nobody") {
  LinkFixture fixture;
  auto peer = std::make_unique<Recorder>(fixture.loop);
  fixture.open(peer->address);
  fixture.link->send(released());
  REQUIRE(fixture.await([&] { return peer->batches.size() == 1; }));
  fixture.link->stop();
  peer.reset();
  fixture.loop.restart();
  fixture.loop.run_for(std::chrono::milliseconds(50));
  CHECK(fixture.lost == 0);
  CHECK(fixture.refused.empty());
}

TEST_CASE("a peer that has several addresses is reached at the one where it listens") {
  LinkFixture fixture;
  fixture.greets = true;
  Recorder peer(fixture.loop);
  fixture.open({"peer.example", peer.address.port});
  CHECK_FALSE(fixture.link->address());
  fixture.link->set_addresses({nobody(fixture.loop), peer.address});
  CHECK(fixture.await([&] { return peer.batches.size() == 1; }));
  CHECK(fixture.refused.empty());
  CHECK(fixture.link->address() == peer.address);
}

TEST_CASE("a peer is refused when all its addresses are") {
  LinkFixture fixture;
  fixture.open({"peer.example", 1});
  fixture.link->set_addresses({nobody(fixture.loop), nobody(fixture.loop)});
  CHECK(fixture.await([&] { return !fixture.refused.empty(); }));
}

TEST_CASE("a peer whose name has no address is away, and found when it has one") {
  LinkFixture fixture;
  fixture.greets = true;
  Recorder peer(fixture.loop);
  fixture.open({"peer.example", 1});
  fixture.loop.restart();
  fixture.loop.run_for(std::chrono::milliseconds(50));
  CHECK(fixture.refused.empty());
  CHECK(fixture.lost == 0);
  fixture.link->set_addresses({peer.address});
  CHECK(fixture.await([&] { return peer.batches.size() == 1; }));
}

TEST_CASE("over TLS messages reach the peer, and nobody who is there in its place") {
  const test::CredentialFiles files;
  for (const auto* name : {"a", "b", "c"}) files.add({.kind = tls::Kind::master, .name = name});
  LinkFixture fixture;
  fixture.credentials = files.loaded("a");
  {
    Recorder peer(fixture.loop, 0, files.loaded("b"));
    fixture.open(peer.address);
    fixture.link->send(released());
    CHECK(fixture.await([&] { return !peer.batches.empty(); }));
    CHECK(fixture.await([&] { return fixture.link->trouble().empty(); }));
    fixture.link->stop();
  }
  const auto refused_before = fixture.refused.size();
  Recorder other(fixture.loop, 0, files.loaded("c"));
  fixture.open(other.address);
  fixture.link->send(released());
  CHECK(fixture.await(
      [&] { return fixture.link->trouble() == "spiffe://c/tandem/master/c is there instead"; }));
  CHECK(other.batches.empty());
  CHECK(fixture.refused.size() == refused_before);
}

TEST_CASE("a handshake that fails is told as trouble, and is no refused connection") {
  const test::CredentialFiles files;
  const test::CredentialFiles others;
  files.add({.kind = tls::Kind::master, .name = "a"});
  others.add({.kind = tls::Kind::master, .name = "b"});
  LinkFixture fixture;
  fixture.credentials = files.loaded("a");
  Recorder peer(fixture.loop, 0, others.loaded("b"));
  fixture.open(peer.address);
  CHECK(fixture.await(
      [&] { return fixture.link->trouble().starts_with("TLS: its certificate is not accepted"); }));
  fixture.link->stop();
  Recorder plain(fixture.loop);
  fixture.open(plain.address);
  CHECK(fixture.await([&] { return fixture.link->trouble().starts_with("TLS: "); }));
  CHECK(fixture.refused.empty());
}

TEST_CASE("a peer whose certificate is revoked is sent nothing more") {
  const test::CredentialFiles files;
  for (const auto* name : {"a", "b"}) files.add({.kind = tls::Kind::master, .name = name});
  LinkFixture fixture;
  fixture.credentials = files.loaded("a");
  Recorder peer(fixture.loop, 0, files.loaded("b"));
  fixture.open(peer.address);
  fixture.link->send(released());
  REQUIRE(fixture.await([&] { return !peer.batches.empty(); }));
  const auto certificates =
      tls::certificates_in(read_small_file(files.path("b.pem"), 65'536).value());
  files.write("revoked", tls::key_digest(certificates->front().get()) + "\n");
  fixture.credentials->set(files.loaded("a")->get());
  const auto before = peer.batches.size();
  fixture.link->send(released());
  CHECK(fixture.await([&] { return fixture.link->trouble().ends_with("certificate revoked"); }));
  CHECK(peer.batches.size() == before);
}

TEST_CASE("a link that says nothing ends all the same when the authority of its peer is removed") {
  const test::CredentialFiles old;
  const test::CredentialFiles files;
  files.add({.kind = tls::Kind::master, .name = "a"});
  old.add({.kind = tls::Kind::master, .name = "b"});
  const auto own = files.text("ca.pem");
  files.write("ca.pem", own + old.text("ca.pem"));
  old.write("ca.pem", files.text("ca.pem"));
  LinkFixture fixture;
  fixture.credentials = files.loaded("a");
  Recorder peer(fixture.loop, 0, old.loaded("b"));
  fixture.open(peer.address, 10s);
  fixture.link->send(released());
  REQUIRE(fixture.await([&] { return fixture.link->trouble().empty() && !peer.batches.empty(); }));
  REQUIRE(fixture.lost == 0);
  files.write("ca.pem", own);
  fixture.credentials->set(files.loaded("a")->get());
  CHECK(fixture.await([&] { return fixture.lost == 1; }));
  CHECK(fixture.await([&] { return fixture.link->trouble().starts_with("TLS: "); }));
  CHECK(fixture.refused.empty());
}

TEST_CASE("a link is made again when the certificate of either end was replaced") {
  const test::CredentialFiles files;
  for (const auto* name : {"a", "b"}) files.add({.kind = tls::Kind::master, .name = name});
  LinkFixture fixture;
  fixture.credentials = files.loaded("a");
  const auto of_peer = files.loaded("b");
  Recorder peer(fixture.loop, 0, of_peer);
  fixture.open(peer.address, 10s);
  // What was on its way when a connection ended may be lost.
  const auto reaches = [&] {
    const auto before = peer.batches.size();
    auto send_at = now();
    return fixture.await([&] {
      if (now() >= send_at) {
        fixture.link->send(released());
        send_at = now() + 100ms;
      }
      return peer.batches.size() > before;
    });
  };
  REQUIRE(reaches());
  // Read again, they are the same.
  fixture.credentials->set(files.loaded("a")->get());
  of_peer->set(files.loaded("b")->get());
  CHECK(reaches());
  CHECK(fixture.lost == 0);

  files.add({.kind = tls::Kind::master, .name = "a"});
  fixture.credentials->set(files.loaded("a")->get());
  CHECK(fixture.await([&] { return fixture.lost == 1; }));
  CHECK(reaches());
  files.add({.kind = tls::Kind::master, .name = "b"});
  of_peer->set(files.loaded("b")->get());
  CHECK(fixture.await([&] { return fixture.lost == 2; }));
  CHECK(reaches());
  CHECK(fixture.refused.empty());
}

}  // namespace tandem::cluster::peer_link_test
