// gRPC's interoperability cases through a primary and through a standby, in two languages.
#include <catch2/catch.hpp>

#include <sstream>

#include "tests/grpc/grpc_cluster.hpp"

using namespace tandem::e2e;

namespace {

const std::vector<std::string> cases{
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "cancel_after_begin",
    "cancel_after_first_response",
    "custom_metadata",
    "timeout_on_sleeping_server",
    "unimplemented_method",
    "status_code_and_message",
    "special_status_message",
};

std::string all_well(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += "ok " + name + "\n";
  return text;
}

void check_cases(Language server) {
  GrpcCluster cluster;
  cluster.start_server("s1", server);
  for (const auto& master : cluster.masters().names()) {
    for (const auto client : {Language::cpp, Language::python}) {
      INFO("through " << master << ", client in " << (client == Language::cpp ? "C++" : "Python"));
      CHECK(cluster.finish(client, cluster.masters().listen(master), cases) == all_well(cases));
    }
  }
}

}  // namespace

TEST_CASE("gRPC's interop cases pass through either master, with a server in C++") {
  check_cases(Language::cpp);
}

TEST_CASE("gRPC's interop cases pass through either master, with a server in Python") {
  check_cases(Language::python);
}

TEST_CASE("errors of the masters' own are statuses of gRPC, at either master") {
  GrpcCluster cluster;
  const std::vector<std::string> unknown{"service_without_workers", "bad_authority"};
  for (const auto& master : cluster.masters().names()) {
    CHECK(cluster.finish(Language::python, cluster.masters().listen(master), unknown) ==
          all_well(unknown));
  }
}

TEST_CASE("calls of one channel of gRPC spread over all workers") {
  GrpcCluster cluster({"balance=round_robin"});
  cluster.start_server("s1", Language::cpp);
  cluster.start_server("s2", Language::python);
  cluster.start_server("s3", Language::cpp);
  for (const auto& master : cluster.masters().names()) {
    const auto listen = cluster.masters().listen(master);
    std::istringstream words(cluster.finish(Language::python, listen, {"spread:60"}));
    std::string word, server;
    words >> word;
    CHECK(word == "spread");
    for (const auto* name : {"s1=", "s2=", "s3="}) {
      words >> server;
      CHECK(server.starts_with(name));
      CHECK(std::stoi(server.substr(3)) >= 10);
    }
  }
}
