// What masters say to an etcd that coordinates them, and what they take from its answers.
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/cluster/protection.hpp"
#include "common/core/limits.hpp"
#include "master/coordinator/coordinator_look.hpp"
#include "master/coordinator/etcd_words.hpp"
#include "master/coordinator/limits.hpp"
#include "master/discovery/base64.hpp"
#include "master/flags.hpp"

namespace tandem::master::coordinator_test {
namespace {

constexpr auto header = R"("header":{"cluster_id":"9","revision":"12","raft_term":"2"})";

std::string kv(const std::string& key, const std::string& value, int created = 7) {
  return fmt::format(R"({{"key":"{}","value":"{}","create_revision":"{}","lease":"5"}})",
                     to_base64(key), to_base64(value), created);
}

std::string range(const std::string& kvs) {
  return fmt::format(R"({{"response_range":{{"header":{{}},"kvs":[{}],"count":"1"}}}})", kvs);
}

// The answer to a look: each range as given, in the order of read_look().
Result<CoordinatorLook> look_of(const std::vector<std::string>& ranges) {
  std::string all;
  for (const auto& each : ranges) all += (all.empty() ? "" : ",") + range(each);
  auto answer = read_etcd_txn(
      fmt::format(R"({{{},"succeeded":true,"responses":[{}]}})", header, all), ranges.size());
  REQUIRE(answer.ok());
  return take_look(CoordinatorKeys("x"), std::move(*answer));
}

std::string errors_of(std::vector<const char*> words) {
  words.insert(words.begin(), "tandem-master");
  MasterFlags flags;
  const auto reading = parse_flags(static_cast<int>(words.size()), words.data(), flags);
  return fmt::format("{}", fmt::join(reading.errors, "; "));
}

}  // namespace

TEST_CASE("fields that etcd leaves out of its answers are zero, empty or false") {
  const auto failed = read_etcd_txn(fmt::format(R"({{{}}})", header), 0);
  REQUIRE(failed.ok());
  CHECK_FALSE(failed->succeeded);
  CHECK(failed->revision == 12);
  const auto empty =
      read_etcd_txn(fmt::format(R"({{{},"responses":[{{"response_range":{{}}}}]}})", header), 1);
  REQUIRE(empty.ok());
  CHECK(empty->ranges.at(0).keys.empty());
  CHECK_FALSE(empty->ranges.at(0).more);
}

TEST_CASE("a keep-alive that is answered without a time is a lost lease") {
  CHECK(*read_etcd_keep_alive(R"({"result":{"header":{},"ID":"7","TTL":"2"}})") == 2s);
  CHECK(*read_etcd_keep_alive(R"({"result":{"header":{},"ID":"7"}})") == 0s);
  CHECK_FALSE(read_etcd_keep_alive(R"({"result":{"header":{},"TTL":"2"}})").ok());
  CHECK_FALSE(read_etcd_keep_alive(R"({"error":{"message":"no leader"}})").ok());
  CHECK_FALSE(read_etcd_keep_alive("").ok());
  CHECK(read_coordinator_lease(R"({"ID":"7","TTL":"2"})")->ttl == 2s);
  CHECK_FALSE(read_coordinator_lease(R"({"ID":"7"})").ok());
  CHECK_FALSE(read_coordinator_lease(R"({"ID":"7","TTL":"99999999999"})").ok());
}

TEST_CASE("what is no answer of etcd to a transaction is refused") {
  for (const auto* const text :
       {"", "[]", "{", R"({"succeeded":true})", R"({"header":3})", R"({"header":{}})",
        R"({"header":{"revision":"-4"}})", R"({"header":{"revision":"x"}})",
        R"({"header":{"revision":"18446744073709551615"}})",
        R"({"header":{"revision":"3"},"responses":{}})",
        R"({"header":{"revision":"3"},"responses":[7]})",
        R"({"header":{"revision":"3"},"responses":[{"response_range":[]}]})",
        R"({"header":{"revision":"3"},"responses":[{"response_range":{"kvs":{}}}]})",
        R"({"header":{"revision":"3"},"responses":[{"response_range":{"kvs":[{"key":"%"}]}}]})",
        R"({"header":{"revision":"3"},"responses":[{"response_range":{"kvs":[{"key":4}]}}]})"}) {
    INFO(text);
    CHECK_FALSE(read_etcd_txn(text, 1).ok());
  }
  CHECK_FALSE(read_etcd_txn(fmt::format(R"({{{}}})", header), 1).ok());  // a read is missing
  const std::string longest(limits::coordinator_answer_bytes_max, ' ');
  const auto answer = fmt::format(R"({{{}}})", header);
  CHECK(read_etcd_txn(answer + longest.substr(answer.size()), 0).ok());
  CHECK_FALSE(read_etcd_txn(answer + longest, 0).ok());
}

TEST_CASE("a transaction compares, changes, and reads in either case") {
  EtcdTxn txn;
  txn.when_created("l", 4).put("k", "v", 9).erase("e", "f").read("r");
  const auto text = txn.text();
  const auto read =
      fmt::format(R"({{"request_range":{{"key":"{}","limit":"1"}}}})", to_base64("r"));
  CHECK(text ==
        fmt::format(
            R"({{"compare":[{{"key":"{}","target":"CREATE","result":"EQUAL",)"
            R"("create_revision":"4"}}],)"
            R"("success":[{{"request_put":{{"key":"{}","value":"{}","lease":"9"}}}},)"
            R"({{"request_delete_range":{{"key":"{}","range_end":"{}"}}}},{}],"failure":[{}]}})",
            to_base64("l"), to_base64("k"), to_base64("v"), to_base64("e"), to_base64("f"), read,
            read));
}

TEST_CASE("a change in etcd is read as it was written") {
  const CoordinatorKeys keys("x");
  const core::Entry command{LogIndex(42), Term(7),
                            core::Command{{11, 3}, R"({"drained":{"name":"w","on":true}})"}};
  const core::Entry begin{LogIndex(43), Term(8), core::NoOp{}};
  for (const auto& entry : {command, begin}) {
    const auto read =
        read_change(keys, keys.change(entry.index), change_document(entry, core::NodeId("a")));
    REQUIRE(read.ok());
    CHECK(*read == entry);
  }
  CHECK(keys.change(LogIndex(42)) == "/tandem/x/changes/00000000000000000042");
  const auto text = change_document(command, core::NodeId("a"));
  for (const auto* const key :
       {"/tandem/x/changes/", "/tandem/x/changes/42", "/tandem/x/changes/0000000000000000004x",
        "/tandem/y/changes/00000000000000000042", "/tandem/x/changes/00000000000000000000"}) {
    INFO(key);
    CHECK_FALSE(read_change(keys, key, text).ok());
  }
  for (const auto* const odd :
       {"", "{}", R"({"term":0,"node":"a"})", R"({"term":1,"node":"a","change":[]})",
        R"({"term":1,"node":"a","change":{}})", R"({"term":1,"node":"a","new":1})"}) {
    INFO(odd);
    CHECK_FALSE(read_change(keys, keys.change(LogIndex(1)), odd).ok());
  }
}

TEST_CASE("a look tells who leads, who takes part, and the changes in their order") {
  const CoordinatorKeys keys("x");
  const auto master =
      R"({"node":"b","control":"10.0.0.2:7070","listen":"0.0.0.0:80","features":9})";
  const auto begin = change_document({LogIndex(1), Term(7), core::NoOp{}}, core::NodeId("a"));
  const auto look =
      look_of({kv(keys.leader(), R"({"node":"a"})"), kv(keys.cluster(), R"({"id":3})"), "", "", "",
               kv(keys.master("b"), master) + "," + kv(keys.master("c"), "odd") + "," +
                   kv(keys.master("d"), master),
               kv(keys.change(LogIndex(1)), begin)});
  REQUIRE(look.ok());
  REQUIRE(look->leader);
  CHECK(look->leader->node == core::NodeId("a"));
  CHECK(look->leader->revision == 7);
  CHECK(look->leader->lease == 5);
  CHECK(look->cluster == 3);
  REQUIRE(look->masters.size() == 1);  // others cannot be read, or say another name
  const auto& addresses = look->masters.begin()->second.addresses;
  CHECK(addresses.listen->to_string() == "10.0.0.2:80");
  REQUIRE(look->changes.size() == 1);
  CHECK_FALSE(look_of({kv(keys.leader(), "odd"), "", "", "", "", "", ""}).ok());
  CHECK_FALSE(look_of({"", "", "", "", "", "", kv(keys.change(LogIndex(1)), "odd")}).ok());
  CHECK_FALSE(look_of({"", ""}).ok());
  const auto place = R"({"index":4,"term":2,"pieces":9000,"bytes":10})";
  CHECK_FALSE(look_of({"", "", "", "", kv(keys.state(), place), "", ""}).ok());
}

TEST_CASE("a coordinator is refused beside what belongs to masters that vote") {
  const std::vector<const char*> good{"--coordinator", "etcd=http://127.0.0.1:2379", "--cluster",
                                      "shop"};
  CHECK(errors_of(good) == "");
  const auto with = [&](std::vector<const char*> more) {
    more.insert(more.begin(), good.begin(), good.end());
    return errors_of(more);
  };
  CHECK(with({"--peer", "b=127.0.0.1:7071"}) ==
        "--peer does not go together with --coordinator: masters find each other in etcd");
  CHECK(with({"--join", "127.0.0.1:7071"}) ==
        "--join does not go together with --coordinator: masters find each other in etcd");
  CHECK(with({"--pair-failover", "off"}) ==
        "--pair-failover does not go together with --coordinator: masters do not vote");
  CHECK(with({"--restore", "f"}) ==
        "--restore does not go together with --coordinator: the state is in etcd");
  CHECK(with({"--standby-traffic", "serve"})
            .starts_with("--standby-traffic serve does not go together with --coordinator: "));
  CHECK(errors_of({"--coordinator", "etcd=127.0.0.1:2379"}) ==
        "--coordinator needs --cluster NAME, below which the cluster's keys are");
  CHECK(errors_of({"--cluster", "shop"}) ==
        "--cluster names a cluster in a coordinator: give that by --coordinator");
  CHECK(errors_of({"--cluster", "a/b", "--coordinator", "etcd=127.0.0.1:2379"}) != "");
  for (const auto* const odd : {"consul=127.0.0.1:1", "etcd=", "etcd=127.0.0.1", "etcd=a:1/x",
                                "etcd=a:1,ca=f", "etcd=https://a:1,ca=f,b:2", "etcd=a:0"}) {
    INFO(odd);
    CHECK(errors_of({"--cluster", "x", "--coordinator", odd}) != "");
  }
  CHECK(errors_of({"--cluster", "x", "--coordinator", "etcd=https://a:1,https://b:2,ca=f"}) == "");
  CHECK(errors_of({"--cluster", "x", "--coordinator", "etcd=10.0.0.1:1,user=u,password=f"})
            .starts_with("--coordinator "));
}

TEST_CASE("the protection by a coordinator is that it answers, and that another master stands by") {
  cluster::ClusterView view;
  view.role = core::Role::primary;
  view.primary = core::NodeId("a");
  view.coordinator = cluster::CoordinatorView{.kind = "etcd", .endpoints = {"127.0.0.1:1"}};
  CHECK(cluster::protection(view, "a", Instant()) == "etcd answers, and no other master stands by");
  view.masters["b"] = {};
  view.masters["c"] = {};
  CHECK(cluster::protection(view, "a", Instant()) == "etcd answers, b and c stand by");
  view.failure = "etcd cannot be reached since noon (refused)";
  CHECK(cluster::protection(view, "a", Instant()) ==
        "etcd cannot be reached since noon (refused): a serves, no change can be made, and nobody "
        "could take its place");
}

}  // namespace tandem::master::coordinator_test
