// What a master is told of its services, by flags and by its configuration file.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <fstream>

#include "captured_stderr.hpp"
#include "master/flags.hpp"
#include "master/reload_table.hpp"
#include "temporary_directory.hpp"

namespace tandem::master::flags_test {
namespace {

struct Read {
  std::optional<int> status;
  MasterFlags flags;
  std::string errors;
};

Read read(const std::vector<std::string>& arguments) {
  std::vector<const char*> argv{"tandem-master", "--listen", "127.0.0.1:0"};
  for (const auto& argument : arguments) argv.push_back(argument.c_str());
  Read result;
  CapturedStderr captured;
  result.status = read_flags(static_cast<int>(argv.size()), argv.data(), result.flags);
  result.errors = captured.text();
  return result;
}

Read read_file(const std::string& text, const std::vector<std::string>& arguments = {}) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "master.toml";
  std::ofstream(path) << text;
  std::vector<std::string> all{"--config", path.string()};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return read(all);
}

}  // namespace

TEST_CASE("a table of the file says of a service what --service says") {
  const auto by_file = read_file(R"(
[service.shop]
balance = "consistent_hash:cookie=sid"
request_timeout = "5s"
attempts = 2
retry_methods = ["GET", "POST"]
retry_on = [502, 503]
hedge_after = "p95"
protocol = "http2"
sticky = "seat"
eject_success_rate = 1.9
queue = 64
check_path = "/ready"
check_interval = "5s"
check_timeout = "500ms"
check_healthy = 2
check_unhealthy = 4
check_status = "200-399,404"
check_workers = true

[service.files]
retry_methods = []
retry_on = "503"
check_status = [200, 204]
check_workers = false
)");
  INFO(by_file.errors);
  REQUIRE(by_file.status == std::nullopt);
  std::vector<std::string> arguments;
  for (const auto* setting : {"shop:balance=consistent_hash:cookie=sid",
                              "shop:request_timeout=5s",
                              "shop:attempts=2",
                              "shop:retry_methods=GET,POST",
                              "shop:retry_on=502,503",
                              "shop:hedge_after=p95",
                              "shop:protocol=http2",
                              "shop:sticky=seat",
                              "shop:eject_success_rate=1.9",
                              "shop:queue=64",
                              "shop:check_path=/ready",
                              "shop:check_interval=5s",
                              "shop:check_timeout=500ms",
                              "shop:check_healthy=2",
                              "shop:check_unhealthy=4",
                              "shop:check_status=200-399,404",
                              "shop:check_workers=true",
                              "files:retry_methods=none",
                              "files:retry_on=503",
                              "files:check_status=200,204",
                              "files:check_workers=false"}) {
    arguments.insert(arguments.end(), {"--service", setting});
  }
  const auto by_flags = read(arguments);
  REQUIRE(by_flags.status == std::nullopt);
  CHECK(by_file.flags.services.size() == 2);
  CHECK(by_file.flags.services == by_flags.flags.services);
}

TEST_CASE("settings of services on the command line take the place of the file's tables") {
  const auto both = read_file("[service.shop]\nattempts = 2\n", {"--service", "shop:queue=7"});
  REQUIRE(both.status == std::nullopt);
  CHECK(both.flags.services.at("shop").queue == 7u);
  CHECK_FALSE(both.flags.services.at("shop").rules.attempts);
}

TEST_CASE("a mistake in a service's table is told with its line, its table and its key") {
  for (const auto& [text, sentence] : {
           std::pair("attempts = 11", "attempts must be a whole number from 1 to 10, not \"11\""),
           std::pair("attempts = true", "attempts must be a whole number from 1 to 10"),
           std::pair("request_timeout = \"25h\"", "request_timeout must be 0s to 24h, not \"25h\""),
           std::pair("request_timeout = 5", "request_timeout must be 0s to 24h, not \"5\""),
           std::pair("balance = \"fastest\"", "balance must be round_robin"),
           std::pair("retry_methods = [\"get\"]", "retry_methods must be none, or up to 16"),
           std::pair("retry_on = [200]", "retry_on must be statuses from 400 to 599"),
           std::pair("check_path = \"ready\"", "check_path must be a path that begins with /"),
           std::pair("check_healthy = 0", "check_healthy must be a whole number from 1 to 100"),
           std::pair("check_workers = \"yes\"", "check_workers must be true or false"),
           std::pair("speed = 9", "there is no setting \"speed\"; there are balance"),
       }) {
    const auto wrong = read_file(fmt::format("threads = 1\n\n[service.shop]\n{}\n", text));
    INFO(wrong.errors);
    CHECK(wrong.status == 2);
    CHECK_THAT(wrong.errors,
               Catch::Contains(fmt::format("master.toml:4: service.shop: {}", sentence)));
    CHECK(std::count(wrong.errors.begin(), wrong.errors.end(), '\n') == 1);
  }
  const auto nameless = read_file("[service.\"a b\"]\nqueue = 1\n");
  CHECK(nameless.status == 2);
  CHECK_THAT(nameless.errors, Catch::Contains("master.toml:2: service.a b must be 1 to 64"));
}

TEST_CASE("what one client is to the rate limit may be said in the file, in any order") {
  const auto said = read_file("rate-limit-key = \"cookie=sid\"\nrate-limit = \"10:20\"\n");
  INFO(said.errors);
  REQUIRE(said.status == std::nullopt);
  CHECK(said.flags.forward.rate_limit.per_second == 10);
  CHECK(said.flags.forward.rate_limit.burst == 20);
  CHECK(said.flags.forward.rate_limit.key ==
        wire::RequestKeySpec{.source = wire::KeySource::cookie, .name = "sid"});
  const auto flags = read({"--rate-limit-key", "header=X-Key", "--rate-limit", "5"});
  CHECK(flags.flags.forward.rate_limit.key.name == "X-Key");
  CHECK(flags.flags.forward.rate_limit.per_second == 5);
}

