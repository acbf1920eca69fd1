// Unmodified servers of gRPC are found well and unwell: as targets and as backends.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/e2e/harness/cluster.hpp"
#include "tests/grpc/grpc_cluster.hpp"

namespace tandem::e2e::health_test {
namespace {

const Arguments by_grpc{"--protocol", "http2", "--check", "grpc"};

bool await_error(Process& process, const std::string& text) {
  return eventually([&] { return process.errors().find(text) != std::string::npos; });
}

}  // namespace

TEST_CASE("an unmodified gRPC server is up behind tandem-worker --target, and down when it ends") {
  GrpcCluster cluster;
  cluster.start_server("s1", Language::cpp);
  const auto primary = cluster.masters().await_primary();
  CHECK(cluster.masters().ask(primary, "/v1/workers").body.find(R"("protocol":"http2")") !=
        std::string::npos);
  cluster.server("s1").kill9();
  CHECK(cluster.await_state("s1", "down"));
  cluster.launch_server("s1", Language::cpp);
  CHECK(cluster.await_state("s1", "up"));
  CHECK(cluster.finish(Language::python, cluster.masters().listen(primary), {"empty_unary"}) ==
        "ok empty_unary\n");
}

TEST_CASE("a target whose health by gRPC cannot be asked is down, and its worker says why") {
  GrpcCluster cluster;
  cluster.launch_server("mute", Language::python, {"--no-health"});
  auto& mute = cluster.launch_worker("mute", cluster.address("mute"), by_grpc);
  CHECK(await_error(mute, "the server has no grpc.health.v1.Health (UNIMPLEMENTED)"));
  cluster.launch_server("s1", Language::cpp);
  auto& unknown =
      cluster.launch_worker("unknown", cluster.address("s1"), {"--check", "grpc:no.such.Service"});
  CHECK(await_error(unknown, "grpc.health.v1 knows no service of that name (NOT_FOUND)"));
  auto& named = cluster.launch_worker("named", cluster.address("s1"), {"--check", "grpc"});
  CHECK(await_error(named, "target is up"));
  CHECK(cluster.await_state("named", "up"));
  CHECK(cluster.await_state("mute", "down"));
  auto& http1 = cluster.launch_worker("http1", cluster.masters().control("a"), by_grpc);
  CHECK(await_error(http1, "it answers in HTTP/1, not in HTTP/2"));
}

TEST_CASE("the settings of a service say how its targets are checked, and what they speak") {
  GrpcCluster cluster({"check=grpc"});
  cluster.launch_server("s1", Language::cpp);
  cluster.launch_worker("s1", cluster.address("s1"), {});
  REQUIRE(cluster.await_state("s1", "up"));
  for (const auto& master : cluster.masters().names()) {
    CHECK(cluster.finish(Language::cpp, cluster.masters().listen(master), {"ping_pong"}) ==
          "ok ping_pong\n");
  }
}

TEST_CASE("backends are checked by gRPC, and found down with the reason") {
  GrpcCluster cluster({"check=grpc", "check_interval=100ms"});
  cluster.launch_server("s1", Language::cpp);
  cluster.launch_server("mute", Language::python, {"--no-health"});
  const auto primary = cluster.masters().await_primary();
  for (const auto* name : {"s1", "mute"}) {
    const auto spec = fmt::format(R"({{"name":"{}","address":"{}","service":"interop"}})", name,
                                  cluster.address(name));
    REQUIRE(cluster.masters().tell(primary, "/v1/workers", spec).status < 300);
  }
  CHECK(cluster.await_state("s1", "up"));
  CHECK(cluster.await_state("mute", "down"));
  CHECK(eventually([&] {
    return cluster.masters().ask(primary, "/v1/workers/mute").body.find("UNIMPLEMENTED") !=
           std::string::npos;
  }));
  CHECK(cluster.finish(Language::python, cluster.masters().listen(primary), {"large_unary"}) ==
        "ok large_unary\n");
}

}  // namespace tandem::e2e::health_test
