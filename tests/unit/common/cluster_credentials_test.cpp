#include "common/tls/credentials.hpp"

#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "tests/unit/common/credential_files.hpp"

namespace tandem::tls::cluster_credentials_test {

using std::chrono::days;

namespace {

std::string refusal_of(const test::CredentialFiles& files) {
  const auto loaded = ClusterCredentials::load(files.of("a"), files.now());
  return loaded ? "" : loaded.error().message;
}

bool is_in(std::string_view part, const std::string& text) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE(
    "credentials are loaded as a whole, or what is wrong is said with the flag and the file") {
  const test::CredentialFiles files;
  files.add({.kind = Kind::master, .name = "a"});
  const auto loaded = ClusterCredentials::load(files.of("a"), files.now());
  REQUIRE(loaded);
  CHECK((*loaded)->identity().id() == "spiffe://c/tandem/master/a");
  CHECK((*loaded)->expires() == files.now() + days(5));

  const auto good = files.issued({.kind = Kind::master, .name = "a"}, days(5), files.now());
  files.put("a", files.issued({.kind = Kind::master, .name = "a"}, days(1), files.now() - days(2)));
  CHECK(is_in("--cluster-cert: " + files.path("a.pem") + " has ended on", refusal_of(files)));
  files.put("a", files.issued({.kind = Kind::master, .name = "a"}, days(1), files.now() + days(2)));
  CHECK(is_in("--cluster-cert: " + files.path("a.pem") + " is valid from", refusal_of(files)));
  files.put("a", good);
  files.write("a.key", files.issued({.kind = Kind::master, .name = "a"}, days(5), files.now()).key);
  CHECK(is_in("--cluster-key: " + files.path("a.key") + " is not the key", refusal_of(files)));
  files.put("a", good);
  ::chmod(files.path("a.key").c_str(), 0644);
  CHECK(is_in("--cluster-key: " + files.path("a.key"), refusal_of(files)));
  ::chmod(files.path("a.key").c_str(), 0640);
  CHECK(refusal_of(files) == "");
  // One of two authorities, while one replaces the other.
  const auto other = new_authority("c", days(10), files.now());
  files.write("ca.pem", other.certificate);
  CHECK(is_in("is not accepted by the authority", refusal_of(files)));
}

TEST_CASE("credentials that are not of this time are loaded for whoever accepts that") {
  const test::CredentialFiles files;
  const auto load = [&] {
    auto loaded = ClusterCredentials::load(files.of("a"), files.now(), OutOfTime::accepted);
    REQUIRE(loaded);
    return std::move(*loaded);
  };
  const auto put = [&](days begins) {
    files.put("a",
              files.issued({.kind = Kind::master, .name = "a"}, days(1), files.now() + begins));
  };
  put(days(0));
  const auto good = load();
  CHECK(good->why_out_of_time(files.now()).empty());
  CHECK(is_in("has ended on", good->why_out_of_time(files.now() + days(1))));
  put(-days(2));
  CHECK(is_in("has ended on", load()->why_out_of_time(files.now())));
  put(days(2));
  const auto early = load();
  CHECK(is_in("is valid from", early->why_out_of_time(files.now())));
  CHECK(early->why_out_of_time(files.now() + days(2)).empty());
  // What OpenSSL says goes by the clock of this machine.
  put(-days(2));
  const auto then = files.now() - days(1) - std::chrono::hours(1);
  const auto odd = ClusterCredentials::load(files.of("a"), then, OutOfTime::accepted);
  REQUIRE(odd);
  CHECK(is_in("certificate has expired", (*odd)->why_out_of_time(then)));
  CHECK_FALSE(ClusterCredentials::load(files.of("a"), then));
  // One of others is theirs at any time.
  put(days(0));
  files.write("ca.pem", new_authority("c", days(10), files.now()).certificate);
  CHECK_FALSE(ClusterCredentials::load(files.of("a"), files.now(), OutOfTime::accepted));
}

namespace {

int broken_pipes = 0;

}  // namespace

TEST_CASE("a peer that has gone raises no signal in a program with a library of ours") {
  const test::CredentialFiles files;
  files.add({.kind = Kind::master, .name = "a"});
  const auto loaded = ClusterCredentials::load(files.of("a"), files.now());
  REQUIRE(loaded);
  struct sigaction counts {};
  struct sigaction before {};
  counts.sa_handler = [](int) { ++broken_pipes; };
  ::sigaction(SIGPIPE, &counts, &before);
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  ::close(ends[1]);
  const auto ssl = (*loaded)->begin(ends[0], Side::calls);
  CHECK(SSL_do_handshake(ssl.get()) != 1);  // its first message cannot be written
  ::close(ends[0]);
  ::sigaction(SIGPIPE, &before, nullptr);
  CHECK(broken_pipes == 0);
}

TEST_CASE("revocations are digests of keys, one on a line, with remarks") {
  const test::CredentialFiles files;
  files.add({.kind = Kind::master, .name = "a"});
  const std::string one(64, 'a');
  files.write("revoked", "# who left\n\n " + std::string(64, 'A') + "  # w1, 2026-11-27\n");
  const auto loaded = ClusterCredentials::load(files.of("a"), files.now());
  REQUIRE(loaded);
  CHECK((*loaded)->revocations() == 1);
  CHECK((*loaded)->is_revoked(one));
  for (const std::string& line : {one + "a", one.substr(1), "g" + one.substr(1), one + " " + one}) {
    files.write("revoked", one + "\n" + line + "\n");
    CHECK(is_in("line 2: must be the SHA-256 of a public key", refusal_of(files)));
  }
  const Peer peer{.identity = {}, .expires = files.now() + days(1), .key_digest = one};
  CHECK(why_not(peer, **loaded, files.now()) == "its certificate is revoked");
  const Peer ended{.identity = {}, .expires = files.now(), .key_digest = "b"};
  CHECK(is_in("its certificate has ended", why_not(ended, **loaded, files.now())));
}

TEST_CASE("the files of a certificate are given all or none") {
  CHECK(ClusterFiles{}.validate());
  CHECK(ClusterFiles{"ca", "cert", "key", ""}.validate());
  CHECK(!ClusterFiles{"ca", "cert", "", ""}.validate());
  CHECK(!ClusterFiles{"", "", "", "revoked"}.validate());
  CHECK(ClusterFiles{"ca", "", "key", ""}.validate().error().message ==
        "--cluster-ca, --cluster-cert and --cluster-key belong together, and --cluster-cert is "
        "missing");
}

}  // namespace tandem::tls::cluster_credentials_test
