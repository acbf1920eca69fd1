// How --discover is written, and what the registries say that it reads.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "master/discovery/base64.hpp"
#include "master/discovery/consul_answers.hpp"
#include "master/discovery/etcd_answers.hpp"
#include "master/discovery/limits.hpp"
#include "master/discovery/lists_file.hpp"
#include "master/discovery/source_spec.hpp"
#include "tests/unit/master/temporary_directory.hpp"

namespace tandem::master::discovery_sources_test {
namespace {

using Catch::Contains;
using Kind = SourceSpec::Kind;

std::string why(const std::string& text) {
  const auto spec = parse_source(text, "--discover");
  return spec ? "" : spec.error().message;
}

// "10.0.0.1:80/100 10.0.0.2:80/1"
std::string told(const InstanceList& list) {
  std::string text;
  for (const auto& instance : list.instances) {
    text += fmt::format("{}{}/{}", text.empty() ? "" : " ", instance.address.to_string(),
                        instance.weight);
  }
  return text;
}

std::string consul(const std::string& json) {
  const auto list = read_consul_instances(json);
  return list ? told(*list) : list.error().message;
}

std::string entry(const std::string& service, const std::string& node = "10.0.0.9") {
  return fmt::format(
      R"({{"Node":{{"Node":"n","Address":"{}"}},"Service":{},"Checks":[{{"Status":"passing"}}]}})",
      node, service);
}

std::string key_of(const std::string& key, const std::string& value) {
  return fmt::format(R"({{"key":"{}","value":"{}","mod_revision":"4","lease":"7"}})",
                     to_base64(key), to_base64(value));
}

std::string range_of(const std::string& keys) {
  return fmt::format(R"({{"header":{{"cluster_id":"1","revision":"12"}},"kvs":[{}],"count":"1"}})",
                     keys);
}

}  // namespace

TEST_CASE("a --discover says which service, which registry, where, and what it is called there") {
  const auto consul = parse_source("web=consul:127.0.0.1:8500", "--discover");
  REQUIRE(consul.ok());
  CHECK(consul->kind == Kind::consul);
  CHECK(consul->service == "web");
  CHECK(consul->name == "web");
  CHECK_FALSE(consul->tls);
  REQUIRE(consul->servers.size() == 1);
  CHECK(consul->servers.front() == Endpoint{"127.0.0.1", 8500});

  const auto etcd = parse_source(
      "web=etcd:https://10.0.0.1:2379,[::1]:2379,e3:2379/shop/web,ca=a.pem,cert=c.pem,key=k.pem,"
      "user=u,password=p",
      "--discover");
  REQUIRE(etcd.ok());
  CHECK(etcd->kind == Kind::etcd);
  CHECK(etcd->name == "shop/web");
  CHECK(etcd->tls);
  CHECK(etcd->servers.size() == 3);
  CHECK(etcd->servers[1] == Endpoint{"::1", 2379});
  CHECK(etcd->authority == "a.pem");
  CHECK(etcd->certificate == "c.pem");
  CHECK(etcd->key == "k.pem");
  CHECK(etcd->user == "u");
  CHECK(etcd->password == "p");

  const auto zookeeper =
      parse_source("web=zookeeper:10.0.0.1:2181,z2:2181/services/web,user=u,password=p", "f");
  REQUIRE(zookeeper.ok());
  CHECK(zookeeper->kind == Kind::zookeeper);
  CHECK(to_string(zookeeper->kind) == "zookeeper");
  CHECK(zookeeper->name == "services/web");
  CHECK(zookeeper->servers.size() == 2);
  CHECK(zookeeper->has_secret());
  CHECK(parse_source("web=zookeeper:h:1", "f")->name == "web");

  CHECK(parse_source("a=etcd:h:1//deep/", "f")->name == "/deep/");
  CHECK(parse_source("a=consul:http://h:1/b,tag=blue", "f")->tag == "blue");
}

TEST_CASE("a --discover that means nothing is refused with what would be right") {
  for (const auto* text : {"",
                           "web",
                           "web=",
                           "web=consul",
                           "=consul:h:1",
                           "web=consul:",
                           "web=consul:h",
                           "web=consul:h:0",
                           "web=consul:0.0.0.0:1",
                           "web=zoo:h:1",
                           "web=zookeeper:h:1/",
                           "web=zookeeper:h:1//a",
                           "web=zookeeper:h:1/a/",
                           "web=zookeeper:h:1/a//b",
                           "web=zookeeper:h:1/a/../b",
                           "web=zookeeper:h:1,token=a",
                           "web=zookeeper:h:1,user=a:b,password=c",
                           "we b=consul:h:1",
                           "web=consul:h:1/a/b",
                           "web=consul:h:1/",
                           "web=consul:h:1/a b",
                           "web=consul:h:1/a%20b",
                           "web=consul:h:1/a?b",
                           "web=consul:h:1/a,h2:1",
                           "web=consul:h:1,x=y",
                           "web=consul:h:1,tag=",
                           "web=consul:h:1,tag=a,tag=b",
                           "web=consul:h:1,user=a",
                           "web=etcd:h:1,token=a",
                           "web=etcd:h:1,user=a",
                           "web=etcd:h:1,ca=a.pem",
                           "web=etcd:https://h:1,cert=a.pem",
                           "web=consul:h:1,tag=a&b",
                           "web=consul:h:1/a\r\nX: y",
                           "web=consul:ftp://h:1"}) {
    INFO(text);
    CHECK_FALSE(why(text).empty());
    CHECK(why(text).find("--discover") == 0);
  }
  CHECK_THAT(why("web=etcd:h:1,ca=a.pem"), Contains("https://"));
  CHECK_THAT(why("web=consul:h:1,tak=a"), Contains("token, tag"));
  CHECK_THAT(why("web=consul:" + std::string(5'000, 'a') + ":1"), Contains("must be"));
  std::string servers = "web=etcd:h:1";
  for (unsigned i = 1; i < limits::source_servers_max; ++i) servers += ",h:1";
  CHECK(why(servers).empty());
  CHECK_FALSE(why(servers + ",h:1").empty());
}

TEST_CASE("a secret goes in clear text to this machine alone") {
  CHECK(check_secrets(*parse_source("a=consul:127.0.0.1:1,token=f", "f")).ok());
  CHECK(check_secrets(*parse_source("a=consul:https://10.0.0.1:1,token=f", "f")).ok());
  CHECK(check_secrets(*parse_source("a=consul:10.0.0.1:1", "f")).ok());
  CHECK_FALSE(check_secrets(*parse_source("a=consul:10.0.0.1:1,token=f", "f")).ok());
  CHECK_FALSE(check_secrets(*parse_source("a=etcd:[::1]:1,e:1,user=u,password=p", "f")).ok());
}

TEST_CASE("instances of Consul have their own address or their node's, and their weight") {
  CHECK(consul("[]").empty());
  CHECK(consul("[" + entry(R"({"ID":"b","Address":"10.0.0.2","Port":80,"Weights":{"Passing":7}})") +
               "," + entry(R"({"ID":"a","Address":"","Port":81})") + "]") ==
        "10.0.0.2:80/7 10.0.0.9:81/1");
  CHECK(consul("[" + entry(R"({"Address":"10.0.0.2","Port":80,"Weights":{"Passing":0}})") + "]") ==
        "10.0.0.2:80/0");
  // Once each, and in one form.
  CHECK(consul("[" + entry(R"({"Address":"::ffff:10.0.0.2","Port":80})") + "," +
               entry(R"({"Address":"10.0.0.2","Port":80})") + "]") == "10.0.0.2:80/100");
}

TEST_CASE("an entry of Consul that is no instance is skipped, and the others are taken") {
  for (const auto* service :
       {"null", "7", R"({"Address":"web.example","Port":80})", R"({"Address":"10.0.0.1"})",
        R"({"Address":"10.0.0.1","Port":0})", R"({"Address":"10.0.0.1","Port":65536})",
        R"({"Address":"10.0.0.1","Port":-1})", R"({"Address":"10.0.0.1","Port":"80"})",
        R"({"Address":"0.0.0.0","Port":80})", R"({"Address":7,"Port":80,"ID":[]})",
        R"({"Address":"10.0.0.1\r\nX: y","Port":80})"}) {
    INFO(service);
    const auto list = read_consul_instances("[" + entry(service, "none") + "," +
                                            entry(R"({"Address":"10.0.0.2","Port":80})") + "]");
    REQUIRE(list.ok());
    CHECK(told(*list) == "10.0.0.2:80/100");
    CHECK(list->skipped_count == 1);
    REQUIRE(list->skipped.size() == 1);
    CHECK(list->skipped.front().find('\n') == std::string::npos);
  }
  CHECK(read_consul_instances("[7,null,[]]")->skipped_count == 3);
}

TEST_CASE("an answer of Consul that is no list is refused as a whole") {
  for (const auto* text : {"", "null", "{}", "7", "[", "[]]", R"([],"more":[])", "[],", "\"\"",
                           "<html>", "[{\"Service\":{\"Port\":1,\"Port\":2}}]"}) {
    INFO(text);
    CHECK_FALSE(read_consul_instances(text).ok());
  }
  CHECK_FALSE(read_consul_instances(std::string(100'000, '[')).ok());
  CHECK_FALSE(read_consul_instances(std::string(limits::source_answer_bytes_max + 1, ' ')).ok());
}

TEST_CASE("of too many instances the first by their addresses are taken") {
  const auto all = [](std::size_t count) {
    std::string text = "[";
    for (std::size_t i = count; i > 0; --i) {
      text += entry(fmt::format(R"({{"Address":"10.0.{}.{}","Port":80}})", i / 250, i % 250)) +
              (i > 1 ? "," : "]");
    }
    return *read_consul_instances(text);
  };
  const auto most = limits::source_instances_max;
  CHECK(all(most).instances.size() == most);
  CHECK(all(most).skipped_count == 0);
  const auto more = all(most + 3);
  CHECK(more.instances.size() == most);
  CHECK(more.skipped_count == 3);
  CHECK(more.skipped.size() == 1);
  CHECK(std::is_sorted(more.instances.begin(), more.instances.end()));
}

TEST_CASE(
    "the index of Consul is forgotten when it goes back, and is never 0 in a query that waits") {
  CHECK(next_consul_index({}, "7") == 7u);
  CHECK(next_consul_index(7, "7") == 7u);
  CHECK(next_consul_index(7, "8") == 8u);
  CHECK_FALSE(next_consul_index(7, "6"));
  CHECK(next_consul_index({}, "0") == 1u);
  CHECK_FALSE(next_consul_index(7, "0"));
  for (const auto* nonsense : {"", " 7", "7x", "-1", "99999999999999999999999"}) {
    CHECK_FALSE(next_consul_index({}, nonsense));
  }
}

TEST_CASE("keys of etcd hold addresses in the format of its Go client, or alone") {
  const auto keys = read_etcd_keys(
      range_of(key_of("web/a", R"({"Op":0,"Addr":"10.0.0.1:80","Metadata":{"x":[1]}})") + "," +
               key_of("web/b", R"({"Addr":"[fd00::1]:80","Metadata":null})") + "," +
               key_of("web/c", "10.0.0.3:80")));
  REQUIRE(keys.ok());
  CHECK(keys->revision == 12);
  CHECK(told(keys->instances) == "10.0.0.1:80/100 10.0.0.3:80/100 [fd00::1]:80/100");
  CHECK(keys->instances.skipped_count == 0);
  // Lists without elements, and numbers of 0, are left out.
  CHECK(read_etcd_keys(R"({"header":{"revision":"3"}})")->instances.instances.empty());
}

TEST_CASE("a key of etcd that is no instance is skipped, and the others are taken") {
  for (const auto& bad :
       {key_of("k", R"({"Op":1,"Addr":"10.0.0.1:80"})"),
        key_of("k", R"({"Op":"0","Addr":"1.1.1.1:1"})"), key_of("k", "{}"), key_of("k", "{"),
        key_of("k", ""), key_of("k", R"({"Addr":7})"), key_of("k", R"({"Addr":"web:80"})"),
        key_of("k", R"({"Addr":"10.0.0.1"})"), key_of("k", std::string("\xff\x00\n", 3)),
        key_of("k", "{" + std::string(100'000, ' ') + "}"), std::string("{}"), std::string("7"),
        std::string(R"({"key":"!","value":"!"})"), std::string(R"({"key":7,"value":null})")}) {
    INFO(bad.substr(0, 200));
    const auto keys = read_etcd_keys(range_of(bad + "," + key_of("g", "10.0.0.2:80")));
    REQUIRE(keys.ok());
    CHECK(told(keys->instances) == "10.0.0.2:80/100");
    CHECK(keys->instances.skipped_count == 1);
  }
}

TEST_CASE("an answer of etcd that is no list of keys is refused as a whole") {
  for (const auto* text : {"", "[]", "null", "{}", R"({"header":{}})", R"({"header":7})",
                           R"({"header":{"revision":-7}})", R"({"header":{"revision":"0"}})",
                           R"({"header":{"revision":"1"},"kvs":{}})",
                           R"({"error":"etcdserver: request timed out","code":14})"}) {
    INFO(text);
    CHECK_FALSE(read_etcd_keys(text).ok());
  }
  CHECK(read_etcd_keys(R"({"header":{"revision":"1"},"more":true})")->instances.skipped_count == 1);
}

TEST_CASE("a watch of etcd has news once it says more than that it was created") {
  const std::string created = R"({"result":{"header":{"revision":"3"},"created":true}})";
  CHECK_FALSE(has_etcd_news(""));
  CHECK_FALSE(has_etcd_news(created));
  CHECK_FALSE(has_etcd_news(created + "\n"));
  CHECK(has_etcd_news(created + "\n{"));
  CHECK(has_etcd_news(R"({"result":{"created":true,"canceled":true,"compact_revision":"5"}})"
                      "\n"));
  CHECK(has_etcd_news(R"({"error":{"message":"x"}})"
                      "\n"));
}

TEST_CASE("the keys that begin with a prefix end before the next one that does not") {
  CHECK(end_of_prefix("web/") == "web0");
  CHECK(end_of_prefix("a\xff\xff") == "b");
  CHECK(end_of_prefix("\xff") == std::string("\0", 1));
}

TEST_CASE("base64 is taken whole and with its padding, or not at all") {
  for (const auto* text : {"", "f", "fo", "foo", "foob", "fooba", "foobar"}) {
    CHECK(from_base64(to_base64(text)) == text);
  }
  CHECK(to_base64("foob") == "Zm9vYg==");
  for (const auto* text : {"Z", "Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zm9v\n", " Zm9",
                           "Zm9v=", "Zm-_", "Zm9v Zm9v"}) {
    INFO(text);
    CHECK_FALSE(from_base64(text));
  }
}

TEST_CASE("what was read is kept in a file, and a file that cannot be used is refused") {
  const TemporaryDirectory directory;
  CHECK(load_lists(directory.path()).error().code == ErrorCode::not_found);
  const auto list = std::make_shared<const InstanceList>(
      *read_consul_instances("[" + entry(R"({"Address":"10.0.0.2","Port":80})") + "]"));
  const auto none = std::make_shared<const InstanceList>();
  REQUIRE(store_lists(directory.path(), {{"a=consul:h:1", list}, {"b=etcd:h:1", none}}).ok());
  const auto loaded = load_lists(directory.path());
  REQUIRE(loaded.ok());
  REQUIRE(loaded->size() == 2);
  CHECK(*loaded->at("a=consul:h:1") == *list);
  CHECK(loaded->at("b=etcd:h:1")->instances.empty());
}

}  // namespace tandem::master::discovery_sources_test
