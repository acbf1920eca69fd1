// Who may do what at the control address: every endpoint, with a token of every role.
#include <sys/stat.h>

#include <fstream>
#include <set>
#include <sstream>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "common/access/tokens_file.hpp"
#include "master/control/api_router.hpp"
#include "tests/unit/master/control_fixture.hpp"
#include "tests/unit/master/temporary_directory.hpp"

namespace tandem::master::control_roles_test {

using Json = nlohmann::json;

namespace {

// A tokens file whose tokens are the names of their entries, made longer.
class TokensFile {
 public:
  void add(access::EntryText entry, const std::string& token) {
    auto text = access::write_entry(entry, access::hash_of(token));
    INFO((text ? "" : text.error().message));
    REQUIRE(text.ok());
    text_ += *text;
    write(text_);
  }
  void add(const std::string& name, access::Role role) {
    add({.name = name, .role = role}, token_of(name));
  }
  void write(const std::string& text) {
    std::ofstream(path()) << text;
    REQUIRE(::chmod(path().c_str(), 0600) == 0);
  }
  const std::string& text() const { return text_; }
  std::string path() const { return (directory_.path() / "tokens.toml").string(); }
  static std::string token_of(const std::string& name) { return "secret-of-" + name + "-0123456"; }

 private:
  TemporaryDirectory directory_;
  std::string text_;
};

// One entry of each kind.
void add_one_of_each(TokensFile& file) {
  file.add("viewer", access::Role::viewer);
  file.add("operator", access::Role::operator_);
  file.add("master", access::Role::master);
  file.add("worker", access::Role::worker);
  file.add({.name = "witness", .role = access::Role::worker, .witness = true},
           TokensFile::token_of("witness"));
  file.add("all", access::Role::all);
  file.add({.name = "expired", .role = access::Role::all, .until = "2020-01-31"},
           TokensFile::token_of("expired"));
}

ControlPlaneOptions with(const TokensFile& file) {
  ControlPlaneOptions options;
  options.tokens_file = file.path();
  return options;
}

// What is logged while it lives. Made before, and read after, all that logs on other threads.
class CapturedLog {
 public:
  CapturedLog() : before_(spdlog::default_logger()), level_(spdlog::get_level()) {
    auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text_);
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("captured", std::move(sink)));
    spdlog::set_level(spdlog::level::info);
  }
  ~CapturedLog() {
    spdlog::set_default_logger(before_);
    spdlog::set_level(level_);
  }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  std::shared_ptr<spdlog::logger> before_;
  spdlog::level::level_enum level_;
};

std::string path_of(const ApiEndpoint& endpoint) {
  std::string path(endpoint.path);
  const auto place = path.find("{name}");
  return place == path.npos ? path : path.replace(place, 6, "nobody");
}

// Who may do it, in words of the threat model and not of the table.
std::set<std::string> allowed(const ApiEndpoint& endpoint) {
  // States of a master, and the page without anything that it shows.
  const std::set<std::string> open{"/health",   "/ready",   "/primary",   "/standby",   "/",
                                   "/page.css", "/page.js", "/charts.js", "/charts.css"};
  if (open.contains(std::string(endpoint.path))) {
    return {"", "unknown", "expired", "viewer", "operator", "master", "worker", "witness", "all"};
  }
  if (endpoint.path == "/heartbeat") return {"worker", "witness", "all"};
  const bool is_agent = endpoint.path.starts_with("/v1/agent/");
  if (is_agent && endpoint.method == "PUT") return {"worker", "witness", "all"};
  if (is_agent || endpoint.path == "/v1/status/leader") {
    return {"viewer", "operator", "master", "worker", "witness", "all"};
  }
  if (endpoint.path == "/cluster/messages" || endpoint.path == "/cluster/link")
    return {"master", "witness", "all"};
  if (endpoint.path.starts_with("/cluster/")) return {"master", "all"};
  if (endpoint.method == "GET") return {"viewer", "operator", "master", "all"};
  return {"operator", "master", "all"};
}

