// gRPC over TLS, with the credentials of python3-grpcio, through a primary and through a standby.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/e2e/certificate_pair.hpp"
#include "tests/grpc/grpc_cluster.hpp"

namespace tandem::e2e::grpc_tls_test {
namespace {

// Clients are known by a certificate of their own, which the service demands.
struct Scene {
  Scene() {
    cluster.start_server("s1", Language::cpp);
    cluster.speak_tls(site.certificate(), client.flag());
  }
  std::string secure(const std::string& master) {
    return field_of(cluster.masters().master(master).await_line("tandem-master ready"),
                    "listen-tls");
  }

  TempDir dir;
  CertificatePair site{dir, "site"};
  CertificatePair client{dir, "client"};
  GrpcCluster cluster{
      {"client_certificate=localhost", "retry_methods=/tandem.interop.TestService/UnaryCall",
       "retry_on=grpc:unavailable"},
      {"--listen-tls", "127.0.0.1:0", "--tls", site.flag(), "--client-ca", client.certificate()}};
};

}  // namespace

TEST_CASE("gRPC's interop cases pass over TLS with a client's certificate, at either master") {
  Scene scene;
  for (const auto& master : scene.cluster.masters().names()) {
    INFO("through " << master);
    const auto said = scene.cluster.finish(Language::python, scene.secure(master), interop_cases());
    CHECK(complaint(said, interop_cases()) == "");
  }
}

TEST_CASE("a client of gRPC that trusts another authority, or shows no certificate, calls nobody") {
  Scene scene;
  for (const auto& [authority, own] : {std::pair(scene.client.certificate(), scene.client.flag()),
                                       std::pair(scene.site.certificate(), std::string())}) {
    scene.cluster.speak_tls(authority, own);
    for (const auto& master : scene.cluster.masters().names()) {
      const auto said =
          scene.cluster.finish(Language::python, scene.secure(master), {"empty_unary"});
      CHECK(said.starts_with("failed empty_unary: StatusCode.UNAVAILABLE"));
    }
  }
}

TEST_CASE("the primary is killed under calls of gRPC over TLS, and each succeeds at the other") {
  Scene scene;
  auto& masters = scene.cluster.masters();
  scene.cluster.start_server("s2", Language::cpp);
  REQUIRE(masters.await_whole() == "");
  const auto primary = masters.await_primary();
  const auto standby = masters.standby_of(primary);
  const auto both = fmt::format("ipv4:{},{}", scene.secure(primary), scene.secure(standby));
  const auto load = scene.cluster.call(Language::python, both, {"load:5"});
  REQUIRE(await_more_calls(*load, 200));
  masters.master(primary).kill9();
  REQUIRE(await_more_calls(*load, 200));
  load->terminate();
  CHECK(load->await_exit() == 0);
  INFO(load->output());
  CHECK(last_line(*load) == "ok load:5");
}

}  // namespace tandem::e2e::grpc_tls_test
