// Calls and streams of gRPC while servers and masters end.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/grpc/grpc_cluster.hpp"

namespace tandem::e2e::failure_test {
namespace {

const std::vector<std::string> repeatable{"retry_methods=/tandem.interop.TestService/UnaryCall",
                                          "retry_on=grpc:unavailable"};

}  // namespace

TEST_CASE("a stream of gRPC whose server is killed ends with an error, and not as if complete") {
  GrpcCluster cluster;
  cluster.start_server("s1", Language::cpp);
  for (const auto& master : cluster.masters().names()) {
    const auto client =
        cluster.call(Language::python, cluster.masters().listen(master), {"watch:100000"});
    REQUIRE(await_output(*client, "watching server=s1"));
    cluster.server("s1").kill9();
    REQUIRE(client->await_exit() == 1);
    INFO(client->output());
    CHECK(last_line(*client) ==
          "failed watch:100000: StatusCode.UNAVAILABLE The answer broke off on its way.");
    cluster.launch_server("s1", Language::cpp);
    REQUIRE(cluster.await_state("s1", "up"));
  }
}

TEST_CASE("servers of gRPC are killed under load, and no call that may be repeated fails") {
  GrpcCluster cluster(repeatable);
  for (const auto* name : {"s1", "s2", "s3"}) cluster.start_server(name, Language::cpp);
  const auto load = cluster.call(
      Language::python, cluster.masters().listen(cluster.masters().await_primary()), {"load"});
  for (const auto* name : {"s1", "s2"}) {
    REQUIRE(await_more_calls(*load, 200));
    cluster.server(name).kill9();
    REQUIRE(await_more_calls(*load, 200));
    cluster.launch_server(name, Language::cpp);
    REQUIRE(cluster.await_state(name, "up"));
  }
  load->terminate();
  CHECK(load->await_exit() == 0);
  INFO(load->output());
  CHECK(last_line(*load) == "ok load");
}

TEST_CASE("the primary is killed under calls of gRPC, and each succeeds, repeated once at most") {
  GrpcCluster cluster(repeatable);
  for (const auto* name : {"s1", "s2"}) cluster.start_server(name, Language::cpp);
  REQUIRE(cluster.masters().await_whole() == "");
  const auto primary = cluster.masters().await_primary();
  const auto standby = cluster.masters().standby_of(primary);
  const auto load = cluster.call(Language::python, cluster.masters().listen(standby), {"load:1"});
  REQUIRE(await_more_calls(*load, 200));
  cluster.masters().master(primary).kill9();
  REQUIRE(await_more_calls(*load, 200));
  cluster.masters().start_master(primary);
  REQUIRE(await_more_calls(*load, 200));
  load->terminate();
  CHECK(load->await_exit() == 0);
  INFO(load->output());
  CHECK(last_line(*load) == "ok load:1");
}

TEST_CASE("a channel of gRPC stays in use while masters restart in every order") {
  GrpcCluster cluster(repeatable);
  for (const auto* name : {"s1", "s2"}) cluster.start_server(name, Language::cpp);
  REQUIRE(cluster.masters().await_whole() == "");
  const auto first = cluster.masters().await_primary();
  const auto load = cluster.call(Language::python, cluster.both(first), {"load:5"});
  for (const auto& name : {first, cluster.masters().standby_of(first), first, first}) {
    REQUIRE(await_more_calls(*load, 100));
    cluster.masters().master(name).terminate();
    REQUIRE(cluster.masters().master(name).await_exit() == 0);
    REQUIRE(await_more_calls(*load, 100));
    cluster.masters().start_master(name);
    REQUIRE(cluster.masters().await_whole() == "");
  }
  load->terminate();
  CHECK(load->await_exit() == 0);
  INFO(load->output());
  CHECK(last_line(*load) == "ok load:5");
}

TEST_CASE("a conversation of gRPC goes on while the master that it does not go through restarts") {
  GrpcCluster cluster;
  cluster.start_server("s1", Language::python);
  REQUIRE(cluster.masters().await_whole() == "");
  const auto primary = cluster.masters().await_primary();
  const auto client =
      cluster.call(Language::python, cluster.masters().listen(primary), {"conversation"});
  REQUIRE(await_output(*client, "talked turns=21"));
  const auto other = cluster.masters().standby_of(primary);
  cluster.masters().master(other).kill9();
  cluster.masters().start_master(other);
  REQUIRE(cluster.masters().await_whole() == "");
  const auto before = client->output().size();
  CHECK(eventually([&] { return client->output().size() > before; }));
  client->terminate();
  CHECK(client->await_exit() == 0);
  CHECK(last_line(*client) == "ok conversation");
}

TEST_CASE(
    "a server of gRPC that ends its connections all the time, and takes few streams, loses no "
    "call") {
  GrpcCluster cluster;
  cluster.start_server("s1", Language::python, {"--age", "200", "--streams", "2"});
  for (const auto& master : cluster.masters().names()) {
    const auto& listen = cluster.masters().listen(master);
    CHECK(cluster.finish(Language::python, listen, {"spread:64", "spread:64"}) ==
          "spread s1=64\nok spread:64\nspread s1=64\nok spread:64\n");
    const auto load = cluster.call(Language::python, listen, {"load"});
    REQUIRE(await_more_calls(*load, 500));
    load->terminate();
    CHECK(load->await_exit() == 0);
    INFO(load->output());
    CHECK(last_line(*load) == "ok load");
  }
}

TEST_CASE("a stream of gRPC outlives the age at which its server wants its connection to end") {
  GrpcCluster cluster;
  cluster.start_server("s1", Language::python, {"--age", "100"});
  for (const auto& master : cluster.masters().names()) {
    const auto client =
        cluster.call(Language::python, cluster.masters().listen(master), {"watch:50"});
    REQUIRE(client->await_exit());
    CHECK(last_line(*client) == "ok watch:50");
  }
}

}  // namespace tandem::e2e::failure_test