bool is_in(std::string_view part, const std::string& text) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("every endpoint is for those whose role says so, and for nobody else") {
  TokensFile file;
  add_one_of_each(file);
  auto options = with(file);
  options.node = "master";  // a token of another master counts for nothing
  ControlFixture cluster(options);
  REQUIRE(cluster.plane.endpoints().size() > 20);
  for (const auto& endpoint : cluster.plane.endpoints()) {
    const auto may = allowed(endpoint);
    for (const auto* who :
         {"", "unknown", "expired", "viewer", "operator", "master", "worker", "witness", "all"}) {
      const std::string name = who;
      ControlClient client(cluster.plane.address(), name.empty() ? "" : file.token_of(name));
      const auto answer = client.send(std::string(endpoint.method), path_of(endpoint));
      INFO(endpoint.method << " " << endpoint.path << " by " << name << ": " << answer.status << " "
                           << answer.body);
      const bool is_known = name != "" && name != "unknown" && name != "expired";
      if (may.contains(name)) {
        CHECK(answer.status != 401);
        CHECK(answer.status != 403);
      } else {
        CHECK(answer.status == (is_known ? 403 : 401));
        CHECK(Json::parse(answer.body).contains("error"));
      }
      CHECK(!is_in("secret-of-", answer.body));
    }
  }
}

TEST_CASE("what is open to all tells strangers, workers and expired tokens the status alone") {
  TokensFile file;
  add_one_of_each(file);
  ControlFixture cluster(with(file));
  for (const auto* path : {"/health", "/ready", "/primary", "/standby"}) {
    for (const auto* who : {"unknown", "expired", "worker", "witness"}) {
      ControlClient client(cluster.plane.address(), file.token_of(who));
      CHECK(client.get(path).body == "{}");
    }
    ControlClient viewer(cluster.plane.address(), file.token_of("viewer"));
    CHECK(viewer.get(path).body != "{}");
  }
}

TEST_CASE("a worker's heartbeat is taken within its scope, and refused with what is outside") {
  TokensFile file;
  file.add({.name = "w1", .role = access::Role::worker}, file.token_of("w1"));
  file.add({.name = "group",
            .role = access::Role::worker,
            .names = {"shop-*"},
            .services = {"shop"},
            .addresses = {"10.0.0.0/8"}},
           file.token_of("group"));
  file.add("viewer", access::Role::viewer);
  ControlFixture cluster(with(file));
  ControlClient w1(cluster.plane.address(), file.token_of("w1"));
  ControlClient group(cluster.plane.address(), file.token_of("group"));
  const auto said = [](const std::string& name, const std::string& service,
                       const std::string& address) {
    return fmt::format(R"({{"name":"{}","incarnation":"one","service":"{}","address":"{}",)"
                       R"("weight":100,"connections":64,"in_flight":0,"state":"up"}})",
                       name, service, address);
  };
  CHECK(w1.post("/heartbeat", said("w1", "default", "127.0.0.1:9001")).status == 200);
  CHECK(w1.post("/heartbeat", said("w1", "default", "0.0.0.0:9001")).status == 200);
  CHECK(group.post("/heartbeat", said("shop-3", "shop", "10.0.0.3:80")).status == 200);
  const auto check_refused = [&](ControlClient& client, const std::string& heartbeat,
                                 const std::string& why) {
    const auto answer = client.post("/heartbeat", heartbeat);
    INFO(answer.body);
    CHECK(answer.status == 403);
    CHECK(is_in(why, answer.body));
  };
  check_refused(w1, said("shop-3", "default", "127.0.0.1:9001"), "a worker named shop-3");
  check_refused(w1, said("w1", "shop", "127.0.0.1:9001"), "the service shop");
  check_refused(w1, said("w1", "default", "127.0.0.2:9001"), "calls from alone");
  check_refused(group, said("w1", "shop", "10.0.0.3:80"), "a worker named w1");
  check_refused(group, said("shop-3", "shop", "11.0.0.3:80"), "the address 11.0.0.3");
  // Also one that would take another out.
  auto bye = said("w1", "shop", "10.0.0.3:80");
  check_refused(group, bye.replace(bye.find("\"up\""), 4, "\"bye\""), "a worker named w1");
  ControlClient viewer(cluster.plane.address(), file.token_of("viewer"));
  const auto status = Json::parse(viewer.get("/status").body);
  CHECK(status["refused_requests"]["forbidden"] == 6);
  CHECK(status["workers"].size() == 2);
}

