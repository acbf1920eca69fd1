// TLS for clients, as an operator sets it up, with the clients that others have written.
#include <csignal>
#include <optional>
#include <sstream>

#include <catch2/catch.hpp>

#include "tests/e2e/certificate_pair.hpp"
#include "tests/e2e/harness/cluster.hpp"

namespace tandem::e2e::tls_test {

using Catch::Contains;

namespace {

struct Scene {
  explicit Scene(Arguments more = {}) {
    Arguments arguments{"--listen-tls", "127.0.0.1:0", "--tls", pair.flag()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    cluster.emplace(arguments);
    cluster->start_workers({"w1"});
    const auto ready = cluster->master().await_line("tandem-master ready");
    const auto address = field_of(ready, "listen-tls");
    port = address.substr(address.rfind(':') + 1);
  }
  std::string url(const std::string& path) const { return "https://localhost:" + port + path; }
  // Verifies what it is shown. What follows are options of curl.
  Finished curl(Arguments options) const {
    options.insert(options.begin(),
                   {"curl", "-sS", "--max-time", "20", "--ipv4", "--cacert", pair.certificate()});
    return run(options);
  }

  TempDir dir;
  CertificatePair pair{dir, "site"};
  std::optional<Cluster> cluster;
  std::string port;
};

// Every line of a private key's PEM, but for the first and last.
std::vector<std::string> secrets_of(const std::string& file) {
  std::vector<std::string> lines;
  std::istringstream text(read_file(file));
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with("-----")) lines.push_back(line);
  }
  return lines;
}

}  // namespace

TEST_CASE("curl is served over TLS, in both versions of HTTP and of TLS") {
  Scene scene;
  for (const auto& [option, version] : {std::pair("--http1.1", "1.1"), std::pair("--http2", "2")}) {
    for (const auto* tls : {"1.2", "1.3"}) {
      const auto done = scene.curl({option, "--tlsv1.2", "--tls-max", tls, "-o", "/dev/null", "-w",
                                    "%{http_version} %{http_code}", scene.url("/bytes/100000")});
      INFO(done.errors);
      CHECK(done.output == std::string(version) + " 200");
    }
  }
  const auto old = scene.curl({"--tls-max", "1.1", scene.url("/")});
  CHECK(old.status == 35);
}

TEST_CASE("a body comes back from a worker as curl has sent it") {
  Scene scene;
  const auto body = scene.dir.write("body", std::string(3'000'000, 'b'));
  for (const auto* option : {"--http1.1", "--http2"}) {
    const auto echoed = scene.dir.path("echoed");
    const auto done = scene.curl({option, "-H", "Content-Type: application/octet-stream",
                                  "--data-binary", "@" + body, "-o", echoed, "-w",
                                  "%{http_code} %{size_upload}", scene.url("/echo")});
    INFO(done.errors);
    CHECK(done.output == "200 3000000");
  }
}

TEST_CASE("h2load and nghttp are served over TLS") {
  if (!installed("h2load")) {
    WARN("skipped: nghttp2 is not installed");
    return;
  }
  Scene scene;
  const auto load = run({"h2load", "-n", "500", "-c", "5", "-m", "10", scene.url("/bytes/100")});
  CHECK_THAT(load.output, Contains("500 succeeded, 0 failed"));
  CHECK_THAT(load.output, Contains("h2"));
  const auto shown = run({"nghttp", "-nv", scene.url("/bytes/100")});
  CHECK_THAT(shown.output, Contains("The negotiated protocol: h2") && Contains(":status: 200"));
}

TEST_CASE("a certificate that was renewed is shown after SIGHUP, and a broken one never") {
  Scene scene;
  const auto& control = scene.cluster->control();
  const auto before = read_file(scene.pair.certificate());
  const auto shown = [&](const std::string& authority) {
    return run({"curl", "-sS", "--max-time", "20", "--ipv4", "--cacert", authority, "-o",
                "/dev/null", "-w", "%{http_code}", scene.url("/bytes/1")})
               .output == "200";
  };
  const auto old = scene.dir.write("old.pem", before);
  scene.dir.write("site.pem", "");
  const auto refused = post(control, "/v1/certificates/reload");
  CHECK(refused.status == 409);
  CHECK_THAT(refused.body, Contains("site.pem is empty"));
  scene.cluster->master().signal(SIGHUP);
  CHECK(eventually([&] {
    const auto log = scene.cluster->master().errors();
    const auto first = log.find("certificates stay as they are");
    return first != std::string::npos &&
           log.find("certificates stay as they are", first + 1) != std::string::npos;
  }));
  CHECK(shown(old));
  scene.pair.make("localhost", 3);
  scene.cluster->master().signal(SIGHUP);
  CHECK(eventually([&] { return shown(scene.pair.certificate()); }));
  CHECK_FALSE(shown(old));
  const auto listed = get(control, "/v1/certificates");
  CHECK_THAT(listed.body, Contains("\"days_left\":2") && Contains("localhost"));
  const auto status = run({program("tandem"), "--control", control, "status"});
  CHECK_THAT(status.output, Contains("2 days left: RENEW IT NOW"));
  CHECK(run({program("tandem"), "--control", control, "status", "--check"}).status == 3);
  scene.pair.make("localhost", 365);
  CHECK(post(control, "/v1/certificates/reload").status == 200);
  CHECK(run({program("tandem"), "--control", control, "status", "--check"}).status == 0);
}

