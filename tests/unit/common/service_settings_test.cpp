// What is said of a service, as a document and on a command line.
#include <catch2/catch.hpp>

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "common/wire/service_settings.hpp"

namespace tandem::wire::service_settings_test {
namespace {

// Every setting there is, as people write it.
constexpr const char* every_setting[] = {
    "balance=consistent_hash:cookie=sid",
    "connect_timeout=250ms",
    "response_timeout=5s",
    "idle_timeout=1m",
    "request_timeout=10s",
    "attempts=2",
    "retry_methods=GET,HEAD,POST",
    "retry_on=502,503,504",
    "retry_backoff=10ms",
    "hedge_after=50ms",
    "protocol=http2",
    "sticky=seat; Max-Age=3600; SameSite=Strict",
    "slow_start=0s",
    "eject_after=7",
    "retry_budget=10",
    "in_flight=1000",
    "worker_in_flight=32",
    "queue=64",
    "queue_timeout=2s",
    "eject_success_rate=1.9",
    "check_path=/ready?deep=1",
    "check_interval=5s",
    "check_timeout=500ms",
    "check_healthy=2",
    "check_unhealthy=4",
    "check_status=200-399,404",
    "check_workers=true",
};

ServiceSettings all_settings() {
  ServiceSettings settings;
  for (const auto* text : every_setting) {
    INFO(text);
    REQUIRE(parse_setting(text, "--service", settings));
  }
  return settings;
}

}  // namespace

TEST_CASE("every setting survives the way through a document") {
  const auto settings = all_settings();
  const auto read = parse_service_settings(to_json(settings));
  REQUIRE(read);
  CHECK(*read == settings);
  CHECK(read->rules.retry_methods->to_string() == "GET,HEAD,POST");
  CHECK(read->rules.retry_on->contains(503));
  CHECK_FALSE(read->rules.retry_on->contains(500));
  CHECK_FALSE(read->rules.retry_on->contains(200));
  CHECK(read->check_status->to_string() == "200-399,404");
  CHECK(read->eject_success_rate == 1'900);
  CHECK(to_string(*read->rules.balance) == "consistent_hash:cookie=sid");
}

TEST_CASE("every setting is written as it is read") {
  const auto settings = all_settings();
  const auto texts = to_texts(settings);
  CHECK(texts.size() == std::size(every_setting));
  for (const auto* text : every_setting) {
    INFO(text);
    CHECK(std::count(texts.begin(), texts.end(), text) == 1);
  }
}

TEST_CASE("what is not said stays unsaid") {
  const auto nothing = parse_service_settings("{}");
  REQUIRE(nothing);
  CHECK(*nothing == ServiceSettings());
  CHECK(to_json(*nothing) == "{}");
  const auto null = parse_service_settings(R"({"attempts": null, "balance": null})");
  REQUIRE(null);
  CHECK(*null == ServiceSettings());
}

TEST_CASE("a mistake in a document is named") {
  const auto fault = [](const char* json) {
    INFO(json);
    const auto read = parse_service_settings(json);
    REQUIRE_FALSE(read.ok());
    return read.error().field;
  };
  CHECK(fault(R"({"attempt": 2})") == "attempt");
  CHECK(fault(R"({"attempts": 0})") == "attempts");
  CHECK(fault(R"({"attempts": 11})") == "attempts");
  CHECK(fault(R"({"balance": "fastest"})") == "balance");
  CHECK(fault(R"({"balance": 7})") == "balance");
  CHECK(fault(R"({"retry_methods": ["get"]})") == "retry_methods");
  CHECK(fault(R"({"retry_methods": ["none"]})") == "retry_methods");
  CHECK(fault(R"({"retry_methods": [""]})") == "retry_methods");
  CHECK(fault(R"({"retry_methods": [7]})") == "retry_methods");
  CHECK(fault(R"({"retry_methods": "GET"})") == "retry_methods");
  CHECK(fault(R"({"retry_methods": ["A","B","C","D","E","F","G","H","I","J","K","L","M","N","O",
                                    "P","Q"]})") == "retry_methods");
  CHECK(fault(R"({"retry_on": [200]})") == "retry_on");
  CHECK(fault(R"({"retry_on": ["503"]})") == "retry_on");
  CHECK(fault(R"({"retry_on": 503})") == "retry_on");
  CHECK(fault(R"({"request_timeout_ms": 86400001})") == "request_timeout_ms");
  CHECK(fault(R"({"response_timeout_ms": 0})") == "response_timeout_ms");
  CHECK(fault(R"({"sticky": "a b"})") == "sticky");
  CHECK(fault(R"({"queue": -1})") == "queue");
  CHECK(fault(R"({"check_path": "health"})") == "check_path");
  CHECK(fault(R"({"check_path": "/a b"})") == "check_path");
  CHECK(fault(R"({"check_status": [200]})") == "check_status");
  CHECK(fault(R"({"check_status": "399-200"})") == "check_status");
  CHECK(fault(R"({"check_workers": "true"})") == "check_workers");
  CHECK(fault(R"({"check_healthy": 0})") == "check_healthy");
  CHECK(fault(R"({"eject_success_rate": 1.9})") == "eject_success_rate");
}

TEST_CASE("a mistake on a command line names the flag, the setting and what would be right") {
  ServiceSettings settings;
  for (const auto& [text, why] : {
           std::pair("attempts", "--service must be KEY=VALUE"),
           std::pair("attempts=", "attempts must be a whole number from 1 to 10"),
           std::pair("attempts=2x", "attempts must be a whole number from 1 to 10"),
           std::pair("request_timeout=5", "request_timeout must be 0"),
           std::pair("connect_timeout=2m", "connect_timeout must be 1ms to 1m"),
           std::pair("retry_methods=get", "retry_methods must be none, or up to 16 methods"),
           std::pair("retry_methods=GET,", "retry_methods must be none, or up to 16 methods"),
           std::pair("retry_on=503,", "retry_on must be statuses from 400 to 599"),
           std::pair("retry_on=503;504", "retry_on must be statuses from 400 to 599"),
           std::pair("retry_on=302", "retry_on must be statuses from 400 to 599"),
           std::pair("sticky=a b", "sticky must be a name"),
           std::pair("check_path=", "check_path must be a path that begins with /"),
           std::pair("check_path=/a\r\nb", "check_path must be a path"),
           std::pair("check_status=", "check_status must be statuses from 100 to 599"),
           std::pair("check_status=200,", "check_status must be statuses from 100 to 599"),
           std::pair("check_status=200-600", "check_status must be statuses from 100 to 599"),
           std::pair("check_interval=9ms", "check_interval must be 10ms to 1h"),
           std::pair("check_workers=yes", "check_workers must be true or false"),
           std::pair("protocol=h2", "protocol must be http1 or http2"),
           std::pair("eject_success_rate=", "eject_success_rate must be off, or a number"),
           std::pair("eject_success_rate=0", "eject_success_rate must be off, or a number"),
           std::pair("eject_success_rate=1.", "eject_success_rate must be off, or a number"),
           std::pair("eject_success_rate=10.001", "eject_success_rate must be off, or a number"),
           std::pair("eject_success_rate=99999999999", "eject_success_rate must be off, or"),
           std::pair("balance=best", "balance must be"),
           std::pair("hedge_after=0ms", "hedge_after must be off, p95, or 1ms to 1m"),
           std::pair("speed=9", "there is no setting \"speed\"; there are balance"),
       }) {
    INFO(text);
    const auto parsed = parse_setting(text, "--service", settings);
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().message.find("--service") == 0);
    CHECK(parsed.error().message.find(why) != std::string::npos);
  }
  CHECK(settings == ServiceSettings());
}

