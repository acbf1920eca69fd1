// `tandem ca`: what it writes, as OpenSSL's own tools see it, and what it refuses.
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/e2e/harness/process.hpp"

namespace tandem::e2e::ca_test {

using Json = nlohmann::json;

namespace {

Finished ca(std::vector<std::string> words) {
  words.insert(words.begin(), {program("tandem"), "ca"});
  return run(words);
}

unsigned mode_of(const std::string& path) {
  struct stat about {};
  REQUIRE(::stat(path.c_str(), &about) == 0);
  return about.st_mode & 0777;
}

}  // namespace

TEST_CASE("OpenSSL's tools understand what tandem ca issues") {
  const TempDir dir;
  const auto home = dir.path("ca");
  const auto made = ca({"init", home, "--cluster", "shop"});
  REQUIRE(made.status == 0);
  CHECK(is_in("spiffe://shop\n", made.output));
  CHECK(mode_of(home) == 0700);
  CHECK(mode_of(home + "/ca.key") == 0600);
  REQUIRE(ca({"issue", home, "--master", "a", "--address", "10.0.0.1", "--address", "a.example"})
              .status == 0);
  REQUIRE(ca({"issue", home, "--worker", "w1", "--service", "shop", "--address", "10.0.0.3",
              "--witness"})
              .status == 0);
  REQUIRE(ca({"issue", home, "--operator", "ops"}).status == 0);
  const auto verify = [&](const std::string& purpose, const std::string& name) {
    return run({"openssl", "verify", "-x509_strict", "-CAfile", home + "/ca.pem", "-purpose",
                purpose, home + "/" + name + ".pem"})
        .status;
  };
  for (const auto* name : {"master-a", "worker-w1"}) {
    CAPTURE(name);
    CHECK(verify("sslserver", name) == 0);
    CHECK(verify("sslclient", name) == 0);
    CHECK(mode_of(home + "/" + name + ".key") == 0600);
  }
  CHECK(verify("sslclient", "operator-ops") == 0);
  CHECK(verify("sslserver", "operator-ops") != 0);
  const auto shown = run({"openssl", "x509", "-in", home + "/worker-w1.pem", "-noout", "-subject",
                          "-ext", "subjectAltName,extendedKeyUsage,keyUsage,basicConstraints"});
  CHECK(
      is_in("URI:spiffe://shop/tandem/worker/w1, URI:tandem:service:shop, URI:tandem:witness, "
            "IP Address:10.0.0.3",
            shown.output));
  CHECK(is_in("CA:FALSE", shown.output));
  const auto of_master =
      run({"openssl", "x509", "-in", home + "/master-a.pem", "-noout", "-ext", "subjectAltName"});
  CHECK(is_in("DNS:a.example, IP Address:10.0.0.1", of_master.output));
  // The key is that of the certificate, and a revocation names it as OpenSSL does.
  const auto digest = run({"sh", "-c",
                           "openssl pkey -in " + home +
                               "/worker-w1.key -pubout -outform der | sha256sum | cut -d' ' -f1"});
  const auto told = ca({"show", home + "/worker-w1.pem", "--json"});
  REQUIRE(told.status == 0);
  CHECK(Json::parse(told.output)["public_key_sha256"].get<std::string>() + "\n" == digest.output);
}

TEST_CASE("tandem ca overwrites no key unless it is told to") {
  const TempDir dir;
  const auto home = dir.path("ca");
  REQUIRE(ca({"init", home, "--cluster", "shop"}).status == 0);
  REQUIRE(ca({"issue", home, "--master", "a"}).status == 0);
  const auto authority = read_file(home + "/ca.key");
  const auto key = read_file(home + "/master-a.key");
  const auto again = ca({"init", home, "--cluster", "shop"});
  CHECK(again.status == 1);
  CHECK(is_in("ca.key is there already: --force", again.errors));
  CHECK(ca({"issue", home, "--master", "a"}).status == 1);
  CHECK(read_file(home + "/ca.key") == authority);
  CHECK(read_file(home + "/master-a.key") == key);
  CHECK(ca({"issue", home, "--master", "a", "--force"}).status == 0);
  CHECK(read_file(home + "/master-a.key") != key);
  CHECK(mode_of(home + "/master-a.key") == 0600);
  CHECK(mode_of(home + "/master-a.pem") == 0644);
}

TEST_CASE("tandem ca refuses what no member could be, in a sentence") {
  const TempDir dir;
  const auto home = dir.path("ca");
  const auto check_refused = [](const Finished& finished, const std::string& sentence) {
    CAPTURE(sentence, finished.errors);
    CHECK(finished.status == 2);
    CHECK(is_in(sentence, finished.errors));
  };
  check_refused(ca({"init", home, "--cluster", "Shop"}), "--cluster must be 1 to 64 characters");
  REQUIRE(ca({"init", home, "--cluster", "shop", "--days", "30"}).status == 0);
  check_refused(ca({"issue", home}), "give one of --master, --worker and --operator");
  check_refused(ca({"issue", home, "--master", "a", "--worker", "w1"}), "give one of");
  check_refused(ca({"issue", home, "--master", "a", "--witness"}), "are for a --worker");
  check_refused(ca({"issue", home, "--worker", "w1", "--role", "viewer"}), "for an --operator");
  check_refused(ca({"issue", home, "--worker", "w1", "--address", "host"}), "no numeric address");
  check_refused(ca({"issue", home, "--worker", "w1", "--service", "a b"}), "no name for a service");
  check_refused(ca({"issue", home, "--operator", "ops", "--role", "boss"}), "viewer or operator");
  check_refused(ca({"issue", home, "--master", "a"}), "the authority ends on");
  check_refused(ca({"issue", home, "--master", "..", "--days", "1"}), "is no name for a master");
  // Its key must be as private as it was made.
  ::chmod((home + "/ca.key").c_str(), 0644);
  const auto readable = ca({"issue", home, "--master", "a", "--days", "1"});
  CHECK(readable.status == 1);
  CHECK(is_in("ca.key", readable.errors));
}

}  // namespace tandem::e2e::ca_test
