// gRPC's interoperability cases through a primary and through a standby, in four languages.
#include <catch2/catch.hpp>

#include <sstream>

#include "tests/grpc/grpc_cluster.hpp"

namespace tandem::e2e::interop_test {
namespace {

const std::map<Language, std::string> languages{{Language::cpp, "C++"},
                                                {Language::python, "Python"},
                                                {Language::go, "Go"},
                                                {Language::js, "JavaScript"}};

void check_cases(Language server) {
  if (!is_installed(server)) {
    WARN("skipped: gRPC of " << languages.at(server) << " is not installed");
    return;
  }
  GrpcCluster cluster;
  cluster.start_server("s1", server);
  for (const auto& master : cluster.masters().names()) {
    for (const auto& [client, name] : languages) {
      INFO("through " << master << ", client in " << name);
      if (!is_installed(client)) {
        WARN("gRPC of " << name << " is not installed");
        continue;
      }
      const auto said = cluster.finish(client, cluster.masters().listen(master), interop_cases());
      CHECK(complaint(said, interop_cases()) == "");
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

TEST_CASE("gRPC's interop cases pass through either master, with a server in Go") {
  check_cases(Language::go);
}

TEST_CASE("gRPC's interop cases pass through either master, with a server in JavaScript") {
  check_cases(Language::js);
}

TEST_CASE("a call of gRPC whose time is over takes no other call with it") {
  GrpcCluster cluster;
  cluster.start_server("s1", Language::cpp);
  std::vector<std::string> both;
  for (int i = 0; i < 40; ++i) {
    both.insert(both.end(), {"timeout_on_sleeping_server", "status_code_and_message"});
  }
  for (const auto& master : cluster.masters().names()) {
    const auto said = cluster.finish(Language::cpp, cluster.masters().listen(master), both);
    CHECK(complaint(said, both) == "");
  }
}

TEST_CASE("errors of the masters' own are statuses of gRPC, at either master") {
  GrpcCluster cluster;
  const std::vector<std::string> unknown{"service_without_workers", "bad_authority"};
  for (const auto& master : cluster.masters().names()) {
    const auto listen = cluster.masters().listen(master);
    CHECK(complaint(cluster.finish(Language::python, listen, unknown), unknown) == "");
    const std::vector<std::string> first{unknown.front()};
    for (const auto client : {Language::go, Language::js}) {
      if (!is_installed(client)) continue;
      CHECK(complaint(cluster.finish(client, listen, first), first) == "");
    }
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

}  // namespace tandem::e2e::interop_test
