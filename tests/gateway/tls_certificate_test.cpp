// The files of --tls: what is accepted, what is refused and why, and that a reload is all or
// nothing.
#include <catch2/catch.hpp>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "cluster.hpp"
#include "gateway.hpp"
#include "master/forward/tls/certificates.hpp"
#include "master/forward/tls/limits.hpp"
#include "master/forward/tls/name_table.hpp"
#include "test_certificates.hpp"
#include "tls_client.hpp"

namespace tandem::test::tls_certificate_test {

using namespace tandem::master;
namespace tls = master::tls;
using Catch::Contains;

namespace {

auto now() { return std::chrono::system_clock::now(); }

constexpr std::chrono::hours day{24};

std::string refusal_of(const tls::CertificateFiles& files) {
  const auto loaded = tls::Certificate::load(files, now());
  return loaded ? std::string() : loaded.error().message;
}

std::string content(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("a certificate is known by its names, and by its key") {
  CertificateDirectory directory;
  const auto files = directory.make("a", {"a.example", "*.B.example"});
  const auto loaded = tls::Certificate::load(files, now());
  REQUIRE(loaded.ok());
  CHECK(loaded->names() == std::vector<std::string>{"a.example", "*.b.example"});
  CHECK(loaded->expires() > now() + 80 * day);
}

TEST_CASE("what is wrong with the files of a certificate is told, with the file") {
  CertificateDirectory directory;
  const auto good = directory.make("good", {"a"});
  const auto other = directory.make("other", {"b"});
  const auto refused = [&](const tls::CertificateFiles& files, const std::string& file,
                           const char* why) {
    INFO(why);
    CHECK_THAT(refusal_of(files), Contains("--tls: " + file + " ") && Contains(why));
  };
  refused({directory.path("none"), good.key}, directory.path("none"), "cannot be read");
  refused({good.certificate, directory.path("none")}, directory.path("none"), "cannot be read");
  refused({"/", good.key}, "/", "is not a regular file");
  directory.write("empty", "");
  refused({directory.path("empty"), good.key}, directory.path("empty"), "is empty");
  refused({good.certificate, directory.path("empty")}, directory.path("empty"), "is empty");
  directory.write("large", std::string(10 << 20, 'x'));
  refused({directory.path("large"), good.key}, directory.path("large"), "is longer than");
  directory.write("text", "no certificate at all\n");
  refused({directory.path("text"), good.key}, directory.path("text"), "holds no certificate");
  refused({good.certificate, directory.path("text")}, directory.path("text"), "no private key");
  refused({good.key, good.key}, good.key, "holds no certificate");
  refused({good.certificate, other.key}, other.key, "is not the key of the certificate in");
  auto cut = content(good.certificate);
  directory.write("cut", cut.substr(0, cut.size() / 2));
  CHECK_FALSE(refusal_of({directory.path("cut"), good.key}).empty());
  cut.replace(cut.size() / 2, 8, "????????");
  directory.write("broken", cut);
  refused({directory.path("broken"), good.key}, directory.path("broken"), "broken certificate");
}

TEST_CASE("a key that needs a passphrase is refused") {
  CertificateDirectory directory;
  CHECK_THAT(refusal_of(directory.make("locked", {"a"}, {.passphrase = "secret"})),
             Contains("has a passphrase") && !Contains("secret"));
}

TEST_CASE("a key that everybody can read is refused") {
  CertificateDirectory directory;
  const auto files = directory.make("a", {"a"});
  ::chmod(files.key.c_str(), 0644);
  CHECK_THAT(refusal_of(files), Contains("can be read by other users"));
  ::chmod(files.key.c_str(), 0640);
  CHECK(refusal_of(files).empty());
}

TEST_CASE("a certificate whose key is too short is refused before anything is changed") {
  CertificateDirectory directory;
  const auto good = directory.make("good", {"a"});
  const auto weak = directory.make("weak", {"a"}, {.rsa_bits = 1024});
  tls::Certificates certificates({good, weak});
  const auto loaded = certificates.load(now(), some_ticket_keys());
  REQUIRE_FALSE(loaded.ok());
  CHECK_THAT(loaded.error().message, Contains("weak.pem") && Contains("key too small"));
  const auto prepared = tls::Certificates::prepare({good, weak}, {}, now());
  REQUIRE_FALSE(prepared.ok());
  CHECK_THAT(prepared.error().message, Contains("weak.pem") && Contains("key too small"));
}

TEST_CASE("a certificate that has expired is used all the same, and shown as what it is") {
  CertificateDirectory directory;
  const auto good = directory.make("good", {"good.example"});
  const auto old = directory.make("old", {"old.example"}, {.days = -4});
  tls::Certificates certificates({good, old});
  const auto loaded = certificates.load(now(), some_ticket_keys());
  REQUIRE(loaded.ok());
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.certificates = *loaded});
  CHECK(TlsClient(gateway.tls_port(), {.server_name = "old.example"}).common_name() ==
        "old.example");
  const auto shown = certificates.status(now());
  CHECK_FALSE(shown.at(0).expired_days);
  CHECK(shown.at(1).expired_days == 3u);
  CHECK(shown.at(1).days_left == 0);
  const tls::Certificates::Use use = [&](tls::CertificateSetPtr set) {
    return gateway.plane().publish(std::move(set));
  };
  CHECK(certificates.reload(now(), use).ok());
}

TEST_CASE("a certificate that is not valid yet is used all the same, and shown as what it is") {
  CertificateDirectory directory;
  const auto good = directory.make("good", {"good.example"});
  const auto early = directory.make("early", {"early.example"}, {.days_until_valid = 2});
  tls::Certificates certificates({good, early});
  const auto loaded = certificates.load(now(), some_ticket_keys());
  REQUIRE(loaded.ok());
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.certificates = *loaded});
  CHECK(TlsClient(gateway.tls_port(), {.server_name = "early.example"}).common_name() ==
        "early.example");
  CHECK(certificates.status(now()).at(0).valid_from.empty());
  CHECK(certificates.status(now()).at(1).valid_from.ends_with("Z"));
  CHECK(certificates.status(now() + 3 * day).at(1).valid_from.empty());
  const tls::Certificates::Use use = [&](tls::CertificateSetPtr set) {
    return gateway.plane().publish(std::move(set));
  };
  CHECK(certificates.reload(now(), use).ok());
}

