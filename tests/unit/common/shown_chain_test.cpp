#include "common/tls/shown_chain.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <future>

#include <catch2/catch.hpp>
#include <openssl/x509v3.h>

#include "common/tls/pem.hpp"
#include "tests/unit/common/credential_files.hpp"

namespace tandem::tls::shown_chain_test {
namespace {

using std::chrono::days;

bool is_refused(const Peer& peer, const ClusterCredentials& credentials, WallTime now) {
  return why_not(peer, credentials, now).starts_with("its certificate is no longer accepted: ");
}

// A handshake; who each end sees at the other.
struct Handshake {
  Handshake(const CredentialsPtr& caller, const CredentialsPtr& server) {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    {
      const auto calling = caller->begin(ends[0], Side::calls);
      const auto serving = server->begin(ends[1], Side::serves);
      auto served = std::async(std::launch::async, [&] { return SSL_do_handshake(serving.get()); });
      REQUIRE(SSL_do_handshake(calling.get()) == 1);
      REQUIRE(served.get() == 1);
      of_server = caller->peer_of(calling.get()).value();
      of_caller = server->peer_of(serving.get()).value();
    }
    ::close(ends[0]);
    ::close(ends[1]);
  }

  Peer of_server;
  Peer of_caller;
};

void extend(X509* certificate, int kind, const char* value) {
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, nullptr, kind, value));
  REQUIRE(extension != nullptr);
  X509_add_ext(certificate, extension.get(), -1);
}

CertificatePtr signed_by(EVP_PKEY* authority, const char* issuer, EVP_PKEY* key,
                         const char* subject, const char* identity) {
  CertificatePtr made(X509_new());
  const auto name = [](X509_NAME* into, const char* text) {
    X509_NAME_add_entry_by_txt(into, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(text), -1, -1, 0);
  };
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 7);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -3'600);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 86'400);
  name(X509_get_subject_name(made.get()), subject);
  name(X509_get_issuer_name(made.get()), issuer);
  X509_set_pubkey(made.get(), key);
  extend(made.get(), NID_basic_constraints, *identity == 0 ? "critical,CA:TRUE" : "CA:FALSE");
  if (*identity != 0) extend(made.get(), NID_subject_alt_name, identity);
  X509_sign(made.get(), authority, EVP_sha256());
  return made;
}

KeyPtr new_key() { return KeyPtr(EVP_EC_gen("P-256")); }

}  // namespace

TEST_CASE("a peer counts no more once its authority is removed, and goes on while it stays") {
  const test::CredentialFiles old;
  const test::CredentialFiles next;
  old.add({.kind = Kind::operator_, .name = "thief"});
  next.add({.kind = Kind::operator_, .name = "ops"});
  next.add({.kind = Kind::master, .name = "a"});
  const auto both = old.text("ca.pem") + next.text("ca.pem");
  const auto alone = next.text("ca.pem");
  const auto use = [&](const std::string& authorities) {
    next.write("ca.pem", authorities);
    old.write("ca.pem", authorities);
  };
  use(both);
  const auto first = next.loaded("a")->get();
  const Handshake thief(old.loaded("thief")->get(), first);
  const Handshake ops(next.loaded("ops")->get(), first);
  CHECK(why_not(thief.of_caller, *first, next.now()) == "");

  use(next.text("ca.pem") + "\n" + both);  // the same ones
  CHECK(next.loaded("a")->get()->authorities() == first->authorities());
  use(alone);
  const auto last = next.loaded("a")->get();
  CHECK(last->authorities() != first->authorities());
  CHECK(is_refused(thief.of_caller, *last, next.now()));
  CHECK(is_refused(thief.of_caller, *last, next.now()));
  CHECK(why_not(ops.of_caller, *last, next.now()) == "");
  // A caller judges its server, too.
  CHECK(why_not(ops.of_server, *last, next.now()) == "");
  use(new_authority("c", days(10), next.now()).certificate + alone);
  const auto returned = next.loaded("a")->get();
  CHECK(why_not(ops.of_server, *returned, next.now()) == "");
  CHECK(why_not(thief.of_caller, *first, next.now()) == "");  // by those it had at first
}

TEST_CASE("who stands between a peer and its authority is remembered with the connection") {
  const auto root_key = new_key();
  const auto between_key = new_key();
  const auto key = new_key();
  const auto root = signed_by(root_key.get(), "root", root_key.get(), "root", "");
  const auto between = signed_by(root_key.get(), "root", between_key.get(), "between", "");
  const auto own =
      signed_by(between_key.get(), "between", key.get(), "a", "URI:spiffe://c/tandem/master/a");
  const test::CredentialFiles files;
  const auto another = files.text("ca.pem");
  files.write("ca.pem", to_pem(root.get()));
  files.write("a.pem", to_pem(own.get()) + to_pem(between.get()));
  files.write("a.key", to_pem(key.get()));
  const auto first = files.loaded("a")->get();
  const Handshake made(first, first);
  files.write("ca.pem", another + to_pem(root.get()));
  const auto more = files.loaded("a")->get();
  CHECK(why_not(made.of_server, *more, files.now()) == "");
  CHECK(why_not(made.of_caller, *more, files.now()) == "");
  files.write("ca.pem", to_pem(between.get()));
  const auto nearer = files.loaded("a")->get();
  CHECK(why_not(made.of_caller, *nearer, files.now()) == "");
  files.write("ca.pem", another);
  files.add({.kind = Kind::master, .name = "b"});
  CHECK(is_refused(made.of_server, *files.loaded("b")->get(), files.now()));
  CHECK(is_refused(made.of_caller, *files.loaded("b")->get(), files.now()));
}

}  // namespace tandem::tls::shown_chain_test
