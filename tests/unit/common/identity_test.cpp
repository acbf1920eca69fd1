#include "common/tls/identity.hpp"

#include <catch2/catch.hpp>

#include "common/access/limits.hpp"
#include "common/tls/authority.hpp"

namespace tandem::tls::identity_test {
namespace {

constexpr WallTime now{std::chrono::sys_days{std::chrono::year{2026} / 11 / 27}};

std::string refusal_of(const std::vector<std::string>& uris) {
  const auto identity = identity_of(uris, {});
  REQUIRE(!identity);
  return identity.error().message;
}

}  // namespace

TEST_CASE("what a worker's certificate says is what it was issued for, and all that it may be") {
  const auto authority = new_authority("shop-eu", std::chrono::days(30), now);
  Identity wanted{.kind = Kind::worker, .name = "w1"};
  wanted.services = {"shop", "files"};
  wanted.addresses = {"10.0.0.3", "fd00::3"};
  wanted.witness = true;
  const auto issued =
      issue(authority.certificate, authority.key, wanted, std::chrono::days(7), now);
  REQUIRE(issued);
  const auto certificates = certificates_in(issued->certificate);
  REQUIRE(certificates);
  const auto identity = identity_of(certificates->front().get());
  REQUIRE(identity);
  CHECK(identity->id() == "spiffe://shop-eu/tandem/worker/w1");
  CHECK(identity->cluster == "shop-eu");
  const auto credential = credential_of(*identity);
  CHECK(credential.role == access::Role::worker);
  CHECK(credential.scope.names == std::vector<std::string>{"w1"});
  CHECK(credential.scope.services == wanted.services);
  CHECK(credential.scope.witness);
  REQUIRE(credential.scope.addresses.size() == 2);
  CHECK(credential.scope.addresses[0].contains("10.0.0.3"));
  CHECK(!credential.scope.addresses[0].contains("10.0.0.4"));
  CHECK(credential.scope.addresses[1].contains("fd00::3"));
  CHECK(expires(certificates->front().get()) == now + std::chrono::days(7));
  CHECK(begins(certificates->front().get()) < now);
}

TEST_CASE("a worker's certificate without services is for the service default") {
  const auto identity = identity_of({"spiffe://c/tandem/worker/w1"}, {});
  REQUIRE(identity);
  const auto credential = credential_of(*identity);
  CHECK(credential.scope.services == std::vector<std::string>{"default"});
  CHECK(credential.scope.addresses.empty());
  CHECK(!credential.scope.witness);
}

TEST_CASE("an operator's certificate is for changes unless it is issued for looking alone") {
  const auto full = identity_of({"spiffe://c/tandem/operator/ops"}, {});
  REQUIRE(full);
  CHECK(credential_of(*full).role == access::Role::operator_);
  const auto looks = identity_of({"tandem:role:viewer", "spiffe://c/tandem/operator/ops"}, {});
  REQUIRE(looks);
  CHECK(credential_of(*looks).role == access::Role::viewer);
}

TEST_CASE("a certificate without one identity that is understood is nobody's") {
  CHECK(refusal_of({}) == "its certificate has no identity spiffe://CLUSTER/tandem/...");
  for (const auto* uri :
       {"spiffe://c/tandem/worker/", "spiffe://c/tandem/worker/w1/x", "spiffe://c/tandem/boss/w1",
        "spiffe://c/ns/default/sa/w1", "spiffe:///tandem/worker/w1", "spiffe://C/tandem/worker/w1",
        "https://c/tandem/worker/w1", "spiffe://c/tandem/worker/..", "spiffe://c/tandem/worker/w 1",
        "spiffe://c:1/tandem/worker/w1", "spiffe://x@c/tandem/worker/w1"}) {
    CAPTURE(uri);
    refusal_of({uri});
  }
  CHECK(refusal_of({"spiffe://c/tandem/worker/w1", "spiffe://c/tandem/master/a"}) ==
        "its certificate has two identities");
  CHECK(refusal_of({"spiffe://c/tandem/worker/w1", "tandem:only-on-sundays"}) ==
        "its certificate restricts it in a way that is not known here");
  CHECK(refusal_of({std::string("spiffe://c/tandem/worker/w1\0.evil", 33)}) ==
        "its certificate has no identity spiffe://CLUSTER/tandem/...");
}

TEST_CASE("a certificate has as many services as a scope may have, and not one more") {
  std::vector<std::string> uris{"spiffe://c/tandem/worker/w1"};
  for (std::size_t i = 0; i < limits::scope_items_max; ++i) {
    uris.push_back("tandem:service:s" + std::to_string(i));
  }
  CHECK(identity_of(uris, {}).ok());
  uris.push_back("tandem:service:one-more");
  CHECK(refusal_of(uris) == "its certificate has too many services or addresses");
}

TEST_CASE("an authority issues nothing that outlives it, and nothing with another's key") {
  const auto authority = new_authority("c", std::chrono::days(10), now);
  const auto other = new_authority("c", std::chrono::days(10), now);
  const Identity master{.kind = Kind::master, .name = "a"};
  const auto longer =
      issue(authority.certificate, authority.key, master, std::chrono::days(11), now);
  REQUIRE(!longer);
  CHECK(longer.error().message.starts_with("the authority ends on 2026-12-07"));
  const auto foreign = issue(authority.certificate, other.key, master, std::chrono::days(1), now);
  REQUIRE(!foreign);
  CHECK(foreign.error().message == "the authority's key is not that of its certificate");
  const auto member =
      issue(authority.certificate, authority.key, master, std::chrono::days(1), now);
  REQUIRE(member);
  const auto by_member = issue(member->certificate, member->key, master, std::chrono::days(0), now);
  REQUIRE(!by_member);
  CHECK(by_member.error().message ==
        "the authority has no name spiffe://CLUSTER: it is of no cluster");
}

}  // namespace tandem::tls::identity_test