TEST_CASE("a certificate that is of this time goes before those that are not") {
  CertificateDirectory directory;
  const auto old = directory.make("old", {"old", "www.a.example"}, {.days = -4});
  const auto early = directory.make("early", {"early", "www.a.example"}, {.days_until_valid = 2});
  const auto wild = directory.make("wild", {"wild", "*.a.example"});
  const auto good = directory.make("good", {"good", "www.a.example"});
  const auto shown = [](std::vector<tls::CertificateFiles> files, const std::string& host) {
    tls::Certificates certificates(std::move(files));
    const auto loaded = certificates.load(now(), some_ticket_keys());
    REQUIRE(loaded.ok());
    Gateway gateway({closed_port()}, {.certificates = *loaded});
    return TlsClient(gateway.tls_port(), {.server_name = host}).common_name();
  };
  CHECK(shown({old, early, wild, good}, "www.a.example") == "good");
  CHECK(shown({old, early, wild}, "www.a.example") == "wild");
  CHECK(shown({old, early}, "www.a.example") == "old");
  // For those who name no host, or another.
  CHECK(shown({old, early, good}, "b.example") == "good");
  CHECK(shown({early, wild}, "") == "wild");
  CHECK(shown({early, old}, "b.example") == "early");
}

TEST_CASE("a reload takes all files or none of them") {
  CertificateDirectory directory;
  const auto first = directory.make("first", {"first.example"});
  const auto second = directory.make("second", {"second.example"});
  tls::Certificates certificates({first, second});
  auto shown = certificates.load(now(), some_ticket_keys());
  REQUIRE(shown.ok());
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.certificates = *shown});
  const tls::Certificates::Use use = [&](tls::CertificateSetPtr set) {
    return gateway.plane().publish(std::move(set));
  };
  const auto name = [&](const std::string& host) {
    return TlsClient(gateway.tls_port(), {.server_name = host}).common_name();
  };
  CHECK(name("second.example") == "second.example");
  directory.make("first", {"new.example"});
  directory.write("second.pem", "");
  const auto refused = certificates.reload(now(), use);
  REQUIRE_FALSE(refused.ok());
  CHECK_THAT(refused.error().message, Contains("second.pem is empty"));
  CHECK(name("second.example") == "second.example");
  CHECK(name("new.example") == "first.example");
  directory.make("second", {"second.example"}, {.rsa_bits = 1024});
  CHECK_FALSE(certificates.reload(now(), use).ok());
  CHECK(name("new.example") == "first.example");
  directory.make("second", {"second.example"});
  CHECK(certificates.reload(now(), use).ok());
  CHECK(name("new.example") == "new.example");
  CHECK(certificates.status(now()).at(0).names == std::vector<std::string>{"new.example"});
}

