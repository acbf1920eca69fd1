// TLS towards backends, before what others have written: openssl's server, and nginx.
#include <unistd.h>

#include <csignal>
#include <memory>
#include <optional>
#include <regex>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/e2e/harness/cluster.hpp"
#include "tests/e2e/private_authority.hpp"

namespace tandem::e2e::edge_backends_test {

using Catch::Contains;

namespace {

struct Scene {
  // What backends are shown, and who.
  explicit Scene(const Arguments& more = {}) {
    Arguments arguments{"--service", "default:check_interval=50ms",
                        "--service", "default:upstream_tls=true",
                        "--service", "default:upstream_ca=" + authority.certificate()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    cluster.emplace(arguments);
  }
  // A server of openssl(1), which answers each GET with a page about the connection.
  std::string serve(const std::string& name, const PrivateAuthority::Issued& shown,
                    const Arguments& more = {}) {
    const auto address = free_address();
    Arguments command{"openssl",         "s_server", "-accept", address, "-cert",
                      shown.certificate, "-key",     shown.key, "-www"};
    command.insert(command.end(), more.begin(), more.end());
    add(name, address, command);
    return address;
  }
  void add(const std::string& name, const std::string& address, const Arguments& command) {
    servers.push_back(std::make_unique<Process>(dir, name, command));
    const auto body = fmt::format(R"({{"name":"{}","address":"{}"}})", name, address);
    REQUIRE(
        eventually([&] { return post(cluster->control(), "/v1/workers", body).status == 201; }));
  }
  std::string reason_of(const std::string& name) const {
    static const std::regex pattern("\"reason\":\"([^\"]*)\"");
    const auto shown = get(cluster->control(), "/v1/workers/" + name).body;
    std::smatch found;
    return std::regex_search(shown, found, pattern) ? found[1].str() : std::string();
  }
  bool fails_by(const std::string& name, const std::string& why) const {
    const bool is_told = eventually([&] { return reason_of(name).find(why) != std::string::npos; });
    INFO(reason_of(name));
    CHECK(is_told);
    return is_told;
  }

  TempDir dir;
  PrivateAuthority authority{dir, "authority"};
  PrivateAuthority other{dir, "other"};
  std::vector<std::unique_ptr<Process>> servers;
  std::optional<Cluster> cluster;
};

}  // namespace

TEST_CASE("a backend is spoken to over TLS, and so is its check") {
  Scene scene;
  scene.serve("good", scene.authority.issue("good", "IP:127.0.0.1"));
  REQUIRE(scene.cluster->await_state("good", "up"));
  const auto answer = get(scene.cluster->listen(), "/");
  CHECK(answer.status == 200);
  CHECK_THAT(answer.body, Contains("TLSv1.3"));
}

TEST_CASE("a name that was set is asked for by SNI, and must be in the certificate") {
  Scene scene({"--service", "default:upstream_name=www.shop.example"});
  scene.serve("good", scene.authority.issue("good", "DNS:www.shop.example"));
  scene.serve("wild", scene.authority.issue("wild", "DNS:*.shop.example"));
  scene.serve("wrong", scene.authority.issue("wrong", "DNS:other.example"));
  REQUIRE(scene.cluster->await_state("good", "up"));
  REQUIRE(scene.cluster->await_state("wild", "up"));
  scene.fails_by("wrong", "TLS: its certificate is not accepted: hostname mismatch");
  CHECK(scene.cluster->state_of("wrong") != "up");
}

TEST_CASE("what is wrong with a backend's TLS is told where its state is") {
  Scene scene;
  scene.serve("unnamed", scene.authority.issue("unnamed", "DNS:shop.example"));
  scene.serve("stranger", scene.other.issue("stranger", "IP:127.0.0.1"));
  scene.serve("expired", scene.authority.issue("expired", "IP:127.0.0.1", -1));
  scene.serve("old", scene.authority.issue("old", "IP:127.0.0.1"),
              {"-tls1_1", "-cipher", "ALL:@SECLEVEL=0"});
  const auto plain = free_address();
  scene.add(
      "plain", plain,
      {program("tandem-worker"), "--name", "p", "--listen", plain, "--master", "127.0.0.1:1"});
  scene.fails_by("unnamed", "TLS: its certificate is not accepted: IP address mismatch");
  scene.fails_by("stranger", "TLS: its certificate is not accepted: unable to get");
  scene.fails_by("expired", "TLS: its certificate is not accepted: certificate has expired");
  scene.fails_by("old", "TLS: ");
  scene.fails_by("plain", "TLS: ");
  for (const auto* name : {"unnamed", "stranger", "expired", "old", "plain"}) {
    INFO(name);
    CHECK(scene.reason_of(name).find("refused") == std::string::npos);
  }
  const auto answer = get(scene.cluster->listen(), "/");
  CHECK(answer.status >= 502);
}

TEST_CASE("a backend that wants a certificate is shown one") {
  Scene scene;
  const auto ours = scene.authority.issue("ours", "DNS:master");
  scene.serve("strict", scene.authority.issue("strict", "IP:127.0.0.1"),
              {"-Verify", "2", "-verify_return_error", "-CAfile", scene.authority.certificate()});
  scene.fails_by("strict", "TLS: ");
  Scene shows({"--service", "default:upstream_cert=" + ours.flag()});
  const auto theirs = shows.authority.issue("strict", "IP:127.0.0.1");
  shows.serve("strict", theirs,
              {"-Verify", "2", "-verify_return_error", "-CAfile", scene.authority.certificate()});
  CHECK(shows.cluster->await_state("strict", "up"));
  CHECK(get(shows.cluster->listen(), "/").status == 200);
}

namespace {

// The configuration of an nginx that writes into the scene's directory alone.
std::string nginx_text(Scene& scene, const std::string& server) {
  const auto files = scene.dir.path("nginx");
  return fmt::format(
      "{}worker_processes 1; daemon off; pid {}.pid; events {{ worker_connections 64; }}\n"
      "http {{ access_log off; client_body_temp_path {}.body; proxy_temp_path {}.proxy;\n"
      "fastcgi_temp_path {}.fastcgi; uwsgi_temp_path {}.uwsgi; scgi_temp_path {}.scgi;\n{} }}\n",
      geteuid() == 0 ? "user root;" : "", files, files, files, files, files, files, server);
}

}  // namespace

TEST_CASE("nginx is a backend over TLS, in HTTP/1.1 and in HTTP/2") {
  if (!installed("nginx")) {
    WARN("skipped: nginx is not installed");
    return;
  }
  for (const auto* protocol : {"http1", "http2"}) {
    Scene scene({"--service", fmt::format("default:protocol={}", protocol)});
    const auto site = scene.authority.issue("site", "IP:127.0.0.1");
    const auto address = free_address();
    const auto text = nginx_text(
        scene, fmt::format("server {{ listen {} ssl http2; ssl_certificate {}; "
                           "ssl_certificate_key {};\n"
                           "location / {{ return 200 \"$server_protocol $scheme\"; }} }}",
                           address, site.certificate, site.key));
    scene.add("nginx", address,
              {*installed("nginx"), "-e", "stderr", "-p", scene.dir.path(""), "-c",
               scene.dir.write("nginx.conf", text)});
    REQUIRE(scene.cluster->await_state("nginx", "up"));
    Client client(scene.cluster->listen());
    for (int i = 0; i < 3; ++i) {
      const auto answer = client.get("/");
      CHECK(answer.status == 200);
      CHECK(answer.body ==
            (protocol == std::string("http2") ? "HTTP/2.0 https" : "HTTP/1.1 https"));
    }
  }
}

namespace {

// Serves whom a connection is of, and drops those on which it is not told first.
std::string start_nginx(Scene& scene, const std::string& ssl) {
  const auto address = free_address();
  const auto text = nginx_text(
      scene, fmt::format("server {{ listen {} proxy_protocol {}; location / {{ return 200 "
                         "\"$proxy_protocol_addr $connection_requests\"; }} }}",
                         address, ssl));
  scene.add("told", address,
            {*installed("nginx"), "-e", "stderr", "-p", scene.dir.path(""), "-c",
             scene.dir.write("nginx.conf", text)});
  return address;
}

// A request that a client of that address has sent, through a balancer that says so.
std::string asked_by(const Scene& scene, const std::string& address) {
  Socket socket(scene.cluster->listen());
  socket.send("PROXY " + address + " 1 2\r\nGET / HTTP/1.0\r\n\r\n");
  const auto answer = socket.receive_until("\n\n\n");
  return answer.substr(std::min(answer.size(), answer.find("\r\n\r\n") + 4));
}

void check_clients(const Scene& scene) {
  REQUIRE(scene.cluster->await_state("told", "up"));
  for (const auto* count : {"1", "2"}) {
    CHECK(asked_by(scene, "TCP4 192.0.2.7 10.0.0.1") == fmt::format("192.0.2.7 {}", count));
    CHECK(asked_by(scene, "TCP6 2001:db8::7 ::1") == fmt::format("2001:db8::7 {}", count));
  }
}

const Arguments tells_clients{
    "--threads", "1", "--service", "default:proxy_protocol=v2", "--proxy-protocol", "127.0.0.0/8"};

}  // namespace

TEST_CASE("nginx and HAProxy hear whose connections they get, also before TLS, and checks pass") {
  if (!installed("nginx") || !installed("haproxy")) {
    WARN("skipped: nginx or haproxy is not installed");
    return;
  }
  SECTION("nginx, in clear") {
    auto arguments = tells_clients;
    arguments.insert(arguments.end(), {"--service", "default:upstream_tls=false"});
    Scene scene(arguments);
    const auto address = start_nginx(scene, "");
    check_clients(scene);
    // A worker that stands for it checks it so too.
    const Process target(scene.dir, "target",
                         {program("tandem-worker"), "--name", "target", "--target", address,
                          "--master", scene.cluster->control(), "--check-interval", "50ms"});
    // The address belongs to the worker that registered it first.
    REQUIRE(
        run({program("tandem"), "--control", scene.cluster->control(), "remove", "told"}).status ==
        0);
    CHECK(scene.cluster->await_state("target", "up"));
  }
  SECTION("nginx, over TLS") {
    Scene scene(tells_clients);
    const auto site = scene.authority.issue("site", "IP:127.0.0.1");
    start_nginx(scene, fmt::format("ssl; ssl_certificate {}; ssl_certificate_key {}",
                                   site.certificate, site.key));
    check_clients(scene);
  }
  SECTION("HAProxy") {
    auto arguments = tells_clients;
    arguments.insert(arguments.end(), {"--service", "default:upstream_tls=false"});
    Scene scene(arguments);
    const auto address = free_address();
    const auto text = fmt::format(
        "defaults\n mode http\n timeout client 5s\n timeout server 5s\n timeout connect 5s\n"
        "frontend told\n bind {} accept-proxy\n http-request return status 200 content-type "
        "text/plain lf-string \"%[src] %[fc_http_major]\"\n",
        address);
    scene.add("told", address,
              {*installed("haproxy"), "-db", "-f", scene.dir.write("haproxy.cfg", text)});
    REQUIRE(scene.cluster->await_state("told", "up"));
    CHECK(asked_by(scene, "TCP4 192.0.2.7 10.0.0.1") == "192.0.2.7 1");
    CHECK(asked_by(scene, "TCP6 2001:db8::7 ::1") == "2001:db8::7 1");
  }
}

TEST_CASE("settings that tell workers of HTTP/2 whose connections they get are refused") {
  const TempDir dir;
  const auto refused =
      run({program("tandem-master"), "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0",
           "--service", "default:proxy_protocol=v2", "--service", "default:protocol=http2"});
  CHECK(refused.status != 0);
  const Cluster cluster;
  const auto answer = put(cluster.control(), "/v1/services/default/settings",
                          R"({"proxy_protocol":"v2","check":"grpc"})");
  CHECK(answer.status == 400);
  CHECK_THAT(answer.body, Contains("proxy_protocol=v2 is for workers that speak HTTP/1"));
}

TEST_CASE("a file that is missing fails the workers, not the master, and is read again by SIGHUP") {
  TempDir dir;
  const auto file = dir.path("late.pem");
  Scene scene({"--service", "late:upstream_tls=true", "--service", "late:upstream_ca=" + file,
               "--service", "late:check_interval=50ms"});
  const auto shown = scene.authority.issue("good", "IP:127.0.0.1");
  const auto address = free_address();
  scene.servers.push_back(
      std::make_unique<Process>(scene.dir, "late",
                                Arguments{"openssl", "s_server", "-accept", address, "-cert",
                                          shown.certificate, "-key", shown.key, "-www"}));
  const auto body = fmt::format(R"({{"name":"late","service":"late","address":"{}"}})", address);
  REQUIRE(post(scene.cluster->control(), "/v1/workers", body).status == 201);
  scene.fails_by("late", "upstream_ca: " + file + " cannot be read");
  dir.write("late.pem", read_file(scene.authority.certificate()));
  scene.cluster->master().signal(SIGHUP);
  CHECK(scene.cluster->await_state("late", "up"));
}

}  // namespace tandem::e2e::edge_backends_test