TEST_CASE("a worker that may not vote serves, and is told so") {
  TokensFile file;
  file.add("w1", access::Role::worker);
  file.add({.name = "w2", .role = access::Role::worker, .witness = true}, file.token_of("w2"));
  ControlFixture cluster(with(file));
  const auto offering = [](const std::string& name, const std::string& witness) {
    auto heartbeat = heartbeat_json(name);
    heartbeat.pop_back();
    return heartbeat + R"(,"witness_incarnation":7,"witness_control":")" + witness + "\"}";
  };
  ControlClient w1(cluster.plane.address(), file.token_of("w1"));
  const auto without = w1.post("/heartbeat", offering("w1", "127.0.0.1:9"));
  CHECK(without.status == 200);
  CHECK(is_in("witness = true", without.body));
  ControlClient w2(cluster.plane.address(), file.token_of("w2"));
  const auto with_vote = w2.post("/heartbeat", offering("w2", "127.0.0.1:9"));
  CHECK(with_vote.status == 200);
  CHECK(!is_in("warning", with_vote.body));
  // Where masters would send what proves them is within the scope, too.
  CHECK(w2.post("/heartbeat", offering("w2", "127.0.0.2:9")).status == 403);
}

TEST_CASE("who speaks to the cluster with a token speaks in its own name alone") {
  TokensFile file;
  file.add("b", access::Role::master);
  file.add({.name = "w1", .role = access::Role::worker, .witness = true}, file.token_of("w1"));
  ControlFixture cluster(with(file));
  const auto envelope = [](const std::string& node, const std::string& body) {
    return fmt::format(
        R"({{"format":1,"node":"{0}","control":"127.0.0.1:9","listen":"","pass":"",)"
        R"("election_timeout_ms":500,"messages":[{{"cluster":1,"from":{{"node":"{0}",)"
        R"("incarnation":1}},"to":{{"node":"a","incarnation":1}},"term":9,{1}}}]}})",
        node, body);
  };
  const std::string released = R"("released":{})";
  const std::string timeout_now = R"("timeout_now":{})";
  const auto status_of = [&](const std::string& who, const std::string& text) {
    ControlClient client(cluster.plane.address(), file.token_of(who));
    const auto answer = client.post("/cluster/messages", text);
    INFO(answer.body);
    CHECK((answer.status != 400));
    return answer.status;
  };
  constexpr auto other_cluster = 409;  // it came as far as that
  CHECK(status_of("b", envelope("b", timeout_now)) == other_cluster);
  CHECK(status_of("w1", envelope("w1", released)) == other_cluster);
  for (const auto* name : {"a", "c", "w1"}) CHECK(status_of("b", envelope(name, released)) == 403);
  for (const auto* name : {"a", "b", "w2"}) CHECK(status_of("w1", envelope(name, released)) == 403);
  CHECK(status_of("w1", envelope("w1", timeout_now)) == 403);
  CHECK(status_of("w1",
                  envelope("w1", R"("hello":{"belongs":true,"answer_wanted":true,"asker":1})")) ==
        403);
}

