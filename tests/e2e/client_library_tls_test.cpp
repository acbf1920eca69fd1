// tandem::Client towards masters that speak TLS to clients.
#include <catch2/catch.hpp>

#include <csignal>
#include <future>

#include "tandem/client.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"
#include "tests/e2e/private_authority.hpp"

namespace tandem::e2e::client_library_tls_test {

using Catch::Contains;

namespace {

struct Setting {
  Setting() {
    PairClusterOptions options;
    options.arguments = {"--listen-tls", "127.0.0.1:0", "--tls", site.flag()};
    cluster.emplace(options);
    cluster->start_workers({"w1", "w2"});
    primary = cluster->await_primary();
    standby = cluster->standby_of(primary);
  }
  std::string tls_address(const std::string& master) {
    return field_of(cluster->master(master).await_line("tandem-master ready"), "listen-tls");
  }
  // Knows the primary first.
  tandem::ClientOptions client_options() {
    tandem::ClientOptions options;
    options.masters = {tls_address(primary), tls_address(standby)};
    options.deadline = std::chrono::seconds(30);  // only a failing test waits for so long
    options.probe_after = std::chrono::milliseconds(200);
    options.tls = true;
    options.tls_ca = authority.certificate();
    return options;
  }

  TempDir dir;
  PrivateAuthority authority{dir, "authority"};
  PrivateAuthority other{dir, "other"};
  PrivateAuthority::Issued site = authority.issue("site", "IP:127.0.0.1,DNS:shop.example");
  std::optional<PairCluster> cluster;
  std::string primary;
  std::string standby;
};

std::string why(const tandem::ClientResult& result) {
  return result ? std::to_string(result->status) : result.error().message;
}

}  // namespace

TEST_CASE(
    "the client speaks TLS to masters, and goes to the other one when the primary is killed") {
  Setting it;
  const auto options = it.client_options();
  tandem::Client client(options);
  for (int i = 0; i < 3; ++i) {
    const auto answer = client.Get("/bytes/200000");
    INFO(why(answer));
    REQUIRE(answer);
    CHECK(answer->body.size() == 200'000);
    CHECK(answer->master == options.masters[0]);
  }
  const std::string large(3'000'000, 'x');
  const auto posted = client.Post("/echo", large, "text/plain");
  INFO(why(posted));
  REQUIRE(posted);
  CHECK(posted->body == large);
  it.cluster->master(it.primary).kill9();
  const auto answer = client.Get("/bytes/5");
  INFO(why(answer));
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(answer->master == options.masters[1]);
}

TEST_CASE("an answer that is on its way when its master is killed is asked for again, over TLS") {
  Setting it;
  tandem::Client client(it.client_options());
  auto slow = std::async(std::launch::async, [&] { return client.Get("/slow?ms=1000"); });
  REQUIRE(eventually([&] {
    const auto workers = it.cluster->status(it.primary).workers;
    return workers.at("w1").in_flight + workers.at("w2").in_flight > 0;
  }));
  it.cluster->master(it.primary).kill9();
  const auto answer = slow.get();
  INFO(why(answer));
  REQUIRE(answer);
  CHECK(answer->attempts > 1);
}

TEST_CASE("a frozen master is found out over TLS, and one that is slow is waited for") {
  Setting it;
  const auto options = it.client_options();
  tandem::Client client(options);
  const auto slow = client.Post("/slow?ms=900", "", "");
  INFO(why(slow));
  REQUIRE(slow);
  CHECK(slow->attempts == 1);
  it.cluster->freeze(it.primary);
  const auto answer = client.Get("/bytes/5");
  it.cluster->thaw(it.primary);
  INFO(why(answer));
  REQUIRE(answer);
  CHECK(answer->master == options.masters[1]);
}

TEST_CASE("the client sends nothing to who shows a certificate that does not count") {
  Setting it;
  auto options = it.client_options();
  options.deadline = std::chrono::milliseconds(500);
  const auto refused = [&] {
    tandem::Client client(options);
    const auto answer = client.Post("/echo", "secret", "text/plain");
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == tandem::ClientErrorCode::unreachable);
    return answer.error().message;
  };
  options.tls_name = "shop.example";
  CHECK(tandem::Client(options).Get("/").operator bool());
  options.tls_name = "other.example";
  CHECK_THAT(refused(), Contains("hostname mismatch"));
  options.tls_name = "";
  options.tls_ca = it.other.certificate();
  CHECK_THAT(refused(), Contains("its certificate is not accepted: unable to get"));
  options.tls_ca = "";
  CHECK_THAT(refused(), Contains("its certificate is not accepted"));
  options.masters = {it.cluster->listen(it.primary)};  // in clear
  options.tls_ca = it.authority.certificate();
  CHECK_THAT(refused(), Contains("no TLS with it"));
}

TEST_CASE("options of TLS that cannot be used are told with every call") {
  const TempDir dir;
  tandem::ClientOptions options;
  options.masters = {"127.0.0.1:1"};
  const auto said = [&] {
    const auto answer = tandem::Client(options).Get("/");
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == tandem::ClientErrorCode::invalid);
    return answer.error().message;
  };
  options.tls_ca = dir.path("none.pem");
  CHECK(said() == "tls_ca and tls_name say nothing without tls");
  options.tls = true;
  CHECK_THAT(said(), Contains("tls_ca: " + options.tls_ca));
  options.tls_ca = dir.write("empty.pem", "nothing");
  CHECK_THAT(said(), Contains("tls_ca: " + options.tls_ca));
  options.tls_ca = "";
  options.masters.clear();
  options.controls = {"127.0.0.1:2"};
  CHECK_THAT(said(), Contains("masters must be 1 to 16 addresses"));
}

}  // namespace tandem::e2e::client_library_tls_test