TEST_CASE("how long certificates are valid is shown in whole days") {
  CertificateDirectory directory;
  tls::Certificates certificates({directory.make("a", {"a.example"}, {.days = 20})});
  REQUIRE(certificates.load(now(), some_ticket_keys()).ok());
  const auto shown = certificates.status(now()).at(0);
  CHECK(shown.file == directory.path("a.pem"));
  CHECK(shown.days_left == 20);
  CHECK(shown.expires.size() == std::string("2026-01-01T00:00:00Z").size());
  CHECK(certificates.status(now() + 15 * day).at(0).days_left == 5);
  CHECK(certificates.status(now() + 30 * day).at(0).days_left == 0);
}

TEST_CASE("the keys of tickets change without the certificates, and those without them") {
  CertificateDirectory directory;
  tls::Certificates certificates({directory.make("a", {"a.example"})});
  const auto first = certificates.load(now(), some_ticket_keys());
  REQUIRE(first.ok());
  tls::CertificateSetPtr used;
  const tls::Certificates::Use use = [&](tls::CertificateSetPtr set) -> tandem::Result<> {
    used = std::move(set);
    return {};
  };
  REQUIRE(certificates.reload(now(), use).ok());
  CHECK(used->ticket_keys == (*first)->ticket_keys);
  const auto others = some_ticket_keys();
  const auto own = used->certificates.front().own();
  certificates.use_tickets(others, use);
  CHECK(used->ticket_keys == others);
  CHECK(used->certificates.front().own() == own);
  REQUIRE(certificates.reload(now(), use).ok());
  CHECK(used->ticket_keys == others);
}

TEST_CASE("of names the exact one goes before the wildcard, which stands for one label") {
  tls::NameTable names;
  names.add("*.example.org", 1);
  names.add("www.example.org", 2);
  names.add("WWW.example.org", 3);
  names.add("example.org", 4);
  const auto found = [&](std::string_view host, std::size_t over = 0) {
    return names.find(host, [&](std::size_t each) { return each != over; });
  };
  CHECK(found("www.example.org") == 2u);
  CHECK(found("WWW.EXAMPLE.ORG.") == 2u);
  CHECK(found("www.example.org", 2) == 3u);
  CHECK(found("a.example.org") == 1u);
  CHECK(found("a.example.org", 1) == 1u);
  CHECK(found("example.org") == 4u);
  for (const auto* const none : {"a.b.example.org", ".example.org", "", "."}) {
    CHECK(found(none) == std::nullopt);
  }
}

TEST_CASE("the flag --tls is two files with a comma between") {
  const auto files = tls::parse_certificate_files("a.pem,b.key", "--tls");
  REQUIRE(files.ok());
  CHECK(files->certificate == "a.pem");
  CHECK(files->key == "b.key");
  for (const auto* text : {"", "a.pem", ",b.key", "a.pem,", "a,b,c"}) {
    CHECK_THAT(tls::parse_certificate_files(text, "--tls").error().message,
               Contains("--tls must be CERTIFICATE.pem,KEY.pem"));
  }
}

}  // namespace tandem::test::tls_certificate_test
