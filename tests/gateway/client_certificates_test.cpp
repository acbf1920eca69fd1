// Clients that show a certificate (--client-ca): who may, what workers are told, and what is
// forged.
#include <sstream>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "cluster.hpp"
#include "gateway.hpp"
#include "h2_client.hpp"
#include "test_certificates.hpp"
#include "tls_client.hpp"
#include "master/forward/exchange/limits.hpp"

namespace tandem::test::client_certificates_test {

using Catch::Contains;

namespace {

constexpr auto field = "X-Forwarded-Client-Cert";

// A certificate that stands for itself is its own authority.
struct Scene {
  enum class Asks { required, optional };
  explicit Scene(Asks asks = Asks::required, const std::string& authority = "client")
      : certificates(load(
            {directory.make("site", {"example.org"})},
            {.file = directory.path(authority + ".pem"), .required = asks == Asks::required})) {}
  Gateway::Options options(Gateway::Options others = {}) const {
    others.certificates = certificates;
    return others;
  }
  TlsClient::Options with(const master::tls::CertificateFiles& files,
                          int version = TLS1_3_VERSION) {
    TlsClient::Options options;
    options.version_max = version;
    options.certificate = files.certificate;
    options.key = files.key;
    return options;
  }

  CertificateDirectory directory;
  master::tls::CertificateFiles client =
      directory.make("client", {"web.example", "spiffe://shop/web"});
  master::tls::CertificateFiles stranger = directory.make("stranger", {"web.example"});
  master::tls::CertificateSetPtr certificates;
};

// What is logged while it lives. Made before, and read after, all that logs on other threads.
class CapturedLog {
 public:
  CapturedLog() {
    auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text_);
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("captured", std::move(sink)));
    spdlog::set_level(spdlog::level::info);
  }
  ~CapturedLog() {
    spdlog::set_default_logger(before_);
    spdlog::set_level(level_);
  }
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
  spdlog::level::level_enum level_ = spdlog::get_level();
};

// Empty: the gateway has closed the connection, in the handshake or right behind it.
std::string ask(std::uint16_t port, const TlsClient::Options& options, const std::string& request) {
  try {
    TlsClient client(port, options);
    client.socket().send(request);
    return read_response(client.socket()).start_line();
  } catch (const std::runtime_error&) {
    return {};
  }
}

}  // namespace

TEST_CASE("a client whose certificate is vouched for is served, and nobody else") {
  Scene scene;
  Origin worker(always(ok("x")));
  Gateway gateway({worker.port()}, scene.options());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CHECK_THAT(ask(gateway.tls_port(), scene.with(scene.client, version), get("/")),
               Contains("200"));
    CHECK(ask(gateway.tls_port(), scene.with(scene.stranger, version), get("/")).empty());
    CHECK(ask(gateway.tls_port(), {.version_max = version}, get("/")).empty());
  }
  CHECK(worker.request_count() == 2);
}

TEST_CASE("where a certificate is optional, none is fine, and a wrong one is not") {
  Scene scene(Scene::Asks::optional);
  Origin worker(always(ok("x")));
  Gateway gateway({worker.port()}, scene.options());
  CHECK_THAT(ask(gateway.tls_port(), {}, get("/")), Contains("200"));
  CHECK_THAT(ask(gateway.tls_port(), scene.with(scene.client), get("/")), Contains("200"));
  CHECK(ask(gateway.tls_port(), scene.with(scene.stranger), get("/")).empty());
  CHECK(worker.requests().at(0).count(field) == 0);
}

TEST_CASE(
    "a worker is told of the certificate as Envoy tells it, whatever the client says itself") {
  Scene scene;
  Origin worker(always(ok("x")));
  Gateway gateway({worker.port()}, scene.options());
  const std::string forged =
      "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Client-Cert: URI=spiffe://shop/admin\r\n"
      "x-forwarded-client-cert: DNS=admin\r\nX_Forwarded_Client_Cert: DNS=admin\r\n"
      "Connection: X-Forwarded-Client-Cert\r\n\r\n";
  CHECK_THAT(ask(gateway.tls_port(), scene.with(scene.client), forged), Contains("200"));
  CHECK(gateway.ask(forged).status() == 200);
  const auto told = worker.requests().at(0);
  CHECK(told.count(field) == 1);
  CHECK_THAT(told.field(field), Catch::Matches("Hash=[0-9a-f]{64};Subject=\"CN=web.example\";"
                                               "URI=spiffe://shop/web;DNS=web.example"));
  CHECK(told.head.find("admin") == std::string::npos);
  CHECK(worker.requests().at(1).head.find("admin") == std::string::npos);
}

