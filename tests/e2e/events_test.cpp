// What happened, as each master tells it, and which pages may read it.
#include <filesystem>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/e2e/harness/pair_cluster.hpp"

namespace tandem::e2e::events_test {
namespace {

nlohmann::json event_at(const std::string& control, const std::string& what) {
  const auto answer = get(control, "/events");
  if (answer.status != 200) return {};
  const auto document = nlohmann::json::parse(answer.body);
  for (const auto& event : document["events"]) {
    if (event.value("what", "") == what) return event;
  }
  return {};
}

}  // namespace

TEST_CASE("a change has the same id at both masters, and only their pages may read of it") {
  PairCluster cluster;
  const auto a = cluster.control("a");
  const auto b = cluster.control("b");
  const auto backend = R"({"name": "n1", "address": "127.0.0.1:9"})";
  REQUIRE(eventually([&] { return post(a, "/v1/workers", backend).status == 201; }));
  REQUIRE(eventually([&] { return event_at(b, "add").is_object(); }));
  CHECK(event_at(a, "add")["id"] == event_at(b, "add")["id"]);
  const auto allowed = [&](const std::string& origin) {
    return get(b, "/status", {{"Origin", origin}}).header("Access-Control-Allow-Origin");
  };
  CHECK(allowed("http://" + a) == "http://" + a);
  CHECK(allowed("http://evil.example").empty());
  CHECK(allowed("null").empty());
  const Headers from_a{{"Origin", "http://" + a}};
  CHECK(Client(b).post("/v1/workers/n1/drain", "", from_a).status == 403);
}

TEST_CASE("a master that is started again tells when a change was made, not when it was started") {
  PairCluster cluster;
  const auto standby = cluster.standby_of(cluster.await_primary());
  const auto& control = cluster.control(standby);
  const auto backend = R"({"name": "n1", "address": "127.0.0.1:9"})";
  REQUIRE(eventually([&] { return post(control, "/v1/workers", backend).status == 201; }));
  REQUIRE(eventually([&] { return event_at(control, "add").is_object(); }));
  const auto before = event_at(control, "add");
  const auto file = cluster.data_dir(standby) + "/event-times";
  const auto line = before["id"].get<std::string>() + " ";
  REQUIRE(eventually([&] {
    return std::filesystem::exists(file) && read_file(file).find(line) != std::string::npos;
  }));
  cluster.master(standby).kill9();
  cluster.start_master(standby);
  REQUIRE(eventually([&] { return event_at(control, "add").is_object(); }));
  const auto after = event_at(control, "add");
  CHECK(after["id"] == before["id"]);
  CHECK(after["time"] == before["time"]);
}

TEST_CASE("who asked for a change is told alike by all masters, also of one a standby passed on") {
  PairClusterOptions options;
  options.tokens = true;
  PairCluster cluster(options);
  cluster.tokens().add("jo", {"--name", "jo", "--role", "operator"});
  cluster.reload_tokens();
  const auto primary = cluster.await_primary();
  const auto standby = cluster.standby_of(primary);
  REQUIRE(eventually([&] { return cluster.status(standby).feature_level >= 8; }));
  const auto events_of = [&](const std::string& master) {
    return nlohmann::json::parse(cluster.ask(master, "/events").body)["events"];
  };
  const auto changes_of = [&](const std::string& master) {
    nlohmann::json changes = nlohmann::json::array();
    for (const auto& event : events_of(master)) {
      const bool is_of_n1 = event["kind"] == "change" && event.value("subject", "") == "n1";
      if (is_of_n1) changes.push_back({event["id"], event["what"], event["by"]});
    }
    return changes;
  };
  const auto jo = cluster.tokens().headers("jo");
  const auto asked_by_jo = [&](const std::string& master, const std::string& path) {
    return Client(cluster.control(master)).post(path, "", jo).status;
  };
  const auto backend = R"({"name": "n1", "address": "127.0.0.1:9"})";
  REQUIRE(eventually([&] { return cluster.tell(standby, "/v1/workers", backend).status == 201; }));
  REQUIRE(asked_by_jo(standby, "/v1/workers/n1/drain") == 200);
  REQUIRE(asked_by_jo(primary, "/v1/workers/n1/undrain") == 200);
  REQUIRE(eventually([&] { return changes_of(standby).size() == 3; }));
  const auto told = changes_of(primary);
  CHECK(told == changes_of(standby));
  REQUIRE(told.size() == 3);
  CHECK(told[0][2]["name"] == "ops");
  for (const auto index : {1, 2}) {
    CHECK(told[index][2] ==
          nlohmann::json{{"name", "jo"}, {"role", "operator"}, {"from", "127.0.0.1"}});
  }
  // Nobody asked for what follows from heartbeats.
  cluster.start_workers({"w1"});
  for (const auto& event : events_of(standby)) {
    if (event.value("what", "") == "join") CHECK(!event.contains("by"));
  }
}

TEST_CASE("as many streams of events as there may be are served, and one more when one has ended") {
  PairCluster cluster;
  const auto control = cluster.control(cluster.await_primary());
  const auto open_stream = [&] {
    Socket socket(control);
    socket.send("GET /events HTTP/1.1\r\nHost: " + control +
                "\r\nAccept: text/event-stream\r\n\r\n");
    return socket;
  };
  const auto status_of = [](Socket& socket) { return socket.receive_until("\r\n"); };
  constexpr std::size_t streams_max = 64;
  std::vector<Socket> streams;
  for (std::size_t number = 0; number < streams_max; ++number) {
    streams.push_back(open_stream());
    REQUIRE(status_of(streams.back()).find(" 200 ") != std::string::npos);
  }
  auto one_more = open_stream();
  CHECK(status_of(one_more).find(" 503 ") != std::string::npos);
  CHECK(get(control, "/events").status == 200);  // a list is none
  streams.pop_back();
  CHECK(eventually([&] {
    auto another = open_stream();
    return status_of(another).find(" 200 ") != std::string::npos;
  }));
}

TEST_CASE("the page is for everybody, and what it shows for those with a token alone") {
  PairClusterOptions options;
  options.tokens = true;
  PairCluster cluster(options);
  const auto control = cluster.control(cluster.await_primary());
  for (const auto* path : {"/", "/page.js", "/page.css", "/charts.js", "/charts.css"}) {
    const auto file = get(control, path);
    INFO(path);
    CHECK(file.status == 200);
    for (const auto& name : cluster.names()) {  // nothing of the cluster but where its pages are
      CHECK(file.body.find(cluster.control(name)) == std::string::npos);
    }
  }
  for (const auto* path :
       {"/status", "/events", "/v1/history", "/v1/masters", "/v1/openapi.json", "/metrics"}) {
    INFO(path);
    CHECK(get(control, path).status == 401);
    CHECK(get(control, path, cluster.authorization()).status == 200);
  }
  // A page of another master may ask with a token: its browser asks for leave first.
  const auto origin = "http://" + cluster.control("a");
  const auto leave =
      Client(cluster.control("b"))
          .send("OPTIONS", "/status", "",
                {{"Origin", origin}, {"Access-Control-Request-Headers", "authorization"}});
  CHECK(leave.status == 204);
  CHECK(leave.header("Access-Control-Allow-Origin") == origin);
  CHECK(leave.header("Access-Control-Allow-Headers") == "Authorization");
  const auto refused = get(cluster.control("b"), "/status", {{"Origin", origin}});
  CHECK(refused.status == 401);
  CHECK(refused.header("Access-Control-Allow-Origin") == origin);
}

TEST_CASE("tandem events --follow goes on over a takeover") {
  PairCluster cluster;
  cluster.start_workers({"w1", "w2"});
  REQUIRE(cluster.await_whole() == "");
  const auto primary = cluster.await_primary();
  const auto standby = cluster.standby_of(primary);
  Process following(cluster.dir(), "follow",
                    {program("tandem"), "--control", cluster.control(primary), "--control",
                     cluster.control(standby), "events", "--follow"});
  const auto tells = [&](const std::string& what) {
    return eventually([&] { return following.output().find(what) != std::string::npos; });
  };
  CHECK(tells("w2 joined"));
  cluster.master(primary).kill9();
  CHECK(tells(standby + " leads"));
  REQUIRE(cluster.tell(standby, "/v1/workers/w1/drain").status == 200);
  CHECK(tells("w1 is drained"));
  following.terminate();
  CHECK(following.await_exit());
}

TEST_CASE("a build without the library of the charts has a page without charts") {
  PairCluster cluster;
  const auto file = cluster.dir().path("page.cpp");
  const std::string folder = TANDEM_SOURCE_DIR "/master/page";
  const auto made = run({"cmake", "-DOUTPUT=" + file, "-DFOLDER=" + folder, "-DCHARTS=/nowhere",
                         "-P", folder + "/embed.cmake"});
  REQUIRE(made.status == 0);
  const auto text = read_file(file);
  CHECK(text.find("charts_bytes[] = {0};") != std::string::npos);
  CHECK(text.find("charts_style_bytes[] = {0};") != std::string::npos);
  CHECK(text.find("script_bytes[] = {0};") == std::string::npos);
}

}  // namespace tandem::e2e::events_test
