#include "common/wire/worker_spec.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "common/base/name.hpp"
#include "common/wire/limits.hpp"

namespace tandem::wire::worker_spec_test {

using nlohmann::json;

namespace {
std::string fault(const std::string& member, const json& value) {
  json document{{"address", "10.0.0.5:80"}};
  document[member] = value;
  const auto parsed = parse_worker_spec(document.dump());
  return parsed.ok() ? "" : parsed.error().field;
}
}  // namespace

TEST_CASE("a worker added by hand needs an address alone") {
  const auto spec = parse_worker_spec(R"({"address": "10.0.0.5:80"})");
  REQUIRE(spec.ok());
  CHECK(spec->name == "10.0.0.5-80");
  CHECK(spec->service == "default");
  CHECK(spec->address == Endpoint{"10.0.0.5", 80});
  CHECK(spec->weight == 100);
  CHECK(spec->connections == 1'024);
  CHECK(is_name(parse_worker_spec(R"({"address": "[fe80::1]:80"})")->name));
  CHECK(parse_worker_spec("{}").error().field == "address");
}

TEST_CASE("a worker added by hand is read as it was written") {
  const WorkerSpec sent{"n1", "web", {"::1", 80}, 7, 9};
  const auto read = parse_worker_spec(to_json(sent));
  REQUIRE(read.ok());
  CHECK(read->name == "n1");
  CHECK(read->service == "web");
  CHECK(read->address == sent.address);
  CHECK(read->weight == 7);
  CHECK(read->connections == 9);
}

TEST_CASE("an unknown member of a worker added by hand is refused by its name") {
  CHECK(fault("adress", "10.0.0.5:80") == "adress");
  CHECK(fault("wieght", 5) == "wieght");
  CHECK(fault("note", nullptr) == "note");
  CHECK(fault("labels", json::object()) == "labels");
}

TEST_CASE("a worker added by hand keeps its limits") {
  CHECK(fault("address", "localhost:80") == "address");
  CHECK(fault("address", "0.0.0.0:80") == "address");
  CHECK(fault("address", "[::]:80") == "address");
  CHECK(fault("address", "10.0.0.5:0") == "address");
  CHECK(fault("address", 80) == "address");
  CHECK(fault("name", "") == "name");
  CHECK(fault("name", std::string(64, 'x')) == "");
  CHECK(fault("name", std::string(65, 'x')) == "name");
  CHECK(fault("service", nullptr) == "service");
  CHECK(fault("weight", 0) == "");
  CHECK(fault("weight", limits::weight_max) == "");
  CHECK(fault("weight", limits::weight_max + 1) == "weight");
  CHECK(fault("weight", -1) == "weight");
  CHECK(fault("weight", 0.5) == "weight");
  CHECK(fault("weight", "5") == "weight");
  CHECK(fault("connections", 0) == "connections");
  CHECK(fault("connections", limits::worker_connections_max) == "");
  CHECK(fault("connections", limits::worker_connections_max + 1) == "connections");
}

}  // namespace tandem::wire::worker_spec_test