TEST_CASE("who asked for a change is told with what became of it, and a refused reload counts") {
  Scene scene;
  const auto& control = scene.cluster->control();
  const auto events = [&] { return get(control, "/events").body; };
  const auto check = [&] {
    return run({program("tandem"), "--control", control, "status", "--check"}).output;
  };
  CHECK(post(control, "/v1/certificates/reload").status == 200);
  CHECK_THAT(events(), Contains("asked for POST /v1/certificates/reload: done") &&
                           Contains("the certificates were read again"));
  const auto good = read_file(scene.pair.certificate());
  scene.dir.write("site.pem", "");
  CHECK(post(control, "/v1/certificates/reload").status == 409);
  CHECK_THAT(events(), Contains("asked for POST /v1/certificates/reload: refused, --tls: ") &&
                           Contains("the certificates stay as they were"));
  CHECK_THAT(check(), Contains("DEGRADED the last reload was refused: --tls: "));
  // What a reload would refuse, a comparison does, too.
  const auto compared = run({program("tandem"), "--control", control, "config", "diff"});
  CHECK(compared.status != 0);
  CHECK_THAT(compared.output + compared.errors, Contains("site.pem is empty"));
  CHECK(get(control, "/v1/config/diff").status == 409);
  // A reload of all is refused for the same; what it was refused for then, certificates do not
  // mend.
  CHECK(post(control, "/v1/reload").status == 409);
  scene.dir.write("site.pem", good);
  CHECK(post(control, "/v1/certificates/reload").status == 200);
  CHECK_THAT(check(), Contains("the last reload was refused"));
  CHECK(post(control, "/v1/reload").status == 200);
  CHECK_THAT(check(), !Contains("refused"));
  CHECK(get(control, "/v1/config/diff").status == 200);
  const auto wrong = post(control, "/v1/workers/nobody/drain");
  CHECK(wrong.status == 404);
  CHECK_THAT(events(), Contains("asked for POST /v1/workers/nobody/drain: refused, "));
}

TEST_CASE("a private key is in no log, and in no answer") {
  Scene scene({"--log-level", "debug"});
  run({"curl", "-sk", "--max-time", "20", "http://127.0.0.1:" + scene.port + "/"});
  run({"curl", "-sk", "--max-time", "20", "--tls-max", "1.1", scene.url("/")});
  const auto& control = scene.cluster->control();
  scene.dir.write("site.pem", read_file(scene.pair.key()));  // given for the other one
  std::string said = post(control, "/v1/certificates/reload").body;
  for (const auto* path : {"/status", "/v1/certificates", "/v1/workers", "/v1/snapshot"}) {
    said += get(control, path).body;
  }
  said += scene.cluster->master().errors() + scene.cluster->master().output();
  CHECK_THAT(said, Contains("holds no certificate"));
  const auto secrets = secrets_of(scene.pair.key());
  REQUIRE(secrets.size() >= 2);
  for (const auto& secret : secrets) CHECK(said.find(secret) == std::string::npos);
}

TEST_CASE("a master does not start with certificates that it cannot show") {
  const TempDir dir;
  const CertificatePair pair(dir, "site");
  const CertificatePair other(dir, "other");
  const auto refused = [&](Arguments flags, const std::string& why) {
    flags.insert(flags.begin(), {program("tandem-master"), "--control", "127.0.0.1:0"});
    const auto ended = run(flags);
    CHECK(ended.status == 2);
    CHECK_THAT(ended.errors, Contains(why));
  };
  const std::string listen = "--listen-tls";
  refused({listen, "127.0.0.1:0"}, "--listen-tls needs a --tls");
  refused({"--tls", pair.flag()}, "--tls needs a --listen-tls");
  refused({listen, "127.0.0.1:0", "--tls", pair.certificate()},
          "--tls must be CERTIFICATE.pem,KEY");
  refused({listen, "127.0.0.1:0", "--tls", pair.certificate() + "," + other.key()},
          "is not the key of the certificate");
  refused({listen, "127.0.0.1:0", "--tls", dir.path("none") + "," + pair.key()},
          "cannot be read: No such file");
  refused({listen, "127.0.0.1:0", "--tls", dir.write("empty", "") + "," + pair.key()}, "is empty");
}

}  // namespace tandem::e2e::tls_test