TEST_CASE("a key without a rate limit is a mistake, and so is one that clients choose at will") {
  const auto alone = read({"--rate-limit-key", "header=X-Key"});
  CHECK(alone.status == 2);
  CHECK(alone.errors == "tandem-master: --rate-limit-key requires --rate-limit\n");
  const auto in_file = read_file("rate-limit-key = \"header=X-Key\"\n");
  CHECK(in_file.status == 2);
  CHECK_THAT(in_file.errors,
             Catch::EndsWith("master.toml:1: --rate-limit-key requires --rate-limit\n"));
  const auto path = read({"--rate-limit-key", "path", "--rate-limit", "5"});
  CHECK(path.status == 2);
  CHECK_THAT(path.errors, Catch::Contains("--rate-limit-key must be address, header=NAME"));
}

TEST_CASE("the table of what a reload changes has every key, in the order of --help") {
  MasterFlags flags;
  const char* argv[] = {"tandem-master"};
  const auto reading = parse_flags(1, argv, flags);
  std::vector<std::string> keys;
  for (const auto& key : reading.in_force.keys) keys.push_back(key.key);
  std::vector<std::string> rows;
  for (const auto& row : reload_table()) rows.emplace_back(row.key);
  CHECK(rows == keys);
}

TEST_CASE("what a row of the reload takes over is what its key says") {
  const std::vector<std::string> others{"--client-certificate",
                                        "optional",
                                        "--client-ca",
                                        "ca.pem",
                                        "--redirect-to-https",
                                        "--hsts",
                                        "max-age=5",
                                        "--backend",
                                        "127.0.0.1:9",
                                        "--route",
                                        "/a=x",
                                        "--service",
                                        "x:attempts=2",
                                        "--balance",
                                        "random",
                                        "--sticky",
                                        "seat",
                                        "--slow-start",
                                        "3s",
                                        "--eject-after",
                                        "7",
                                        "--standby-traffic",
                                        "refuse",
                                        "--header-timeout",
                                        "3s",
                                        "--idle-timeout",
                                        "4s",
                                        "--response-timeout",
                                        "5s",
                                        "--connect-timeout",
                                        "6s",
                                        "--max-body",
                                        "7",
                                        "--rate-limit",
                                        "8:9",
                                        "--rate-limit-key",
                                        "cookie=c",
                                        "--trusted-proxy",
                                        "10.0.0.1",
                                        "--proxy-protocol",
                                        "10.0.0.2",
                                        "--underscore-names",
                                        "keep",
                                        "--http2",
                                        "off",
                                        "--allow-trace",
                                        "--worker-network",
                                        "10.0.0.0/8",
                                        "--min-body-rate",
                                        "10",
                                        "--body-timeout",
                                        "11s",
                                        "--client-connections",
                                        "12",
                                        "--health-path",
                                        "/h",
                                        "--forget-after",
                                        "13s",
                                        "--drain-timeout",
                                        "14s",
                                        "--access-log",
                                        "-",
                                        "--log-level",
                                        "error",
                                        "--log-format",
                                        "json",
                                        "--listen-tls",
                                        "127.0.0.1:0",
                                        "--tls",
                                        "a.pem,a.key"};
  const auto wanted = read(others);
  INFO(wanted.errors);
  REQUIRE(!wanted.status);
  MasterFlags into;
  for (const auto& row : reload_table()) {
    if (row.take != nullptr) row.take(into, wanted.flags);
  }
  const auto& a = into.forward;
  const auto& b = wanted.flags.forward;
  const auto& x = a.services.requests.timeouts;
  const auto& y = b.services.requests.timeouts;
  CHECK(into.client_authority.file == "ca.pem");
  CHECK(!into.client_authority.required);
  CHECK(into.certificates.size() == 1);
  CHECK(a.redirects_to_https);
  CHECK(a.hsts == b.hsts);
  CHECK(into.backends == wanted.flags.backends);
  CHECK(into.routes == wanted.flags.routes);
  CHECK(into.services == wanted.flags.services);
  CHECK(a.services.policy == b.services.policy);
  CHECK(a.services.sticky == b.services.sticky);
  CHECK(a.services.slow_start.over == 3s);
  CHECK(a.services.breaker.failures_in_a_row == 7);
  CHECK(a.standby_traffic == StandbyTraffic::refuse);
  CHECK(x.header_read == 3s);
  CHECK(x.client_idle == 4s);
  CHECK(x.body_idle == y.body_idle);
  CHECK(x.body_idle == 4s);
  CHECK(x.response_head == 5s);
  CHECK(x.connect == 6s);
  CHECK(a.body_bytes_max == 7);
  CHECK(a.rate_limit == b.rate_limit);
  CHECK(a.trusted_proxies.size() == 1);
  CHECK(a.proxy_protocol.size() == 1);
  CHECK(a.keeps_underscores);
  CHECK(!a.http2);
  CHECK(a.allows_trace);
  CHECK(into.worker_networks.size() == 1);
  CHECK(x.pace.bytes_per_s == 10);
  CHECK(x.pace.whole == 11s);
  CHECK(a.connections_per_client == 12);
  CHECK(a.health_path == "/h");
  CHECK(into.forget_after == 13s);
  CHECK(into.drain_timeout == 14s);
  CHECK(into.access_log.path == "-");
  CHECK(into.log_level == LogLevel::error);
  CHECK(into.log_format == LogFormat::json);
}

}  // namespace tandem::master::flags_test
