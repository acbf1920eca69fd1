// X-Forwarded-Client-Cert, and what services demand of it.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "common/wire/service_settings.hpp"
#include "master/forward/http/client_certificate.hpp"

namespace tandem::master::client_certificate_test {

using wire::CertificateDemand;

namespace {

CertificateDemand demand(std::string_view text) { return CertificateDemand::parse(text).value(); }

std::string seen(const Sender& sender, const std::string& fields) {
  RequestHead head;
  const auto text = "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
  REQUIRE(head.parse(text) == HeadStatus::complete);
  return std::string(client_certificate(head, sender));
}

}  // namespace

TEST_CASE("a demand is nothing, any certificate, or names") {
  CHECK_FALSE(demand("off").is_on());
  CHECK(demand("any").is_for_any());
  for (const auto* text : {"off", "any", "a.example", "*.a.example,spiffe://a/b,spiffe://a/*"}) {
    CHECK(demand(text).to_string() == text);
  }
  for (const std::string text :
       {"", ",", "a,", "a b", "*", "*.", "a.*", "spiffe://", "spiffe:///x", "://a", "spiffe://a*",
        "spiffe://a/*/b", "a\"b", "a\\b", "a;b", "a=b"}) {
    INFO(text);
    CHECK_FALSE(CertificateDemand::parse(text));
  }
  std::string names = "a";
  for (int i = 1; i < 16; ++i) names += ",a";
  CHECK(CertificateDemand::parse(names));
  CHECK_FALSE(CertificateDemand::parse(names + ",a"));
  CHECK(CertificateDemand::parse(std::string(255, 'a')));
  CHECK_FALSE(CertificateDemand::parse(std::string(256, 'a')));
}

TEST_CASE("hosts compare without case, and a star is for one label") {
  const auto names = demand("Web.example,*.shop.example");
  for (const auto* good : {"web.example", "WEB.EXAMPLE", "a.shop.example", "A.Shop.Example"}) {
    INFO(good);
    CHECK(names.admits_dns(good));
  }
  for (const auto* bad : {"", "shop.example", ".shop.example", "a.b.shop.example", "xweb.example",
                          "a.shop.example.org", "*", "spiffe://shop/web"}) {
    INFO(bad);
    CHECK_FALSE(names.admits_dns(bad));
  }
  CHECK_FALSE(names.admits_uri("web.example"));
}

TEST_CASE("URIs compare to the letter, and a star is for what follows") {
  const auto names = demand("spiffe://shop/web,spiffe://mail/*");
  for (const auto* good : {"spiffe://shop/web", "spiffe://mail/a", "spiffe://mail/a/b"}) {
    INFO(good);
    CHECK(names.admits_uri(good));
  }
  for (const auto* bad : {"spiffe://shop/web/", "spiffe://shop/WEB", "spiffe://mail",
                          "spiffe://mail/", "spiffe://mail/../shop", "spiffe://mailing/a", ""}) {
    INFO(bad);
    CHECK_FALSE(names.admits_uri(bad));
  }
  CHECK_FALSE(names.admits_dns("spiffe://shop/web"));
}

TEST_CASE("a demand is met by a name of the certificate, and by nothing in its subject") {
  const auto web = demand("web.example,spiffe://shop/*");
  CHECK(meets(web, "Hash=00;Subject=\"CN=x\";DNS=web.example"));
  CHECK(meets(web,
              "By=spiffe://o/p;Hash=00;Subject=\"CN=x\";URI=spiffe://other/a;URI=spiffe://shop/a"));
  CHECK(meets(web, "dns=\"web.example\""));
  for (const auto* element :
       {"", "Hash=00", "By=spiffe://shop/a;Hash=00", "Subject=\"CN=x;DNS=web.example\"",
        "Subject=\"CN=x\\\";DNS=web.example\"", "Subject=DNS=web.example", "DNS=web.example.org",
        "Subject=\"\\\\\\\";DNS=web.example;\""}) {
    INFO(element);
    CHECK_FALSE(meets(web, element));
  }
  CHECK(meets(demand("any"), "Hash=00"));
  CHECK_FALSE(meets(demand("any"), ""));
  CHECK(meets(demand("off"), ""));
}

TEST_CASE(
    "the client's certificate is what its own connection has shown, or who is believed says") {
  const std::string forged = "X-Forwarded-Client-Cert: DNS=forged\r\n";
  CHECK(seen({.certificate = "DNS=own"}, forged) == "DNS=own");
  CHECK(seen({}, forged).empty());
  CHECK(seen({.trusted = true, .certificate = "DNS=proxy"}, forged) == "DNS=forged");
  CHECK(seen({.trusted = true, .certificate = "DNS=proxy"}, "") == "DNS=proxy");
  CHECK(seen({.by_master = true}, "X-Forwarded-Client-Cert: DNS=a,Subject=\"b,c\"\r\n") ==
        "Subject=\"b,c\"");
  CHECK(seen({.by_master = true}, forged + "x-forwarded-client-cert: DNS=b\r\n") == "DNS=b");
}

TEST_CASE("the demand is a setting of services and of routes") {
  wire::ServiceSettings settings;
  REQUIRE(wire::parse_setting("client_certificate=spiffe://a/*,b", "f", settings));
  CHECK(wire::to_json(settings) == R"({"client_certificate":"spiffe://a/*,b"})");
  CHECK(wire::parse_service_settings(wire::to_json(settings)).value() == settings);
  CHECK_FALSE(wire::parse_setting("client_certificate=", "f", settings));
}

}  // namespace tandem::master::client_certificate_test
