// Who a caller is by its token, and what that token allows.
#include <catch2/catch.hpp>

#include "common/access/credentials.hpp"
#include "common/access/tokens_file.hpp"

namespace tandem::access::credentials_test {
namespace {

using Standing = Identity::Standing;

const std::string alice = "token-of-alice-0123456789";

WallTime on(int year, unsigned month, unsigned day, std::chrono::seconds time = {}) {
  return std::chrono::sys_days(std::chrono::year_month_day(
             std::chrono::year(year), std::chrono::month(month), std::chrono::day(day))) +
         time;
}

Credential worker(std::vector<std::string> names, const std::string& token) {
  return {.name = "group",
          .role = Role::worker,
          .sha256 = hash_of(token),
          .scope = {.names = std::move(names)}};
}

Credentials of(std::vector<Credential> all) {
  auto made = Credentials::of(std::move(all), "f");
  INFO((made ? "" : made.error().message));
  REQUIRE(made.ok());
  return std::move(*made);
}

std::string refused(std::vector<Credential> all) {
  const auto made = Credentials::of(std::move(all), "f");
  return made ? "" : made.error().message;
}

bool is_in(std::string_view part, const std::string& text) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("roles contain each other as people expect, and a worker's contains no other") {
  const std::vector all{Role::viewer, Role::worker, Role::operator_, Role::master, Role::all};
  const auto contained = [&](Role role) {
    std::string text;
    for (const auto each : all) {
      if (includes(role, each)) text += fmt::format("{} ", to_string(each));
    }
    return text;
  };
  CHECK(contained(Role::viewer) == "viewer ");
  CHECK(contained(Role::worker) == "worker ");
  CHECK(contained(Role::operator_) == "viewer operator ");
  CHECK(contained(Role::master) == "viewer operator master ");
  CHECK(contained(Role::all) == "viewer worker operator master all ");
  for (const auto each : all) CHECK(role_of(to_string(each)) == each);
  CHECK(!role_of("admin"));
  CHECK(!role_of(""));
}

TEST_CASE("a hash is that of sha256sum") {
  CHECK(hash_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hash_of("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("a caller is known by the token that it presents, and by nothing else") {
  const auto credentials = of({{.name = "alice", .role = Role::viewer, .sha256 = hash_of(alice)}});
  const auto now = on(2026, 1, 1);
  for (const auto* scheme : {"Bearer ", "bearer ", "BEARER   "}) {
    const auto found = credentials.identify(scheme + alice, now);
    REQUIRE(found.standing == Standing::known);
    CHECK(found.credential->name == "alice");
  }
  CHECK(credentials.identify("Bearer " + alice + " ", now).standing == Standing::known);
  for (const auto& nobody : std::vector<std::string>{"", "Bearer", "Bearer ", alice,
                                                     "Basic " + alice, " Bearer " + alice}) {
    INFO(nobody);
    CHECK(credentials.identify(nobody, now).standing == Standing::nobody);
  }
  // A hash is no token.
  for (const auto& wrong : std::vector<std::string>{alice + "x", alice.substr(1), "x" + alice,
                                                    hash_of(alice), alice + " " + alice}) {
    INFO(wrong);
    CHECK(credentials.identify("Bearer " + wrong, now).standing == Standing::unknown);
  }
}

TEST_CASE("the one token of a token file allows everything") {
  const auto credentials = Credentials::of_one_token(alice);
  const auto found = credentials.identify("Bearer " + alice, on(2026, 1, 1));
  REQUIRE(found.standing == Standing::known);
  CHECK(found.credential->role == Role::all);
  CHECK(may_speak_as(*found.credential, "anybody"));
  CHECK(credentials.outside_scope(*found.credential, {"w1", "shop", "10.0.0.1", "10.0.0.2"}) == "");
}

TEST_CASE("a token holds to the end of its last day, in UTC") {
  const auto until = parse_last_day("2026-02-28", "until");
  REQUIRE(until.ok());
  const auto credentials =
      of({{.name = "alice", .role = Role::viewer, .sha256 = hash_of(alice), .until = *until}});
  const auto standing = [&](WallTime now) {
    return credentials.identify("Bearer " + alice, now).standing;
  };
  CHECK(standing(on(2026, 2, 28, std::chrono::seconds(86'399))) == Standing::known);
  CHECK(standing(on(2026, 3, 1)) == Standing::expired);
  CHECK(until->days_left(on(2026, 2, 28)) == 0);
  CHECK(until->days_left(on(2026, 2, 21, std::chrono::seconds(86'399))) == 7);
  CHECK(until->days_left(on(2026, 3, 2)) == -2);
  CHECK(until->to_string() == "2026-02-28");
}

TEST_CASE("a last day is one of the calendar") {
  CHECK(parse_last_day("2028-02-29", "until").ok());
  for (const auto* text : {"", "2027-02-29", "2027-13-01", "2027-00-10", "2027-1-1", "27-01-01",
                           "2027/01/01", "2027-01-01T00:00:00", "tomorrow", "2027-01-32"}) {
    INFO(text);
    CHECK(!parse_last_day(text, "until").ok());
  }
}

TEST_CASE("a worker is what its token says: name, service and address") {
  auto one = worker({"w1", "shop-*"}, alice);
  one.scope.services = {"shop", "web"};
  one.scope.addresses = {*parse_address_range("10.1.0.0/16", "a"),
                         *parse_address_range("fd00::/8", "a")};
  const auto credentials = of({one});
  const auto& caller = *credentials.all().front();
  const auto outside = [&](WorkerClaim claim) { return credentials.outside_scope(caller, claim); };
  CHECK(outside({"w1", "shop", "10.1.2.3", "192.0.2.1"}) == "");
  CHECK(outside({"shop-", "web", "fd00::1", "192.0.2.1"}) == "");
  CHECK(outside({"shop-17", "web", "10.1.0.0", "192.0.2.1"}) == "");
  CHECK(is_in("a worker named w2", outside({"w2", "shop", "10.1.2.3", "10.1.2.3"})));
  CHECK(is_in("a worker named w11", outside({"w11", "shop", "10.1.2.3", "10.1.2.3"})));
  CHECK(is_in("the service default", outside({"w1", "default", "10.1.2.3", "10.1.2.3"})));
  CHECK(is_in("the address 10.2.0.1", outside({"w1", "shop", "10.2.0.1", "10.2.0.1"})));
}

TEST_CASE("a token that names no service is for the default one, and no address for its own") {
  const auto credentials = of({worker({"w1"}, alice)});
  const auto& caller = *credentials.all().front();
  CHECK(credentials.outside_scope(caller, {"w1", "default", "10.0.0.1", "10.0.0.1"}) == "");
  CHECK(is_in("the service shop",
              credentials.outside_scope(caller, {"w1", "shop", "10.0.0.1", "10.0.0.1"})));
  CHECK(is_in("the address that it calls from alone, 10.0.0.1, not for 10.0.0.2",
              credentials.outside_scope(caller, {"w1", "default", "10.0.0.2", "10.0.0.1"})));
}

TEST_CASE("a name that one entry has in full is covered by no beginning of another") {
  auto witness = worker({"w1"}, "token-of-the-witness-w1");
  witness.name = "w1";
  witness.scope.witness = true;
  const auto credentials =
      of({worker({"*"}, alice),
          witness,
          {.name = "a", .role = Role::master, .sha256 = hash_of("token-of-the-master-a")}});
  const auto outside = [&](std::size_t entry, std::string_view name) {
    return credentials.outside_scope(*credentials.all()[entry],
                                     {name, "default", "127.0.0.1", "127.0.0.1"});
  };
  CHECK(outside(0, "w7") == "");
  CHECK(outside(0, "w1") != "");
  CHECK(outside(0, "a") != "");
  CHECK(outside(1, "w1") == "");
}

TEST_CASE("who may speak to the cluster speaks in its own name") {
  Credential witness = worker({"w1"}, alice);
  CHECK(!may_speak_as(witness, "w1"));
  witness.scope.witness = true;
  CHECK(may_speak_as(witness, "w1"));
  CHECK(!may_speak_as(witness, "a"));
  const Credential master{.name = "a", .role = Role::master, .sha256 = hash_of("m")};
  CHECK(may_speak_as(master, "a"));
  CHECK(!may_speak_as(master, "b"));
  for (const auto role : {Role::viewer, Role::operator_}) {
    CHECK(!may_speak_as({.name = "a", .role = role, .sha256 = ""}, "a"));
  }
}

TEST_CASE("entries that contradict each other are refused") {
  const auto entry = [](const std::string& name, Role role, const std::string& token, int line) {
    return Credential{.name = name, .role = role, .sha256 = hash_of(token), .line = line};
  };
  const auto viewer = entry("ops", Role::viewer, "1", 1);
  CHECK(is_in("f:5: the sha256 of line 1 again",
              refused({viewer, entry("other", Role::operator_, "1", 5)})));
  CHECK(refused({viewer, entry("ops", Role::viewer, "2", 5)}) == "");
  CHECK(is_in("f:9: ops has 2 entries already", refused({viewer, entry("ops", Role::viewer, "2", 5),
                                                         entry("ops", Role::viewer, "3", 9)})));
  CHECK(is_in("f:5: ops is operator here and viewer at line 1",
              refused({viewer, entry("ops", Role::operator_, "2", 5)})));
  auto pretender = worker({"x", "a"}, "2");
  pretender.line = 3;
  CHECK(is_in("f:3: a worker cannot have the name a, which is that of a master at line 7",
              refused({pretender, entry("a", Role::master, "3", 7)})));
}

TEST_CASE("of two entries of one name the one that ends first is replaced by the other") {
  const auto first = *parse_last_day("2026-01-31", "until");
  const auto later = *parse_last_day("2026-12-31", "until");
  const auto credentials =
      of({{.name = "a", .role = Role::viewer, .sha256 = hash_of("1"), .until = first},
          {.name = "a", .role = Role::viewer, .sha256 = hash_of("2"), .until = later},
          {.name = "b", .role = Role::viewer, .sha256 = hash_of("3"), .until = first},
          {.name = "b", .role = Role::viewer, .sha256 = hash_of("4")},
          {.name = "c", .role = Role::viewer, .sha256 = hash_of("5"), .until = first}});
  std::string replaced;
  for (const auto& each : credentials.all()) replaced += credentials.is_replaced(*each) ? "1" : "0";
  CHECK(replaced == "10100");
}

TEST_CASE("what a witness is presented follows from its token's hash, and leads to no other") {
  const auto secret = witness_secret(hash_of(alice));
  CHECK(secret.size() == 64);
  CHECK(secret == witness_secret(hash_of(alice)));
  CHECK(secret != hash_of(alice));
  CHECK(secret != witness_secret(hash_of("another-token-0123456789")));
  CHECK(Credentials::of_one_token(alice).identify("Bearer " + secret, on(2026, 1, 1)).standing ==
        Standing::unknown);
}

}  // namespace tandem::access::credentials_test
