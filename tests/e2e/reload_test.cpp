// What is changed in the configuration while masters serve: SIGHUP and POST /v1/reload.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tests/e2e/certificate_pair.hpp"
#include "tests/e2e/harness/cluster.hpp"
#include "tests/e2e/harness/load.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"
#include "tests/e2e/harness/tokens.hpp"
#include "tests/e2e/private_authority.hpp"

namespace tandem::e2e::reload_test {

using Catch::Contains;
using nlohmann::json;

namespace {

// A master with a file.
struct Scene {
  explicit Scene(const std::string& text, Arguments more = {}) {
    write(text);
    Arguments arguments{"--config", file};
    arguments.insert(arguments.end(), more.begin(), more.end());
    cluster.emplace(arguments);
  }
  void write(const std::string& text) {
    // As editors and deployments do it: a reader finds one of both.
    std::filesystem::rename(dir.write("next.toml", text), file);
  }
  Answer reload() { return post(cluster->control(), "/v1/reload"); }
  // After this text was written.
  json reload_with(const std::string& text) {
    write(text);
    const auto answer = reload();
    INFO(answer.body);
    REQUIRE(answer.status == 200);
    return json::parse(answer.body);
  }
  json in_force(const std::string& key) const {
    const auto shown = json::parse(get(cluster->control(), "/v1/config").body);
    for (const auto& each : shown["keys"]) {
      if (each["key"] == key) return each;
    }
    return {};
  }
  std::string text_of(const std::string& key) const { return in_force(key)["value"].dump(); }

