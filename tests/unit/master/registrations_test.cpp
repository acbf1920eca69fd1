// What services register as with a Consul agent: how it is read, and how masters agree about it.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "master/control/discovery/consul_registration.hpp"
#include "master/control/discovery/limits.hpp"
#include "master/control/discovery/registered_place.hpp"
#include "master/control/discovery/registrations.hpp"

namespace tandem::master::registrations_test {

using Json = nlohmann::json;
using Others = Registrations::Others;
using Taken = Registrations::Taken;

namespace {

constexpr auto peer = "10.0.0.7";
const Instant start(1h);

Registration web(const std::string& id = "web-1", const std::string& owner = "team") {
  auto made = read_consul_service(
      Json{{"Name", "web"},
           {"ID", id},
           {"Port", 9001},
           {"Check", {{"TTL", "10s"}, {"DeregisterCriticalServiceAfter", "90s"}}}}
          .dump(),
      peer);
  REQUIRE(made.ok());
  made->owner = owner;
  return *made;
}

// As another master would be told.
Registration told(const Registrations& all, const std::string& id, Extent extent, Instant now) {
  const auto document = document_of(all.all().at(id), extent, now).dump();
  auto read = read_registration(Json::parse(document), now);
  INFO(document);
  REQUIRE(read.ok());
  return *read;
}

std::string why(const Json& document) {
  const auto read = read_consul_service(document.dump(), peer);
  return read ? "" : read.error().field;
}

}  // namespace

TEST_CASE("a registration is read as clients of Consul write it") {
  const auto read = read_consul_service(
      R"({"name": "web", "id": "web/1 ü", "address": "", "port": 80, "tags": ["v2", "x"],
          "meta": {"zone": "a"}, "weights": {"passing": 10, "warning": 1},
          "enable_tag_override": true,
          "Checks": [{"ttl": "1m30s", "status": "passing"},
                     {"HTTP": "http://localhost:8081/up?x=1", "interval": "10s"}],
          "NotKnownHere": {"a": [1]}})",
      peer);
  REQUIRE(read.ok());
  CHECK(read->id == "web/1 ü");
  CHECK(read->worker.starts_with("web-1---"));
  CHECK(read->address == Endpoint{peer, 80});
  CHECK(read->weights == RegistrationWeights{10, 1});
  REQUIRE(read->checks.size() == 2);
  CHECK(read->checks[0].id == "service:web/1 ü:1");
  CHECK(read->checks[0].ttl == 90s);
  CHECK(read->checks[1].probe->port == 8081);
  CHECK(read->checks[1].probe->path == "/up?x=1");
}

