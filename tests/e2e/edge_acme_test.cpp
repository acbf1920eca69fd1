// How a cluster gets its certificates from an authority that asks by http (RFC 8555 §8.3), while
// all other requests are sent to https.
#include <filesystem>

#include <catch2/catch.hpp>

#include "tests/e2e/certificate_pair.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e::edge_acme_test {

using Catch::Contains;

namespace {

struct Scene {
  Scene() {
    std::filesystem::create_directory(webroot);
    PairClusterOptions options;
    options.arguments = {"--listen-tls",        "127.0.0.1:0",    "--tls", pair.flag(),
                         "--redirect-to-https", "--acme-webroot", webroot};
    cluster.emplace(options);
    cluster->start_workers({"w1"});
    for (const auto& name : cluster->names()) {
      const auto ready = cluster->master(name).await_line("tandem-master ready");
      const auto address = field_of(ready, "listen-tls");
      ports[name] = address.substr(address.rfind(':') + 1);
    }
  }
  std::string status_over_tls(const std::string& name, const std::string& authority) const {
    return run({"curl", "-sS", "--max-time", "20", "--ipv4", "--cacert", authority, "-o",
                "/dev/null", "-w", "%{http_code}", "https://localhost:" + ports.at(name) + "/"})
        .output;
  }

  TempDir dir;
  CertificatePair pair{dir, "site"};
  std::string webroot = dir.path("www");
  std::optional<PairCluster> cluster;
  std::map<std::string, std::string> ports;
};

}  // namespace

TEST_CASE("a certificate is renewed by the webroot, through both masters, while they redirect") {
  Scene scene;
  const auto old = scene.dir.write("old.pem", read_file(scene.pair.certificate()));
  auto& cluster = *scene.cluster;
  const auto renewed = run({TANDEM_ACME_SCRIPT, scene.webroot, scene.pair.certificate(),
                            scene.pair.key(), cluster.listen("a"), cluster.listen("b"), "--",
                            cluster.control("a"), cluster.control("b")});
  INFO(renewed.errors);
  REQUIRE(renewed.status == 0);
  for (const auto& name : cluster.names()) {
    CHECK(scene.status_over_tls(name, scene.pair.certificate()) == "200");
    CHECK(scene.status_over_tls(name, old) == "000");
  }
}

TEST_CASE("curl follows each master's redirect to its https, and what it sends arrives once") {
  Scene scene;
  for (const auto& name : scene.cluster->names()) {
    const auto& listen = scene.cluster->listen(name);
    const auto port = listen.substr(listen.rfind(':') + 1);
    const auto echoed =
        run({"curl", "-sSL", "--max-time", "20", "--ipv4", "--cacert", scene.pair.certificate(),
             "-w", " %{http_code} %{num_redirects} %{scheme}", "--data-binary", "body", "-H",
             "Content-Type: text/plain", "http://localhost:" + port + "/echo"});
    INFO(echoed.errors);
    CHECK_THAT(echoed.output, Contains("body 200 1 HTTPS"));
  }
}

TEST_CASE("a master does not start with nowhere to redirect to, or with no webroot") {
  const TempDir dir;
  const auto refused = [&](Arguments flags, const std::string& why) {
    flags.insert(flags.begin(), {program("tandem-master"), "--control", "127.0.0.1:0"});
    const auto ended = run(flags);
    CHECK(ended.status == 2);
    CHECK_THAT(ended.errors, Contains(why));
  };
  refused({"--redirect-to-https"}, "--redirect-to-https needs a --listen-tls");
  refused({"--acme-webroot", dir.path("none")}, "is not a directory");
  refused({"--acme-webroot", dir.write("file", "")}, "is not a directory");
}

}  // namespace tandem::e2e::edge_acme_test
