// Certificates that clients show, and what authorities say of ours, with openssl(1) and curl(1).
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>

#include <catch2/catch.hpp>

#include "tests/e2e/harness/cluster.hpp"
#include "tests/e2e/private_authority.hpp"

namespace tandem::e2e::edge_certificates_test {

using Catch::Contains;

namespace {

struct Scene {
  explicit Scene(const Arguments& more = {}) {
    // With its chain, so that the master knows whose word on it counts.
    std::ofstream(site.certificate, std::ios::app) << read_file(authority.certificate());
    Arguments arguments{"--listen-tls", "127.0.0.1:0", "--tls", site.flag()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    before_start.emplace(arguments);
  }
  void start() {
    cluster.emplace(*before_start);
    cluster->start_workers({"w1"});
    const auto ready = cluster->master().await_line("tandem-master ready");
    const auto address = field_of(ready, "listen-tls");
    port = address.substr(address.rfind(':') + 1);
  }
  std::string status(const Arguments& more, const std::string& path = "/") const {
    Arguments command{"curl",
                      "-sS",
                      "--max-time",
                      "20",
                      "--ipv4",
                      "--cacert",
                      authority.certificate(),
                      "-o",
                      "/dev/null",
                      "-w",
                      "%{http_code}",
                      "https://localhost:" + port + path};
    command.insert(command.end(), more.begin(), more.end());
    return run(command).output;
  }
  static Arguments as(const PrivateAuthority::Issued& client) {
    return {"--cert", client.certificate, "--key", client.key};
  }
  std::string stapled() const {
    return run({"sh", "-c",
                "openssl s_client -connect 127.0.0.1:" + port +
                    " -servername localhost -status -CAfile " + authority.certificate() +
                    " </dev/null 2>&1"})
        .output;
  }
  void reload() const { CHECK(post(cluster->control(), "/v1/certificates/reload").status == 200); }

  TempDir dir;
  PrivateAuthority authority{dir, "authority"};
  PrivateAuthority other{dir, "other"};
  PrivateAuthority::Issued site = authority.issue("site", "DNS:localhost");
  std::string staple = site.certificate + ".ocsp";
  std::optional<Arguments> before_start;
  std::optional<Cluster> cluster;
  std::string port;
};

constexpr auto good = "OCSP Response Status: successful";
constexpr auto nothing = "OCSP response: no response sent";

}  // namespace

TEST_CASE("curl is served with a certificate of the authority, and a route demands a name of it") {
  TempDir dir;
  const PrivateAuthority clients(dir, "clients");
  Scene scene({"--client-ca", clients.certificate(), "--client-certificate", "optional"});
  scene.start();
  const auto web = clients.issue("web", "DNS:web.example,URI:spiffe://shop/web");
  const auto mail = clients.issue("mail", "URI:spiffe://shop/mail");
  const auto expired = clients.issue("expired", "URI:spiffe://shop/web", -1);
  const auto stranger = scene.other.issue("stranger", "URI:spiffe://shop/web");
  CHECK(scene.status({}) == "200");
  CHECK(put(scene.cluster->control(), "/v1/services/default/settings",
            R"({"client_certificate":"spiffe://shop/web"})")
            .status == 200);
  CHECK(eventually([&] { return scene.status({}) == "403"; }));
  for (const auto* version : {"--http1.1", "--http2"}) {
    for (const auto* tls : {"1.2", "1.3"}) {
      auto command = scene.as(web);
      command.insert(command.end(), {version, "--tls-max", tls});
      CHECK(scene.status(command) == "200");
    }
  }
  CHECK(scene.status(scene.as(mail)) == "403");
  CHECK(scene.status(scene.as(expired)) == "000");
  CHECK(scene.status(scene.as(stranger)) == "000");
}

TEST_CASE("a client's authority is replaced without a restart, by a file with both in between") {
  TempDir dir;
  const PrivateAuthority before(dir, "before");
  const PrivateAuthority after(dir, "after");
  const auto file = dir.write("clients.pem", read_file(before.certificate()));
  Scene scene({"--client-ca", file});
  scene.start();
  const auto old = before.issue("old", "DNS:old");
  const auto young = after.issue("young", "DNS:young");
  CHECK(scene.status(scene.as(old)) == "200");
  CHECK(scene.status(scene.as(young)) == "000");
  CHECK(scene.status({}) == "000");
  dir.write("clients.pem", read_file(before.certificate()) + read_file(after.certificate()));
  scene.reload();
  CHECK(scene.status(scene.as(old)) == "200");
  CHECK(scene.status(scene.as(young)) == "200");
  dir.write("clients.pem", read_file(after.certificate()));
  scene.cluster->master().signal(SIGHUP);
  CHECK(eventually([&] { return scene.status(scene.as(old)) == "000"; }));
  CHECK(scene.status(scene.as(young)) == "200");
  dir.write("clients.pem", "");
  CHECK(post(scene.cluster->control(), "/v1/certificates/reload").status == 409);
  CHECK(scene.status(scene.as(young)) == "200");
}

TEST_CASE("an authority's word that lies beside the certificate is shown with it") {
  Scene scene;
  scene.authority.say(scene.site, "V", scene.staple);
  scene.start();
  CHECK_THAT(scene.stapled(), Contains(good) && Contains("Cert Status: good"));
  std::filesystem::remove(scene.staple);
  scene.reload();
  CHECK_THAT(scene.stapled(), Contains(nothing));
  scene.authority.say(scene.site, "V", scene.staple);
  scene.reload();
  CHECK_THAT(scene.stapled(), Contains(good));
}

TEST_CASE("a staple that is wrong is not sent, and the log says why") {
  Scene scene;
  scene.start();
  const auto logged = [&](const std::string& why) {
    scene.reload();
    CHECK_THAT(scene.stapled(), Contains(nothing));
    CHECK(eventually(
        [&] { return scene.cluster->master().errors().find(why) != std::string::npos; }));
  };
  scene.dir.write("site.pem.ocsp", "hello");
  logged("it is no answer of OCSP in DER");
  scene.authority.say(scene.site, "R", scene.staple);
  logged("the authority does not call the certificate good");
  scene.authority.say(scene.authority.issue("another", "DNS:localhost"), "V", scene.staple);
  logged("it is about another certificate");
  scene.other.say(scene.other.issue("elsewhere", "DNS:localhost"), "V", scene.staple);
  logged("it is about another certificate");
  std::filesystem::remove(scene.staple);
  std::filesystem::create_directory(scene.staple);
  logged("is not a regular file");
  CHECK(scene.status({}) == "200");
}

TEST_CASE("flags of certificates that lead nowhere are refused") {
  const TempDir dir;
  const auto refused = [&](Arguments flags, const std::string& why) {
    flags.insert(flags.begin(), {program("tandem-master"), "--control", "127.0.0.1:0"});
    const auto ended = run(flags);
    CHECK(ended.status == 2);
    CHECK_THAT(ended.errors, Contains(why));
  };
  refused({"--client-ca", dir.write("ca.pem", "x")}, "--client-ca needs a --listen-tls");
  refused({"--client-certificate", "optional"}, "--client-ca");
}

}  // namespace tandem::e2e::edge_certificates_test