TEST_CASE("a setting is given for a service by its name") {
  const auto named = parse_service_flag("shop:balance=consistent_hash:path", "--service");
  REQUIRE(named);
  CHECK(named->service == "shop");
  CHECK(named->setting == "balance=consistent_hash:path");
  CHECK_FALSE(parse_service_flag("attempts=2", "--service").ok());
  CHECK_FALSE(parse_service_flag(":attempts=2", "--service").ok());
}

TEST_CASE("no method is retried when none is given, in a document and on a command line") {
  for (const auto* text : {"retry_methods=none", "retry_methods="}) {
    ServiceSettings settings;
    REQUIRE(parse_setting(text, "--service", settings));
    CHECK(to_json(settings) == R"({"retry_methods":[]})");
    CHECK(to_texts(settings) == std::vector<std::string>{"retry_methods=none"});
    CHECK(*parse_service_settings(to_json(settings)) == settings);
  }
}

TEST_CASE("no status is retried when none is given") {
  ServiceSettings settings;
  REQUIRE(parse_setting("retry_on=", "--service", settings));
  CHECK(settings.rules.retry_on->empty());
}

TEST_CASE("statuses and numbers of deviations are written as they are read") {
  for (const auto* text : {"200", "100-599", "200-204,301,404-405"}) {
    CHECK(ExpectedStatuses::parse(text)->to_string() == text);
  }
  CHECK(ExpectedStatuses::parse("204,200-203,202")->to_string() == "200-204");
  CHECK_FALSE(ExpectedStatuses::parse("200")->contains(201));
  for (const auto* text : {"off", "0.5", "2", "1.95", "10"}) {
    ServiceSettings settings;
    REQUIRE(parse_setting(fmt::format("eject_success_rate={}", text), "--service", settings));
    CHECK(to_json(settings) == fmt::format(R"({{"eject_success_rate":"{}"}})", text));
  }
}

TEST_CASE("a worker is told its client's address as HAProxy's PROXY protocol has it, version 2") {
  const std::string begins("\r\n\r\n\0\r\nQUIT\n", 12);
  CHECK(proxy_header_of("192.0.2.7") ==
        begins + std::string("\x21\x11\0\x0c\xc0\0\x02\x07\0\0\0\0\0\0\0\0", 16));
  CHECK(proxy_header_of("2001:db8::7") ==
        begins + std::string("\x21\x21\0\x24\x20\x01\x0d\xb8", 8) + std::string(11, '\0') + "\x07" +
            std::string(20, '\0'));
  for (const auto* text : {"", "unknown", "192.0.2.7:80", "[::1]", "1.2.3", "fe80::1%eth0"}) {
    INFO(text);
    CHECK(proxy_header_of(text) == begins + std::string("\x21\0\0\0", 4));
  }
  CHECK(proxy_header_of_ours() == begins + std::string("\x20\0\0\0", 4));
}

}  // namespace tandem::wire::service_settings_test
