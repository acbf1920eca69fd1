// Entries in etcd, before a server that keeps keys as etcd does, and answers as the test wants.
#include <catch2/catch.hpp>

#include <map>
#include <mutex>
#include <string>
#include <thread>

#include <boost/asio.hpp>
#include <fmt/format.h>
#include <httplib.h>
#include <nlohmann/json.hpp>

#include "master/discovery/base64.hpp"
#include "master/discovery/limits.hpp"
#include "master/publication/etcd_publisher.hpp"

namespace tandem::master::etcd_publisher_test {
namespace {

namespace asio = boost::asio;
using Catch::Contains;
using Json = nlohmann::json;

// One thread of its own answers; the test looks in between.
class KeptKeys {
 public:
  struct Key {
    std::string value;
    std::uint64_t revision = 0;
    std::string lease;
    std::uint64_t created = 0;
  };

  KeptKeys() {
    server_.Post(".*", [this](const httplib::Request& request, httplib::Response& response) {
      answer(request, response);
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~KeptKeys() {
    server_.stop();
    thread_.join();
  }
  SourceSpec spec() const {
    return {.text = "etcd",
            .service = {},
            .kind = SourceSpec::Kind::etcd,
            .servers = {{"127.0.0.1", static_cast<std::uint16_t>(port_)}},
            .name = "s"};
  }
  void put(const std::string& key, const std::string& value, const std::string& lease) {
    const auto created = keys.contains(key) ? keys.at(key).created : revision + 1;
    keys[key] = {value, ++revision, lease, created};
  }

  std::map<std::string, Key> keys;
  std::uint64_t revision = 10;
  std::string lease = "77";                   // that it grants
  bool is_lease_lost = false;                 // the granted one
  std::map<std::string, std::string> says{};  // by path, in place of an answer
  std::function<void()> before_change = [] {};
  std::string asked{};         // the last parts of the paths
  bool loses_answers = false;  // does what it is asked to, and fails

 private:
  void answer(const httplib::Request& request, httplib::Response& response) {
    asked += request.path.substr(request.path.rfind('/') + 1) + " ";
    const auto said = says.find(request.path);
    if (said != says.end()) return response.set_content(said->second, "application/json");
    const auto body = Json::parse(request.body);
    Json told{{"header", {{"revision", std::to_string(revision)}}}};
    if (request.path == "/v3/lease/grant") told.update({{"ID", lease}, {"TTL", "10"}});
    if (request.path == "/v3/lease/keepalive") {
      told = {{"result", {{"ID", body.at("ID")}}}};
      if (!is_lease_lost) told["result"]["TTL"] = "10";
    }
    if (request.path == "/v3/lease/revoke") {
      std::erase_if(keys, [&](const auto& each) { return each.second.lease == body.at("ID"); });
    }
    if (request.path == "/v3/kv/txn") transact(body, told);
    if (loses_answers && body.contains("compare")) response.status = 503;
    response.set_content(told.dump() + "\n", "application/json");
  }
  void transact(const Json& body, Json& told) {
    if (!body.contains("compare")) return list(body, told);
    std::exchange(before_change, [] {})();
    for (const auto& each : body.at("compare")) {
      const auto found = keys.find(*from_base64(each.at("key").get<std::string>()));
      const auto last = found == keys.end() ? 0 : found->second.revision;
      if (std::to_string(last) != each.at("mod_revision")) return;
    }
    told["succeeded"] = true;
    const auto next = ++revision;
    for (const auto& each : body.at("success")) {
      if (each.contains("request_delete_range")) {
        const auto& deleted = each.at("request_delete_range");
        keys.erase(*from_base64(deleted.at("key").get<std::string>()));
        continue;
      }
      const auto& put = each.at("request_put");
      const auto key = *from_base64(put.at("key").get<std::string>());
      const auto created = keys.contains(key) ? keys.at(key).created : next;
      keys[key] = {*from_base64(put.at("value").get<std::string>()), next, put.at("lease"),
                   created};
    }
    told["header"]["revision"] = std::to_string(next);
  }
  void list(const Json& body, Json& told) {
    told["responses"] = Json::array();
    for (const auto& each : body.at("success")) {
      const auto prefix = *from_base64(each.at("request_range").at("key").get<std::string>());
      auto found = Json::array();
      for (const auto& [key, kept] : keys) {
        if (!key.starts_with(prefix)) continue;
        found.push_back({{"key", to_base64(key)},
                         {"value", to_base64(kept.value)},
                         {"mod_revision", std::to_string(kept.revision)},
                         {"lease", kept.lease}});
      }
      told["responses"].push_back({{"response_range", {{"kvs", found}}}});
    }
  }

  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
};

const Endpoint one{"10.0.0.1", 80};
const Endpoint two{"10.0.0.2", 80};
const std::string key_of_one = "s/web/10.0.0.1:80";
const std::string key_of_two = "s/web/10.0.0.2:80";

Publisher::Wanted wanted(const std::vector<Endpoint>& addresses) {
  PublishedEntries entries;
  for (const auto& address : addresses) entries.insert({.service = "web", .address = address});
  return {.entries = std::make_shared<const PublishedEntries>(std::move(entries)),
          .withdrawn = {},
          .spares_former = false,
          .master = {.cluster = "5", .node = "a"}};
}

std::string value_of(const Endpoint& address, const std::string& cluster = "5") {
  return etcd_value_of({.service = "web", .address = address}, cluster);
}

struct Scene {
  KeptKeys etcd;
  asio::io_context loop;
  bool leads = true;
  EtcdPublisher publisher{loop, etcd.spec(), [this] { return leads; }};

  // "2" entries, "1, 1 left out", or why not.
  std::string bring(Publisher::Wanted wanted) {
    std::string told;
    asio::co_spawn(loop, bring_and_tell(std::move(wanted), told), asio::detached);
    loop.run();
    loop.restart();
    return told;
  }
  asio::awaitable<void> bring_and_tell(Publisher::Wanted wanted, std::string& told) {
    auto bringing = publisher.bring(std::move(wanted));
    const auto held = co_await std::move(bringing);
    told = held ? fmt::format("{}", held->entries) : held.error().message;
    if (held && held->left_out_count > 0) {
      told += fmt::format(", {} left out", held->left_out_count);
    }
  }
  std::string bring(const std::vector<Endpoint>& addresses) { return bring(wanted(addresses)); }
};

}  // namespace

TEST_CASE("keys are put with a lease, and deleted when they are no longer wanted") {
  Scene scene;
  CHECK(scene.bring({one, two}) == "2");
  CHECK(scene.etcd.asked == "grant txn txn ");
  REQUIRE(scene.etcd.keys.size() == 2);
  CHECK(scene.etcd.keys.at(key_of_one).lease == "77");
  CHECK(scene.etcd.keys.at(key_of_one).value ==
        R"({"Op":0,"Addr":"10.0.0.1:80","Metadata":"tandem:5"})");
  CHECK(scene.bring({two}) == "1");
  CHECK(scene.etcd.keys.size() == 1);
  scene.etcd.asked.clear();
  CHECK(scene.bring({two}) == "1");
  CHECK(scene.etcd.asked.empty());  // nothing has changed, and nothing is due
}

TEST_CASE("the keys of a former master are taken over without a gap") {
  Scene scene;
  scene.etcd.put(key_of_one, value_of(one), "3");
  scene.etcd.put(key_of_two, value_of(two), "3");
  const auto created = scene.etcd.keys.at(key_of_one).created;
  auto first = wanted({one});
  first.spares_former = true;
  CHECK(scene.bring(first) == "1");
  CHECK(scene.etcd.keys.at(key_of_one).lease == "77");
  CHECK(scene.etcd.keys.at(key_of_one).created == created);
  CHECK(scene.etcd.keys.at(key_of_two).lease == "3");  // it may only be unknown yet
  first.withdrawn.insert(two);
  CHECK(scene.bring(first) == "1");
  CHECK(scene.etcd.keys.size() == 1);
  scene.etcd.put(key_of_two, value_of(two), "3");
  Scene later;
  later.etcd.put(key_of_two, value_of(two), "3");
  CHECK(later.bring({one}) == "1");
  CHECK_FALSE(later.etcd.keys.contains(key_of_two));
}

TEST_CASE("what others have written is neither overwritten nor deleted") {
  Scene scene;
  scene.etcd.put(key_of_one, value_of(one, "6"), "3");
  scene.etcd.put("s/web/other", "nonsense", "");
  scene.etcd.put("s/webs/10.0.0.1:80", value_of(one), "");
  CHECK(scene.bring({one, two}) == "1, 1 left out");
  CHECK(scene.etcd.keys.at(key_of_one).value == value_of(one, "6"));
  CHECK(scene.etcd.keys.size() == 4);
}

TEST_CASE("a key that changes while it is put is read again") {
  Scene scene;
  scene.etcd.before_change = [&] { scene.etcd.put(key_of_one, "theirs", "3"); };
  CHECK(scene.bring({one, two}) == "1, 1 left out");
  CHECK(scene.etcd.keys.at(key_of_one).value == "theirs");
  CHECK(scene.etcd.keys.at(key_of_two).lease == "77");
}

TEST_CASE("a change whose answer is lost is found to be made") {
  Scene scene;
  scene.etcd.loses_answers = true;
  CHECK_THAT(scene.bring({one}), Contains("503"));
  scene.etcd.loses_answers = false;
  const auto last = scene.etcd.keys.at(key_of_one).revision;
  CHECK(scene.bring({one}) == "1");
  CHECK(scene.etcd.keys.at(key_of_one).revision == last);
}

TEST_CASE("a lease that has ended is replaced, and its keys are put again") {
  Scene scene;
  CHECK(scene.bring({one}) == "1");
  // The failure of a change has the lease renewed at once.
  scene.etcd.loses_answers = true;
  CHECK_THAT(scene.bring({one, two}), Contains("503"));
  scene.etcd.loses_answers = false;
  scene.etcd.is_lease_lost = true;
  scene.etcd.lease = "78";
  scene.etcd.keys.clear();
  scene.etcd.asked.clear();
  CHECK(scene.bring({one, two}) == "2");
  CHECK(scene.etcd.asked == "keepalive grant txn txn ");
  CHECK(scene.etcd.keys.at(key_of_one).lease == "78");
}

TEST_CASE("a master that no longer leads writes nothing") {
  Scene scene;
  scene.leads = false;
  CHECK_THAT(scene.bring({one}), Contains("no longer leads"));
  CHECK(scene.etcd.keys.empty());
}

TEST_CASE("the end of a master takes its keys away, and none of others") {
  Scene scene;
  scene.etcd.put(key_of_two, "theirs", "3");
  CHECK(scene.bring({one}) == "1");
  asio::co_spawn(scene.loop, scene.publisher.withdraw(), asio::detached);
  scene.loop.run();
  CHECK(scene.etcd.keys.size() == 1);
}

TEST_CASE("answers of etcd that cannot be are told, and nothing is written for them") {
  const auto told = [](const std::string& path, const std::string& answer) {
    Scene scene;
    scene.etcd.says[path] = answer;
    auto why = scene.bring({one});
    CHECK(scene.etcd.keys.empty());
    return why;
  };
  for (const auto* lease :
       {"", "{}", "[]", "nonsense", R"({"ID":"0","TTL":"10"})", R"({"ID":"7","TTL":"0"})",
        R"({"ID":"-7","TTL":"10"})", R"({"ID":"7","TTL":"-1"})", R"({"ID":"7\"}","TTL":"10"})"}) {
    INFO(lease);
    CHECK_THAT(told("/v3/lease/grant", lease), Contains("127.0.0.1"));
  }
  const std::string none = R"({"responses":[{"response_range":{"kvs":)";
  for (const auto& keys : {std::string("{}"), std::string(R"({"responses":{}})"),
                           std::string(R"({"responses":[7]})"), none + "7}}]}", none + "[7]}}]}",
                           none + R"([{"key":"!","value":""}]}}]})", none + R"([],"more":true}}]})",
                           none + R"([{"key":"eA==","value":"eA==","mod_revision":"3"}]}}]})"}) {
    INFO(keys);
    CHECK_THAT(told("/v3/kv/txn", keys), Contains("127.0.0.1"));
  }
  CHECK(read_etcd_renewal(R"({"result":{"ID":"7","TTL":"9"}})")->seconds == 9);
  CHECK(read_etcd_renewal(R"({"result":{"ID":"7"}})")->seconds == 0);
  CHECK_FALSE(read_etcd_renewal(R"({"error":{"message":"no"}})").ok());
  CHECK_FALSE(read_etcd_outcome(R"({"succeeded":true})").ok());
}

TEST_CASE(
    "many keys are put in several transactions, and many services read by several questions") {
  Scene scene;
  PublishedEntries entries;
  for (std::uint16_t i = 1; i <= 250; ++i) {
    entries.insert({.service = fmt::format("s{}", i % 20), .address = {"10.0.0.1", i}});
  }
  auto all = wanted({});
  all.entries = std::make_shared<const PublishedEntries>(entries);
  CHECK(scene.bring(all) == "250");
  CHECK(scene.etcd.asked == "grant txn txn txn txn txn ");
  CHECK(scene.etcd.keys.size() == 250);
}

}  // namespace tandem::master::etcd_publisher_test