TEST_CASE("a tokens file is read again as a whole or not at all, and counts at the next request") {
  TokensFile file;
  add_one_of_each(file);
  auto options = with(file);
  options.node = "a";
  ControlFixture cluster(options);
  const auto reload = [&]() -> Result<> {
    const auto renewal = cluster.plane.prepare(options);
    return renewal ? cluster.plane.adopt(*renewal) : renewal.error();
  };
  ControlClient viewer(cluster.plane.address(), file.token_of("viewer"));
  ControlClient all(cluster.plane.address(), file.token_of("all"));
  REQUIRE(viewer.get("/status").status == 200);
  const auto whole = file.text();
  file.write(whole + "[[token]]\nname = \"x\"\n");
  CHECK(!reload().ok());
  CHECK(all.get("/status").status == 200);
  CHECK(viewer.get("/status").status == 200);
  TokensFile less;
  less.add("all", access::Role::all);
  file.write(less.text());
  REQUIRE(reload().ok());
  CHECK(eventually([&] { return viewer.get("/status").status == 401; }));
  CHECK(all.get("/status").status == 200);
  file.write(whole);
  REQUIRE(reload().ok());
  CHECK(eventually([&] { return viewer.get("/status").status == 200; }));
}

TEST_CASE("the status names tokens, their roles and ends, and nothing that they are known by") {
  TokensFile file;
  add_one_of_each(file);
  ControlFixture cluster(with(file));
  ControlClient viewer(cluster.plane.address(), file.token_of("viewer"));
  const auto answer = viewer.get("/status");
  const auto credentials = Json::parse(answer.body)["credentials"];
  REQUIRE(credentials.size() == 7);
  CHECK(credentials[0]["name"] == "expired");
  CHECK(credentials[0]["until"] == "2020-01-31");
  CHECK(credentials[0]["expired"] == true);
  CHECK(credentials[1]["name"] == "all");
  CHECK(credentials[1]["until"] == "");
  for (const auto* who : {"viewer", "operator", "all"}) {
    CHECK(!is_in(access::hash_of(file.token_of(who)), answer.body));
  }
}

TEST_CASE("a change is told in the log with who made it, and no other's word counts for that") {
  TokensFile file;
  add_one_of_each(file);
  CapturedLog log;
  ControlFixture cluster(with(file));
  const auto change = [&](const std::string& who, const std::string& on_behalf_of) {
    ControlClient client(cluster.plane.address(), file.token_of(who));
    return client.post("/v1/workers/nobody/weight", R"({"weight": 7})",
                       {{"Tandem-Passed-On", "1"}, {"Tandem-On-Behalf-Of", on_behalf_of}});
  };
  CHECK(change("operator", "root operator 10.0.0.1").status == 404);
  CHECK(change("master", "carol operator 10.0.0.7").status == 404);
  CHECK(change("master", "carol operator somewhere").status == 404);
  CHECK(change("viewer", "root operator 10.0.0.1").status == 403);
  // What there is not changes nothing.
  ControlClient by_operator(cluster.plane.address(), file.token_of("operator"));
  CHECK(by_operator.post("/v1/nothing", "").status == 404);
  CHECK(by_operator.post("/status", "").status == 405);
  cluster.plane.stop();
  const auto text = log.text();
  INFO(text);
  CHECK(
      is_in("change name=operator role=operator from=127.0.0.1 at=primary what=\"POST "
            "/v1/workers/nobody/weight\" outcome=404 document={\"weight\": 7}",
            text));
  CHECK(is_in("change name=carol role=operator from=10.0.0.7 via=master via_address=127.0.0.1",
              text));
  CHECK(is_in("change name=master role=master from=127.0.0.1 at=primary", text));
  CHECK(is_in("request refused from=127.0.0.1 reason=\"viewer (viewer) may not do this", text));
  CHECK(!is_in("root", text));
  CHECK(!is_in("secret-of-", text));
  CHECK(!is_in("/v1/nothing", text));
  CHECK(!is_in("POST /status", text));
}

}  // namespace tandem::master::control_roles_test