TEST_CASE("streams of HTTP/2 have the certificate of their connection, and forge none") {
  Scene scene;
  Origin worker(always(ok("x")));
  Gateway gateway({worker.port()}, scene.options());
  auto options = scene.with(scene.client);
  options.protocols = {"h2"};
  TlsClient tls(gateway.tls_port(), options);
  H2Client client(tls.take_socket());
  CHECK(client.get("/", {{"x-forwarded-client-cert", "DNS=admin"}}).status() == 200);
  CHECK(client.get("/", {{"x_forwarded_client_cert", "DNS=admin"}}).status() == 200);
  H2Client plain(gateway.port());
  CHECK(plain.get("/", {{"x-forwarded-client-cert", "DNS=admin"}}).status() == 200);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto request = worker.requests().at(i);
    CHECK(request.count(field) == (i < 2 ? 1 : 0));
    CHECK(request.head.find("admin") == std::string::npos);
  }
}

TEST_CASE(
    "the primary believes a standby about a certificate, and a stranger with a pass nothing") {
  Scene scene;
  Origin worker(always(ok("x")));
  Gateway primary({worker.port()}, {.node = "a", .pass = "pass-of-a"});
  Gateway standby({}, scene.options({.node = "b"}));
  standby.follow("a", primary.port(), "pass-of-a");
  primary.set({"client_certificate=spiffe://shop/web"});
  primary.settle();
  const std::string forged =
      "GET / HTTP/1.1\r\nHost: a\r\n"
      "X-Forwarded-Client-Cert: URI=spiffe://shop/web\r\n\r\n";
  CHECK_THAT(ask(standby.tls_port(), scene.with(scene.client), get("/")), Contains("200"));
  CHECK_THAT(worker.requests().at(0).field(field), Contains("URI=spiffe://shop/web"));
  CHECK(standby.ask(forged).status() == 403);
  CHECK(primary.ask(forged).status() == 403);
  CHECK(primary.ask("GET / HTTP/1.1\r\nTandem-Pass: wrong\r\n" + forged.substr(16)).status() ==
        403);
  CHECK(worker.request_count() == 1);
}

TEST_CASE("a service demands a name, and a route another one or none") {
  Scene scene(Scene::Asks::optional);
  Origin worker(always(ok("x")));
  Gateway gateway({worker.port()}, scene.options());
  const auto status = [&](const TlsClient::Options& options, const std::string& target) {
    return ask(gateway.tls_port(), options, get(target));
  };
  gateway.set({"client_certificate=other.example,spiffe://shop/*"});
  gateway.settle();
  CHECK_THAT(status(scene.with(scene.client), "/"), Contains("200"));
  CHECK_THAT(status({}, "/"), Contains("403 Forbidden"));
  CHECK(code_of(gateway.ask(get("/"))) == "client_certificate");
  gateway.set({"client_certificate=other.example"});
  gateway.settle();
  CHECK_THAT(status(scene.with(scene.client), "/"), Contains("403"));
  gateway.set({"client_certificate=any"});
  wire::RequestRules open;
  open.client_certificate = wire::CertificateDemand::parse("off");
  gateway.publish_route("/open", open);
  gateway.settle();
  CHECK_THAT(status(scene.with(scene.client), "/"), Contains("200"));
  CHECK_THAT(status({}, "/open"), Contains("200"));
}

TEST_CASE("what a route demands holds however a client spells the path and the host") {
  Scene scene(Scene::Asks::optional);
  Origin worker(always(ok("x")));
  Gateway gateway({worker.port()}, scene.options());
  wire::RequestRules closed;
  closed.client_certificate = wire::CertificateDemand::parse("any");
  wire::RequestRules open;
  open.client_certificate = wire::CertificateDemand::parse("off");
  gateway.publish_routes({{"/", {}}, {"/admin", closed}, {"/admin/open", open}});
  gateway.settle();
  for (const char* target : {"/admin",
                             "/admin/",
                             "/admin/s.txt",
                             "/%61dmin/s.txt",
                             "/%2561dmin",
                             "/%41/../admin",
                             "//admin/s.txt",
                             "/./admin/s.txt",
                             "/x/../admin",
                             "/x/%2e%2E/admin",
                             "/admin%2fs.txt",
                             "/admin%2Fs.txt",
                             "/admin;x=y/s.txt",
                             "/admin;x",
                             "/x;y/../admin?q",
                             "/admin%3b",
                             "/admin%00",
                             "/admin/open/../s.txt",
                             "/admin/open/%2e./s.txt",
                             "/admin/open%2f..%2fs.txt"}) {
    INFO(target);
    CHECK(code_of(gateway.ask(get(target))) == "client_certificate");
    CHECK_THAT(ask(gateway.tls_port(), scene.with(scene.client), get(target)), Contains("200"));
  }
  // Each reading costs time, so that there is a limit; what reads the same everywhere has none.
  const auto of_length = [](const std::string& begin, std::size_t bytes) {
    return begin + std::string(bytes - begin.size(), 'x');
  };
  const auto most = tandem::limits::ambiguous_path_bytes_max;
  CHECK_THAT(gateway.ask(get(of_length("/%20", most))).start_line(), Contains("200"));
  CHECK(code_of(gateway.ask(get(of_length("/%20", most + 1)))) == "path_too_long");
  CHECK_THAT(gateway.ask(get(of_length("/a", most + 1))).start_line(), Contains("200"));
  CHECK_THAT(gateway.ask(get(of_length("/?%20", most + 1))).start_line(), Contains("200"));
  for (const char* target :
       {"/", "/administrator", "/admin.txt", "/x/admin", "/a%20b;c//d/./e", "/x?/../admin",
        "/admin/open", "/admin/open/.well-known/x", "/admin/open/a%20b;c//d"}) {
    INFO(target);
    CHECK_THAT(gateway.ask(get(target)).start_line(), Contains("200"));
  }
}