TEST_CASE("what cannot be done is refused, naming the member") {
  const Json good{{"Name", "web"}, {"Port", 80}};
  CHECK(why(good).empty());
  const auto with = [&](const char* key, const Json& value) {
    auto changed = good;
    changed[key] = value;
    return why(changed);
  };
  CHECK(with("Name", "web server") == "name");
  CHECK(with("Name", "") == "name");
  CHECK(with("Port", 0) == "port");
  CHECK(with("Port", 65'536) == "port");
  CHECK(with("Address", "example.com") == "address");
  CHECK(with("Address", "0.0.0.0") == "address");
  CHECK(with("ID", std::string(257, 'x')) == "id");
  CHECK(with("ID", "a\nb") == "id");
  CHECK(with("Tags", Json::array({"a", 1})) == "tags");
  CHECK(with("Tags", Json::array({"a\x1b[1m"})) == "tags");
  CHECK(with("Meta", {{"k", std::string(513, 'v')}}) == "meta");
  CHECK(with("Meta", Json::array({"a"})) == "meta");
  CHECK(with("Weights", {{"Passing", 0}}) == "passing");
  CHECK(with("Kind", "connect-proxy") == "kind");
  CHECK(with("Connect", {{"Native", true}}) == "connect");
  CHECK(with("Connect", Json::object()).empty());
  const auto check = [&](const Json& document) { return with("Check", document); };
  CHECK(check({{"TTL", "10"}}) == "ttl");
  CHECK(check({{"TTL", "1ms"}}) == "ttl");
  CHECK(check({{"TTL", "10s"}, {"TCP", "10.0.0.7:80"}, {"Interval", "1s"}}) == "check");
  CHECK(check({{"Args", {"sh", "-c", "id"}}, {"Interval", "1s"}}) == "args");
  CHECK(check({{"HTTP", "http://10.0.0.7:80/"}}) == "interval");
  CHECK(check({{"HTTP", "http://10.0.0.7:80/"}, {"Interval", "10ms"}}) == "interval");
  CHECK(check({{"HTTP", "https://10.0.0.7/"}, {"Interval", "5s"}}) == "http");
  CHECK(check({{"HTTP", "http://169.254.169.254/latest"}, {"Interval", "5s"}}) == "http");
  CHECK(check({{"HTTP", "http://10.0.0.7/\r\nX: y"}, {"Interval", "5s"}}) == "http");
  CHECK(check({{"HTTP", "http://u:p@10.0.0.7/"}, {"Interval", "5s"}}) == "http");
  CHECK(check({{"TCP", "10.0.0.8:22"}, {"Interval", "5s"}}) == "tcp");
  CHECK(check({{"TCP", "127.0.0.1:22"}, {"Interval", "5s"}}).empty());
  CHECK(check({{"Method", "POST"}, {"HTTP", "http://10.0.0.7/"}, {"Interval", "5s"}}) == "method");
  CHECK_FALSE(read_consul_service(std::string(100, '['), peer).ok());
  CHECK_FALSE(read_consul_service(R"({"Name": "a", "name": "b", "Port": 1})", peer).ok());
}

TEST_CASE("durations are read as Go writes them") {
  CHECK(*parse_go_duration("1h2m3.5s", "ttl") == 1h + 2min + 3500ms);
  CHECK(*parse_go_duration("90s", "ttl") == 90s);
  CHECK(*parse_go_duration("0", "ttl") == 0s);
  for (const auto* text : {"", "10", "s", "-1s", "1s2", "1d", "9999999h", "1s 2s"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_go_duration(text, "ttl").ok());
  }
}

TEST_CASE("a service that does not report in time is critical") {
  Registrations all("a");
  REQUIRE(all.put(web(), Others::keep, start).ok());
  const auto status = [&](Instant now) { return all.find("web-1")->reported(now); };
  CHECK(status(start) == CheckStatus::critical);
  REQUIRE(all.report("service:web-1", "team", CheckStatus::passing, "", start).ok());
  CHECK(status(start + 10s) == CheckStatus::passing);
  CHECK(status(start + 11s) == CheckStatus::critical);
}

TEST_CASE("what is another owner's cannot be changed") {
  Registrations all("a");
  REQUIRE(all.put(web(), Others::keep, start).ok());
  CHECK(all.put(web("web-1", "other"), Others::keep, start).error().code == ErrorCode::conflict);
  CHECK(all.remove("web-1", "other", start).error().code == ErrorCode::conflict);
  const auto reported = all.report("service:web-1", "other", CheckStatus::passing, "", start);
  CHECK(reported.error().code == ErrorCode::conflict);
  CHECK(all.remove_check("service:web-1", "other").error().code == ErrorCode::conflict);
  // A check of its own by the id of another's, and a name that is made to look like another's.
  auto thief = web("web-2", "other");
  thief.checks[0].id = "service:web-1";
  CHECK(all.put(thief, Others::keep, start).error().code == ErrorCode::conflict);
  REQUIRE(all.put(web("web 1", "team"), Others::keep, start).ok());
  auto alike = web(worker_name_of("web 1"), "other");
  CHECK(all.put(alike, Others::keep, start).error().code == ErrorCode::conflict);
}

TEST_CASE("who registers anew keeps its state, and its checks that were added") {
  Registrations all("a");
  REQUIRE(all.put(web(), Others::keep, start).ok());
  const auto incarnation = all.find("web-1")->incarnation;
  REQUIRE(all.report("service:web-1", "team", CheckStatus::passing, "", start).ok());
  RegisteredCheck more{.id = "more", .name = "more", .ttl = 5s};
  REQUIRE(all.add_check("web-1", "team", more, start).ok());
  const auto version = all.version();
  REQUIRE(all.put(web(), Others::keep, start + 1s).ok());
  CHECK(all.version() == version);  // nothing is new
  auto changed = web();
  changed.tags = {"v2"};
  REQUIRE(all.put(changed, Others::keep, start + 1s).ok());
  CHECK(all.find("web-1")->incarnation == incarnation);
  CHECK(all.find("web-1")->checks.size() == 2);
  CHECK(all.find("web-1")->checks[0].status(start + 2s) == CheckStatus::passing);
  REQUIRE(all.put(changed, Others::replace, start + 1s).ok());
  CHECK(all.find("web-1")->checks.size() == 1);
  // After it has gone it is another one.
  REQUIRE(all.remove("web-1", "team", start).ok());
  CHECK(all.find("web-1") == nullptr);
  REQUIRE(all.put(web(), Others::keep, start).ok());
  CHECK(all.find("web-1")->incarnation != incarnation);
}

TEST_CASE("there is a limit to what one owner registers, and to all of it") {
  Registrations all("a");
  for (std::size_t i = 0; i < limits::registrations_of_an_owner_max; ++i) {
    REQUIRE(all.put(web("w" + std::to_string(i)), Others::keep, start).ok());
  }
  CHECK(all.put(web("more"), Others::keep, start).error().code == ErrorCode::unavailable);
  CHECK(all.put(web("more", "other"), Others::keep, start).ok());
  CHECK(all.put(web("w0"), Others::keep, start).ok());
  auto long_one = web("long", "other");
  for (int i = 0; i < 17; ++i)
    long_one.meta.emplace("k" + std::to_string(i), std::string(512, 'v'));
  CHECK(all.put(long_one, Others::keep, start).error().code == ErrorCode::invalid);
  auto two_probes = web("two", "other");
  two_probes.checks = {{.id = "1", .name = "1", .probe = ProbedCheck{.port = 1, .interval = 1s}},
                       {.id = "2", .name = "2", .probe = ProbedCheck{.port = 2, .interval = 1s}}};
  CHECK(all.put(two_probes, Others::keep, start).error().code == ErrorCode::invalid);
}

TEST_CASE("masters agree, in whatever order they hear of it") {
  Registrations a("a");
  Registrations b("b");
  auto full = web();
  full.tags = {"v1", "\"quoted\""};
  full.meta = {{"zone", "a"}};
  full.weights = RegistrationWeights{5, 2};
  REQUIRE(a.put(full, Others::keep, start).ok());
  const auto first = told(a, "web-1", Extent::whole, start);
  REQUIRE(a.report("service:web-1", "team", CheckStatus::passing, "well", start).ok());
  const auto report = told(a, "web-1", Extent::reports, start + 2s);
  CHECK(b.take(report, start) == Taken::wanted);
  CHECK(b.take(told(a, "web-1", Extent::whole, start + 2s), start + 2s) == Taken::news);
  CHECK(b.take(first, start) == Taken::known);
  CHECK(b.take(report, start + 2s) == Taken::known);
  const auto* mine = b.find("web-1");
  REQUIRE(mine != nullptr);
  CHECK(mine->tags == full.tags);
  CHECK(mine->meta == full.meta);
  CHECK(mine->weights == full.weights);
  CHECK(mine->owner == "team");
  CHECK(mine->incarnation == a.find("web-1")->incarnation);
  // Its age counts, not when it was heard of.
  CHECK(mine->reported(start + 10s) == CheckStatus::passing);
  CHECK(mine->reported(start + 11s) == CheckStatus::critical);
  REQUIRE(b.report("service:web-1", "team", CheckStatus::warning, "", start + 3s).ok());
  CHECK(a.take(told(b, "web-1", Extent::reports, start + 3s), start + 3s) == Taken::news);
  CHECK(a.find("web-1")->reported(start + 3s) == CheckStatus::warning);
  CHECK(a.find("web-1")->weight(start + 3s) == 2);
  // Who was away does not bring back what was deregistered meanwhile.
  REQUIRE(b.remove("web-1", "team", start).ok());
  CHECK(b.take(told(a, "web-1", Extent::whole, start), start) == Taken::known);
  CHECK(a.take(told(b, "web-1", Extent::whole, start), start) == Taken::news);
  CHECK(a.find("web-1") == nullptr);
  CHECK(a.of_check("service:web-1") == nullptr);
}

TEST_CASE("of two masters that are told of one id at once the same one counts for both") {
  Registrations a("a");
  Registrations b("b");
  REQUIRE(a.put(web("web-1", "one"), Others::keep, start).ok());
  REQUIRE(b.put(web("web-1", "two"), Others::keep, start).ok());
  const auto of_a = told(a, "web-1", Extent::whole, start);
  const auto of_b = told(b, "web-1", Extent::whole, start);
  a.take(of_b, start);
  b.take(of_a, start);
  CHECK(a.find("web-1")->owner == b.find("web-1")->owner);
  CHECK(a.find("web-1")->incarnation == b.find("web-1")->incarnation);
}

TEST_CASE("what was critical for as long as it wants is overdue") {
  Registrations all("a");
  REQUIRE(all.put(web(), Others::keep, start).ok());
  all.note_status("web-1", "service:web-1", true, start);
  CHECK(all.overdue(start + 89s).empty());
  CHECK(all.overdue(start + 90s) == std::vector<std::string>{"web-1"});
  all.note_status("web-1", "service:web-1", false, start + 80s);
  CHECK(all.overdue(start + 90s).empty());
}

TEST_CASE("what was deregistered is forgotten in the end") {
  Registrations all("a");
  REQUIRE(all.put(web(), Others::keep, start).ok());
  REQUIRE(all.remove("web-1", "team", start).ok());
  all.forget(start + 1h);
  CHECK(all.all().size() == 1);
  all.forget(start + limits::deregistrations_kept);
  CHECK(all.all().empty());
}

TEST_CASE("a service registers where clients can be sent, and nowhere else") {
  const auto may = [](const std::string& host, const char* caller, bool alone = false) {
    return check_registered_host(host, caller, alone).ok();
  };
  CHECK(may("10.0.0.7", "10.0.0.7"));
  CHECK(may("10.0.0.8", "10.0.0.7"));  // the token's scope says whether that is allowed
  CHECK_FALSE(may("127.0.0.1", "10.0.0.7", true));
  CHECK_FALSE(may("::ffff:127.0.0.1", "10.0.0.7", true));
  CHECK_FALSE(may("127.0.0.1", "127.0.0.1", false));
  CHECK(may("127.0.0.1", "127.0.0.1", true));
  CHECK_FALSE(may("169.254.169.254", "10.0.0.7"));
  CHECK_FALSE(may("::ffff:169.254.169.254", "10.0.0.7"));
  CHECK(may("169.254.1.7", "169.254.1.7"));
  CHECK_FALSE(may("fe80::1", "10.0.0.7"));
  CHECK_FALSE(may("224.0.0.1", "10.0.0.7"));
  CHECK_FALSE(may("255.255.255.255", "10.0.0.7"));
  CHECK_FALSE(may("0.0.0.1", "10.0.0.7"));
  CHECK_FALSE(may("::", "10.0.0.7"));
}

}  // namespace tandem::master::registrations_test