  TempDir dir;
  std::string file = dir.path("m.toml");
  std::optional<Cluster> cluster;
};

std::vector<std::string> keys(const json& changes) {
  std::vector<std::string> all;
  for (const auto& change : changes) all.push_back(change["key"]);
  return all;
}

using Keys = std::vector<std::string>;

}  // namespace

TEST_CASE("a reload applies what it can, names what needs a restart, and says so in the log") {
  Scene scene("idle-timeout = \"30s\"\nmax-body = \"10\"\nthreads = 1\n");
  scene.cluster->start_workers({"w1"});
  CHECK(post(scene.cluster->listen(), "/", "longer than that").status == 413);
  const auto told = scene.reload_with("idle-timeout = \"31s\"\nthreads = 2\nvip = []\n");
  CHECK(keys(told["applied"]) == Keys{"idle-timeout", "max-body"});
  REQUIRE(keys(told["refused"]) == Keys{"threads"});
  CHECK(told["refused"][0]["why"] == "needs a restart");
  CHECK(told["applied"][0]["before"] == "\"30s\"");
  CHECK(told["applied"][0]["after"] == "\"31s\"");
  // A key that is gone from the file has its default again.
  CHECK(post(scene.cluster->listen(), "/", "longer than that").status != 413);
  CHECK(scene.in_force("max-body")["source"] == "default");
  CHECK(scene.text_of("threads") == "1");
  CHECK(scene.in_force("idle-timeout")["line"] == 1);
  CHECK(eventually([&] {
    return is_in("reloaded by=anybody applied=\"idle-timeout, max-body\" refused=\"threads\"",
                 scene.cluster->master().errors());
  }));
  const auto events = get(scene.cluster->control(), "/events").body;
  CHECK_THAT(events, Contains("\"what\":\"reloaded\"") && Contains("threads: needs a restart") &&
                         Contains("\"name\":\"anybody\""));
  // What is refused is said again, for as long as the file says it.
  CHECK(keys(scene.reload_with("idle-timeout = \"31s\"\nthreads = 2\n")["refused"]) ==
        Keys{"threads"});
}

TEST_CASE("a comparison says what a reload would do, and does nothing") {
  Scene scene("idle-timeout = \"30s\"\n");
  scene.write("idle-timeout = \"31s\"\nfeature-level = 4\n");
  const auto answer = get(scene.cluster->control(), "/v1/config/diff");
  REQUIRE(answer.status == 200);
  const auto told = json::parse(answer.body);
  CHECK(keys(told["reloadable"]) == Keys{"idle-timeout"});
  CHECK(keys(told["restart"]) == Keys{"feature-level"});
  CHECK(scene.text_of("idle-timeout") == "\"30s\"");
  CHECK(!is_in("reloaded", scene.cluster->master().errors()));
}

TEST_CASE("a file that is wrong changes nothing, whatever is wrong with it") {
  const std::string right = "idle-timeout = \"30s\"\n";
  Scene scene(right);
  scene.cluster->start_workers({"w1"});
  const auto refused = [&](const std::string& why) {
    INFO(why);
    const auto answer = scene.reload();
    CHECK(answer.status == 409);
    CHECK_THAT(answer.body, Contains(why));
    CHECK(scene.text_of("idle-timeout") == "\"30s\"");
    CHECK(get(scene.cluster->listen(), "/").status == 200);
  };
  scene.write("idle-timeout = \"31s\"\nidel-timeout = \"3s\"\n");
  refused("m.toml:2: unknown key \\\"idel-timeout\\\"; did you mean \\\"idle-timeout\\\"?");
  scene.write("idle-timeout = \"31s\"\nheader-timeout = \"fast\"\n");
  refused("m.toml:2: --header-timeout");
  scene.write("idle-timeout = ");
  refused("m.toml:1: ");
  scene.write("idle-timeout = \"31s\"\nhsts = \"max-age=5\"\n");
  refused("--hsts needs");
  scene.write("idle-timeout = \"31s\"\nbackend = [\"" + scene.cluster->control() + "\"]\n");
  refused("--backend: ");
  scene.write("idle-timeout = \"31s\"\nroute = [\"/a=x\", \"/a=y\"]\n");
  refused("is given twice");
  scene.write("idle-timeout = \"31s\"\naccess-log = \"/absent/access.log\"\n");
  refused("--access-log: /absent/access.log cannot be written");
  scene.write("idle-timeout = \"31s\" # " + std::string(2'000'000, 'x'));
  refused("is longer than");
  std::filesystem::remove(scene.file);
  refused("cannot be read");
  std::filesystem::create_directory(scene.file);
  refused("is not a regular file");
  std::filesystem::remove(scene.file);
  REQUIRE(::mkfifo(scene.file.c_str(), 0600) == 0);
  refused("is not a regular file");
  std::filesystem::remove(scene.file);
  if (::geteuid() != 0) {
    scene.write("idle-timeout = \"31s\"\n");
    std::filesystem::permissions(scene.file, std::filesystem::perms::none);
    refused("cannot be read");
  }
  scene.cluster->master().signal(SIGHUP);
  CHECK(eventually([&] {
    return is_in("the configuration stays as it was by=SIGHUP", scene.cluster->master().errors());
  }));
  scene.reload_with("idle-timeout = \"31s\"\n");
  CHECK(scene.text_of("idle-timeout") == "\"31s\"");
}

TEST_CASE("backends, routes and settings of services come and go with the file") {
  Scene scene("");
  scene.cluster->start_worker("s1", {"--listen", "127.0.0.1:0", "--service", "shop"});
  REQUIRE(scene.cluster->await_state("s1", "up"));
  const auto& listen = scene.cluster->listen();
  CHECK(get(listen, "/").status == 503);
  const auto address = scene.cluster->workers().at("s1").address;
  scene.reload_with("route = [\"/=shop\"]\n[service.shop]\nattempts = 1\nworker_in_flight = 7\n");
  CHECK(eventually([&] { return get(listen, "/").status == 200; }));
  CHECK(scene.text_of("service.shop.attempts") == "\"1\"");
  CHECK(keys(scene.reload_with("[service.shop]\nattempts = 1\n")["applied"]) ==
        Keys{"route", "service.shop.worker_in_flight"});
  CHECK(eventually([&] { return get(listen, "/").status == 503; }));
  // A backend at the address of a worker that heartbeats is refused, and nothing else is changed.
  scene.write("route = [\"/=shop\"]\nbackend = [\"" + address + "\"]\n");
  CHECK(scene.reload().status == 409);
  CHECK(get(listen, "/").status == 503);
  Cluster other;
  other.start_workers({"o1"});
  scene.reload_with("backend = [\"" + other.listen() + "\"]\n");
  CHECK(eventually([&] { return get(listen, "/").status == 200; }));
  scene.reload_with("");
  CHECK(eventually([&] { return get(listen, "/").status == 503; }));
  CHECK(scene.cluster->workers().size() == 1);
}

TEST_CASE("limits of clients, the access log and the level of the log change with the file") {
  Scene scene("");
  scene.cluster->start_workers({"w1"});
  const auto& listen = scene.cluster->listen();
  const auto log = scene.dir.path("access.log");
  scene.reload_with("rate-limit = \"1:2\"\naccess-log = \"" + log + "\"\nlog-level = \"debug\"\n");
  CHECK(get(listen, "/1").status == 200);
  CHECK(get(listen, "/2").status == 200);
  CHECK(get(listen, "/3").status == 429);
  CHECK(eventually([&] { return is_in("/3", read_file(log)); }));
  CHECK(get(scene.cluster->control(), "/v1/log/level").body == R"({"level":"debug"})");
  scene.reload_with("access-log = \"" + log + "\"\naccess-log-format = \"combined\"\n");
  for (int i = 0; i < 5; ++i) CHECK(get(listen, "/4").status == 200);
  CHECK(eventually([&] { return is_in("\"GET /4 HTTP/1.1\" 200", read_file(log)); }));
  scene.reload_with("client-connections = 1\n");
  Client first(listen);
  CHECK(first.get("/").status == 200);
  CHECK(get(listen, "/").status == 0);
  scene.reload_with("");
  CHECK(get(listen, "/").status == 200);
  CHECK(first.get("/5").status == 200);
  CHECK(!is_in("/5", read_file(log)));
}

TEST_CASE("traces go to another collector, and to none, after a reload under load") {
  Scene scene("");
  scene.cluster->start_workers({"w1"});
  // Whatever answers 200 is a collector.
  Cluster first, second;
  first.start_workers({"c1"});
  second.start_workers({"c2"});
  const auto to = [](Cluster& collector) {
    return "otlp = \"" + collector.listen() + "\"\ntrace-start = \"100\"\n";
  };
  Load load(scene.cluster->listen(), 2);
  const auto told = scene.reload_with(to(first));
  CHECK(keys(told["applied"]) == Keys{"otlp", "trace-start"});
  CHECK(eventually([&] { return first.requests_of("c1") > 0; }));
  scene.reload_with(to(second));
  CHECK(eventually([&] { return second.requests_of("c2") > 0; }));
  const auto at_first = first.requests_of("c1");
  const auto exported = [&] {
    const std::string name = "tandem_spans_total{result=\"exported\"} ";
    const auto text = get(scene.cluster->control(), "/metrics").body;
    return std::stod(text.substr(text.find(name) + name.size()));
  };
  REQUIRE(eventually([&] { return exported() > 0; }));
  const auto before = exported();
  scene.reload_with("");
  CHECK(first.requests_of("c1") == at_first);
  const auto at_second = second.requests_of("c2");
  CHECK(exported() >= before);  // what was counted stays counted
  REQUIRE(load.await_more(50));
  CHECK(second.requests_of("c2") == at_second);
  load.stop();
  INFO(load.first_failure());
  CHECK(load.failed() == 0);
}

TEST_CASE("a certificate is added by a reload, and a wrong one changes nothing") {
  const TempDir dir;
  const CertificatePair site(dir, "site");
  const CertificatePair other(dir, "other");
  const auto file = [&](const std::string& certificates) {
    return "listen-tls = \"127.0.0.1:0\"\ntls = [" + certificates + "]\n";
  };
  Scene scene(file("\"" + site.flag() + "\""));
  const auto told = scene.reload_with(file("\"" + site.flag() + "\", \"" + other.flag() + "\""));
  CHECK(keys(told["applied"]) == Keys{"tls"});
  const auto shown = [&] { return get(scene.cluster->control(), "/v1/certificates").body; };
  CHECK_THAT(shown(), Contains("other.pem"));
  scene.write(file("\"/absent.pem,/absent.key\"") + "max-body = \"5\"\n");
  CHECK_THAT(scene.reload().body, Contains("/absent.pem"));
  CHECK_THAT(shown(), Contains("other.pem"));
  CHECK(scene.text_of("max-body") == "\"0\"");
  // Where nobody speaks TLS a certificate is of no use.
  scene.write("tls = [\"" + site.flag() + "\"]\n");
  CHECK_THAT(scene.reload().body, Contains("--listen-tls"));
}

TEST_CASE("a reload names the keys in whose files there is something else, where no key changed") {
  const TempDir dir;
  const CertificatePair site(dir, "site");
  const auto text = "listen-tls = \"127.0.0.1:0\"\ntls = [\"" + site.flag() + "\"]\n";
  Scene scene(text);
  CHECK(scene.reload_with(text)["renewed"].empty());
  CHECK_THAT(get(scene.cluster->control(), "/events").body, Contains("no key has changed"));
  site.make("other.example", 90);
  const auto told = run({program("tandem"), "--control", scene.cluster->control(), "reload"});
  CHECK(told.status == 0);
  CHECK_THAT(told.output, Contains("tls") && Contains("its file has other content"));
  CHECK_THAT(get(scene.cluster->control(), "/events").body, Contains("other content of tls"));
  CHECK_THAT(get(scene.cluster->control(), "/v1/certificates").body, Contains("other.example"));
  CHECK(scene.reload_with(text)["renewed"].empty());
}

TEST_CASE("a certificate that has expired keeps no master from a reload or a start, and is told") {
  const TempDir dir;
  const PrivateAuthority authority(dir, "authority");
  const auto good = authority.issue("good", "DNS:localhost");
  const auto old = authority.issue("old", "DNS:old.example", -1);
  const auto file = [&](const std::string& more) {
    return fmt::format("listen-tls = \"127.0.0.1:0\"\ntls = [\"{}\", \"{}\"]\n{}", good.flag(),
                       old.flag(), more);
  };
  Scene scene(file(""));
  scene.cluster->start_workers({"w1"});
  CHECK(is_in("certificate has expired, and is used all the same file=" + old.certificate,
              scene.cluster->master().errors()));
  CHECK(keys(scene.reload_with(file("max-body = \"5\"\n"))["applied"]) == Keys{"max-body"});
  CHECK(post(scene.cluster->control(), "/v1/certificates/reload").status == 200);
  const auto status = [&](const Arguments& words) {
    Arguments command{program("tandem"), "--control", scene.cluster->control(), "status"};
    command.insert(command.end(), words.begin(), words.end());
    return run(command).output;
  };
  CHECK(status({"--check"}) ==
        fmt::format("DEGRADED certificate {} expired 1 day ago\n", old.certificate));
  CHECK(is_in("expired 1 day ago: RENEW IT NOW", status({})));
}

TEST_CASE("what OpenSSL would refuse is refused before anything changes, and stays in the status") {
  const TempDir dir;
  const CertificatePair site(dir, "site");
  const std::string weak = dir.path("weak.pem") + "," + dir.path("weak.key");
  REQUIRE(run({"openssl", "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=x",
               "-keyout", dir.path("weak.key"), "-out", dir.path("weak.pem"), "-addext",
               "subjectAltName=DNS:x.example"})
              .status == 0);
  const auto file = [&](const std::string& certificate, const std::string& max_body) {
    return fmt::format("listen-tls = \"127.0.0.1:0\"\ntls = [\"{}\"]\nmax-body = \"{}\"\n",
                       certificate, max_body);
  };
  Scene scene(file(site.flag(), "10"));
  scene.cluster->start_workers({"w1"});
  scene.write(file(weak, "20"));
  const auto answer = scene.reload();
  CHECK(answer.status == 409);
  CHECK_THAT(answer.body, Contains("weak.pem") && Contains("key too small"));
  CHECK(scene.text_of("max-body") == "\"10\"");
  const auto checked = run({program("tandem-master"), "--check-config", scene.file});
  CHECK(checked.status == 2);
  CHECK_THAT(checked.errors, Contains("key too small"));
  const auto check = [&] {
    return run({program("tandem"), "--control", scene.cluster->control(), "status", "--check"})
        .output;
  };
  CHECK_THAT(check(), Contains("DEGRADED the last reload was refused: --tls: ") &&
                          Contains("key too small"));
  scene.reload_with(file(site.flag(), "20"));
  CHECK_THAT(check(), Contains("OK "));
}

TEST_CASE("a hundred reloads under load, some of them at once, fail no request") {
  const auto log = [](const TempDir& dir, int round) {
    return round % 3 == 0 ? std::string()
                          : fmt::format("access-log = \"{}\"\n", dir.path("access.log"));
  };
  const auto text = [&](const TempDir& dir, int round) {
    return fmt::format(
        "idle-timeout = \"{}s\"\nbalance = \"{}\"\nrate-limit = \"{}:100000\"\n"
        "client-connections = {}\nhsts = \"max-age={}\"\ntrusted-proxy = [\"10.0.0.0/8\"]\n"
        "http2 = \"{}\"\nroute = [\"/r{}=default\"]\n{}[service.default]\nattempts = {}\n",
        20 + round, round % 2 == 0 ? "p2c" : "round_robin", 100000 + round % 5, 100 + round, round,
        round % 2 == 0 ? "on" : "off", round, log(dir, round), 2 + round % 3);
  };
  Scene scene("");
  scene.cluster->start_workers({"w1", "w2"});
  Load load(scene.cluster->listen(), 4);
  for (int round = 1; round <= 100; ++round) {
    scene.reload_with(text(scene.dir, round));
    // Whether this reload applied it, or one by a signal that read the same file just before.
    CHECK(scene.text_of("idle-timeout") == fmt::format("\"{}s\"", 20 + round));
    if (round % 10 != 0) continue;
    scene.cluster->master().signal(SIGHUP);
    scene.cluster->master().signal(SIGHUP);
    REQUIRE(load.await_more(20));
  }
  load.stop();
  INFO(load.first_failure());
  CHECK(load.failed() == 0);
  CHECK(load.answered() > 0);
  CHECK(scene.text_of("idle-timeout") == "\"120s\"");
}

TEST_CASE("masters that are reloaded during a switchover fail no request") {
  const TempDir dir;
  const auto file = dir.write("m.toml", "idle-timeout = \"30s\"\n");
  PairClusterOptions options;
  options.arguments = {"--config", file};
  PairCluster cluster(std::move(options));
  cluster.start_workers({"w1", "w2", "w3"});
  Load load(cluster.listen("a"), 2);
  for (int round = 0; round < 5; ++round) {
    REQUIRE(load.await_more(10));
    std::filesystem::rename(
        dir.write("next.toml", fmt::format("idle-timeout = \"{}s\"\n", 31 + round)), file);
    for (const auto& name : cluster.names()) cluster.master(name).signal(SIGHUP);
    const auto before = cluster.await_primary();
    REQUIRE(post(cluster.control(before), "/v1/switchover").status == 200);
    for (const auto& name : cluster.names()) {
      CHECK(post(cluster.control(name), "/v1/reload").status == 200);
    }
    CHECK(cluster.await_whole() == "");
  }
  load.stop();
  INFO(load.first_failure());
  CHECK(load.failed() == 0);
}

TEST_CASE("who looks sees paths and no secret, who changes reloads, and the event names who did") {
  const TempDir dir;
  Tokens tokens(dir);
  tokens.add("ops", {"--name", "ops", "--role", "operator"});
  tokens.add("v", {"--name", "v", "--role", "viewer"});
  tokens.write();
  Scene scene("idle-timeout = \"30s\"\ntokens-file = \"" + tokens.file() + "\"\n");
  Client client(scene.cluster->control());
  const auto ask = [&](const std::string& key, const std::string& method, const std::string& path) {
    return client.send(method, path, "", tokens.headers(key));
  };
  const auto shown = ask("v", "GET", "/v1/config");
  REQUIRE(shown.status == 200);
  CHECK_THAT(shown.body, Contains(tokens.file()));
  CHECK_THAT(shown.body, !Contains("tdm_") && !Contains(tokens.text("ops")));
  CHECK(get(scene.cluster->control(), "/v1/config").status == 401);
  CHECK(ask("v", "POST", "/v1/reload").status == 403);
  CHECK(ask("v", "PUT", "/v1/log/level").status == 403);
  scene.write("idle-timeout = \"31s\"\ntokens-file = \"" + tokens.file() + "\"\n");
  CHECK(ask("ops", "POST", "/v1/reload").status == 200);
  CHECK_THAT(ask("v", "GET", "/events").body,
             Contains("the configuration was read again: idle-timeout") &&
                 Contains("\"name\":\"ops\",\"role\":\"operator\""));
  // Tokens are read with the rest: those of a file that is wrong stay as they were.
  tokens.remove("v");
  tokens.write("[[token]]\n");
  scene.write("idle-timeout = \"32s\"\ntokens-file = \"" + tokens.file() + "\"\n");
  CHECK(ask("ops", "POST", "/v1/reload").status == 409);
  CHECK(ask("v", "GET", "/status").status == 200);
  CHECK_THAT(ask("v", "GET", "/v1/config").body, Contains("\"31s\""));
  tokens.write();
  CHECK(ask("ops", "POST", "/v1/reload").status == 200);
  CHECK(ask("v", "GET", "/status").status == 401);
}

}  // namespace tandem::e2e::reload_test