TEST_CASE("a session that began under another authority is not resumed") {
  Scene scene;
  Origin worker(always(ok("x")));
  Gateway gateway({worker.port()}, scene.options());
  auto options = scene.with(scene.client);
  options.version_max = TLS1_2_VERSION;
  TlsClient first(gateway.tls_port(), options);
  options.session = first.session();
  REQUIRE(options.session != nullptr);
  CHECK(TlsClient(gateway.tls_port(), options).resumed());
  const auto both = scene.directory.path("both.pem");
  auto changed = std::make_shared<master::tls::CertificateSet>(*scene.certificates);
  changed->client_authority =
      master::tls::ClientAuthority::load({.file = scene.stranger.certificate}).value();
  REQUIRE(gateway.plane().publish(changed));
  CHECK(ask(gateway.tls_port(), options, get("/")).empty());
}

TEST_CASE("a resumed session has the certificate that it began with") {
  Scene scene;
  Origin worker(always(ok("x")));
  Gateway gateway({worker.port()}, scene.options());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    auto options = scene.with(scene.client, version);
    TlsClient first(gateway.tls_port(), options);
    first.socket().send(get("/"));
    CHECK(read_response(first.socket()).status() == 200);
    options.session = first.session();
    TlsClient second(gateway.tls_port(), options);
    CHECK(second.resumed());
    second.socket().send(get("/"));
    CHECK(read_response(second.socket()).status() == 200);
  }
  const auto requests = worker.requests();
  REQUIRE(requests.size() == 4);
  for (const auto& request : requests) CHECK(request.field(field) == requests[0].field(field));
}

TEST_CASE("what an authority's file may be is said in one sentence") {
  CertificateDirectory directory;
  directory.write("empty.pem", "");
  directory.write("text.pem", "hello");
  for (const auto& [file, why] :
       {std::pair("none.pem", "cannot be read"), std::pair("empty.pem", "is empty"),
        std::pair("text.pem", "holds no certificate in PEM")}) {
    const auto loaded = master::tls::ClientAuthority::load({.file = directory.path(file)});
    REQUIRE_FALSE(loaded);
    CHECK_THAT(loaded.error().message, Contains("--client-ca") && Contains(why));
  }
}

TEST_CASE("an intermediate alone vouches for its clients, and who is no authority for nobody") {
  CertificateDirectory directory;
  directory.make("root", {"root"}, {.is_authority = true});
  directory.make("between", {"between"}, {.is_authority = true, .issuer = "root"});
  const auto site = directory.make("site", {"example.org"});
  const auto web = directory.make("web", {"web.example"}, {.issuer = "between"});
  const auto other = directory.make("other", {"web.example"}, {.issuer = "root"});
  Origin worker(always(ok("x")));
  Gateway::Options options;
  options.certificates = load({site}, {.file = directory.path("between.pem")});
  Gateway gateway({worker.port()}, options);
  const auto as = [](const master::tls::CertificateFiles& files) {
    TlsClient::Options options;
    options.certificate = files.certificate;
    options.key = files.key;
    return options;
  };
  CHECK(ask(gateway.tls_port(), as(web), get("/")) == "HTTP/1.1 200 OK");
  CHECK(ask(gateway.tls_port(), as(other), get("/")).empty());

  const auto leaf = master::tls::ClientAuthority::load({.file = web.certificate});
  REQUIRE_FALSE(leaf);
  CHECK(leaf.error().message == "--client-ca: " + web.certificate +
                                    " holds a certificate that is none of an authority: "
                                    "CN=web.example");
}

TEST_CASE("an authority that has expired is told of, and why a client's certificate is refused") {
  CapturedLog log;
  CertificateDirectory directory;
  directory.make("old", {"old"}, {.days = -1, .is_authority = true});
  const auto site = directory.make("site", {"example.org"});
  const auto web = directory.make("web", {"web.example"}, {.issuer = "old"});
  Origin worker(always(ok("x")));
  Gateway::Options options;
  options.certificates = load({site}, {.file = directory.path("old.pem")});
  TlsClient::Options shown;
  shown.certificate = web.certificate;
  shown.key = web.key;
  {
    Gateway gateway({worker.port()}, options);
    CHECK(ask(gateway.tls_port(), shown, get("/")).empty());
  }
  CHECK_THAT(log.text(), Contains("authority of clients has expired file=" +
                                  directory.path("old.pem") + " subject=\"CN=old\" until="));
  CHECK_THAT(log.text(), Contains("certificate of a client refused from=127.0.0.1 reason=\"its "
                                  "certificate is not accepted: certificate has expired\""));
}

}  // namespace tandem::test::client_certificates_test
