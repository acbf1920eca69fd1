// What workers speak, how they are checked, and after which statuses of gRPC another is asked.
#include <catch2/catch.hpp>

#include "common/wire/heartbeat.hpp"
#include "common/wire/limits.hpp"
#include "common/wire/service_settings.hpp"

namespace tandem::wire::worker_protocol_test {
namespace {

ServiceSettings said(std::initializer_list<const char*> texts) {
  ServiceSettings settings;
  for (const auto* text : texts) REQUIRE(parse_setting(text, "--service", settings));
  return settings;
}

bool is_refused(const char* text) {
  ServiceSettings settings;
  return !parse_setting(text, "--service", settings).ok() && settings == ServiceSettings();
}

}  // namespace

TEST_CASE("a check is a GET, or one of gRPC of the server or of a service") {
  for (const auto* text : {"http", "grpc", "grpc:shop.Orders"}) {
    const auto kind = CheckKind::parse(text);
    REQUIRE(kind);
    CHECK(kind->to_string() == text);
  }
  CHECK(CheckKind::parse("grpc:shop.Orders")->service == "shop.Orders");
  const std::string longest(limits::grpc_name_bytes_max, 'x');
  CHECK(CheckKind::parse("grpc:" + longest));
  CHECK_FALSE(CheckKind::parse("grpc:" + longest + "x"));
  for (const auto* text : {"", "GET", "grpc:", "grpc: a", "grpc:a b", "grpc:\x01", "grpcs"}) {
    INFO(text);
    CHECK_FALSE(CheckKind::parse(text));
  }
}

TEST_CASE("workers of a service that is checked by gRPC speak HTTP/2 unless it says otherwise") {
  CHECK(protocol_of({}) == WorkerProtocol::http1);
  CHECK(protocol_of(said({"check=http"})) == WorkerProtocol::http1);
  CHECK(protocol_of(said({"protocol=http2"})) == WorkerProtocol::http2);
  CHECK(protocol_of(said({"check=grpc"})) == WorkerProtocol::http2);
  CHECK(protocol_of(said({"check=grpc", "protocol=http1"})) == WorkerProtocol::http1);
}

TEST_CASE("statuses of gRPC stand beside those of HTTP in retry_on") {
  const auto settings = said({"retry_on=grpc:unavailable,502,grpc:resource_exhausted"});
  const auto& statuses = *settings.rules.retry_on;
  CHECK(statuses.contains(502));
  CHECK(statuses.contains_grpc(14));
  CHECK(statuses.contains_grpc(8));
  CHECK_FALSE(statuses.contains_grpc(0));
  CHECK_FALSE(statuses.contains_grpc(17));
  CHECK(to_texts(settings) ==
        std::vector<std::string>{"retry_on=502,grpc:resource_exhausted,grpc:unavailable"});
  CHECK(to_json(settings) == R"({"retry_on":[502,"grpc:resource_exhausted","grpc:unavailable"]})");
  CHECK(*parse_service_settings(to_json(settings)) == settings);
  CHECK(to_texts(said({"retry_on=grpc:aborted"})) ==
        std::vector<std::string>{"retry_on=grpc:aborted"});
  for (const auto* text :
       {"retry_on=grpc:ok", "retry_on=grpc:", "retry_on=grpc:14", "retry_on=unavailable",
        "retry_on=grpc:UNAVAILABLE", "retry_on=502,", "retry_on=grpc:aborted,"}) {
    INFO(text);
    CHECK(is_refused(text));
  }
  CHECK_FALSE(parse_service_settings(R"({"retry_on": ["grpc:ok"]})").ok());
}

TEST_CASE("a worker says what it speaks, or leaves it to its service") {
  Heartbeat heartbeat;
  heartbeat.name = "w1";
  heartbeat.incarnation = "first";
  heartbeat.address = {"127.0.0.1", 9001};
  CHECK(to_json(heartbeat).find("protocol") == std::string::npos);
  CHECK_FALSE(parse_heartbeat(to_json(heartbeat))->protocol);
  for (const auto protocol : {WorkerProtocol::http1, WorkerProtocol::http2}) {
    heartbeat.protocol = protocol;
    CHECK(parse_heartbeat(to_json(heartbeat))->protocol == protocol);
  }
  auto text = to_json(heartbeat);
  text.replace(text.find("http2"), 5, "http9");
  const auto refused = parse_heartbeat(text);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message == "protocol must be http1 or http2");
}

}  // namespace tandem::wire::worker_protocol_test
