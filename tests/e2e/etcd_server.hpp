// etcd_server.hpp: etcd, the real one of Debian, as a process of its own, with its own data.
//
// Owner: the test's thread (see process.hpp); asking it is for any.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "master/discovery/base64.hpp"
#include "master/discovery/etcd_answers.hpp"
#include "tests/e2e/harness/cluster.hpp"
#include "tests/e2e/harness/http.hpp"
#include "tests/e2e/harness/process.hpp"
#include "tests/e2e/harness/temp_dir.hpp"
#include "tests/e2e/harness/wait.hpp"
#include "tests/e2e/private_authority.hpp"

namespace tandem::e2e {

inline bool is_etcd_missing() {
  if (installed("etcd")) return false;
  WARN("skipped: etcd is not installed (scripts/install-packages.sh servers)");
  return true;
}

enum class AsksClients { for_nothing, for_certificates };

class EtcdServer {
 public:
  // `members`: NAME=URL of all, by which they find each other; empty: it is alone.
  EtcdServer(const TempDir& dir, const std::string& name, std::string peers = free_address(),
             std::string members = {}, std::string address = free_address())
      : dir_(dir),
        name_(name),
        address_(std::move(address)),
        peers_(std::move(peers)),
        members_(members.empty() ? fmt::format("{}=http://{}", name, peers_) : std::move(members)) {
  }

  // From now on clients speak TLS.
  void secure(const PrivateAuthority& authority, const PrivateAuthority::Issued& shown,
              AsksClients asks) {
    tls_ = ClientCertificate{authority.certificate(), shown.certificate, shown.key};
    asks_ = asks;
  }
  // How many bytes it keeps at most, before it takes no further ones.
  void set_quota(std::uint64_t bytes) { quota_ = bytes; }
  // With what it had, unless it starts with nothing.
  void start() {
    const auto clients = (tls_ ? "https://" : "http://") + address_;
    const auto peers = "http://" + peers_;
    Arguments command{*installed("etcd"),
                      "--name",
                      name_,
                      "--data-dir",
                      dir_.path(fmt::format("{}-data-{}", name_, lives_)),
                      "--listen-client-urls",
                      clients,
                      "--advertise-client-urls",
                      clients,
                      "--listen-peer-urls",
                      peers,
                      "--initial-advertise-peer-urls",
                      peers,
                      "--initial-cluster",
                      members_};
    if (tls_) {
      command.insert(command.end(), {"--cert-file", tls_->certificate, "--key-file", tls_->key});
    }
    if (asks_ == AsksClients::for_certificates) {
      command.insert(command.end(), {"--client-cert-auth", "--trusted-ca-file", tls_->authority});
    }
    if (quota_ != 0) {
      command.insert(command.end(), {"--quota-backend-bytes", std::to_string(quota_)});
    }
    process_ = std::make_unique<Process>(dir_, fmt::format("{}-{}", name_, ++starts_), command);
  }
  void start_empty() {
    ++lives_;
    start();
  }
  bool await_ready() const {
    return eventually([&] { return ask("kv/range", key_of("x")).status == 200; });
  }

  // What was deleted leaves its file, and it is told to take more.
  void make_room() const {
    const auto header = nlohmann::json::parse(ask("kv/range", key_of("x")).body).at("header");
    const auto revision = header.at("revision").get<std::string>();
    REQUIRE(ask("kv/compaction", fmt::format(R"({{"revision":"{}","physical":true}})", revision))
                .status == 200);
    REQUIRE(ask("maintenance/defragment", "{}").status == 200);
    const auto member = header.at("member_id").get<std::string>();
    const auto alarm =
        fmt::format(R"({{"action":"DEACTIVATE","alarm":"NOSPACE","memberID":"{}"}})", member);
    REQUIRE(ask("maintenance/alarm", alarm).status == 200);
  }

  const std::string& address() const { return address_; }
  Process& process() { return *process_; }

  // An answer of its JSON gateway.
  Answer ask(const std::string& path, const std::string& body) const {
    constexpr Milliseconds timeout{5'000};
    auto client = tls_ ? Client(address_, *tls_, timeout) : Client(address_, timeout);
    return client.post("/v3/" + path, body);
  }
  // Returns the revision.
  std::uint64_t put(const std::string& key, const std::string& value,
                    const std::string& lease = "0") const {
    const auto answer =
        ask("kv/put", fmt::format(R"({{"key":"{}","value":"{}","lease":"{}"}})",
                                  master::to_base64(key), master::to_base64(value), lease));
    REQUIRE(answer.status == 200);
    const auto header = nlohmann::json::parse(answer.body).at("header");
    return std::stoull(header.at("revision").get<std::string>());
  }
  void remove(const std::string& key) const {
    REQUIRE(ask("kv/deleterange", key_of(key)).status == 200);
  }
  struct Key {
    std::string value;
    std::string lease;    // empty: none
    std::string created;  // the revision at which it was made; another one: it was gone meanwhile
  };
  // Those that begin with `prefix`; empty when it gives no answer.
  std::map<std::string, Key> keys(const std::string& prefix) const {
    const auto answer = ask("kv/range", range_of(prefix));
    std::map<std::string, Key> all;
    if (answer.status != 200) return all;
    for (const auto& each :
         nlohmann::json::parse(answer.body).value("kvs", nlohmann::json::array())) {
      all.emplace(master::from_base64(each.at("key").get<std::string>()).value(),
                  Key{.value = master::from_base64(each.value("value", "")).value(),
                      .lease = each.value("lease", ""),
                      .created = each.at("create_revision").get<std::string>()});
    }
    return all;
  }
  // The body of a question about all that begin with `prefix`.
  static std::string range_of(const std::string& prefix) {
    return fmt::format(R"({{"key":"{}","range_end":"{}"}})", master::to_base64(prefix),
                       master::to_base64(master::end_of_prefix(prefix)));
  }
  int count(const std::string& prefix) const { return static_cast<int>(keys(prefix).size()); }
  // Whether it leads the members.
  bool leads() const {
    const auto status = nlohmann::json::parse(ask("maintenance/status", "{}").body);
    return status.at("leader") == status.at("header").at("member_id");
  }
  bool has(const std::string& key) const { return keys(key).contains(key); }
  std::string lease(unsigned seconds) const {
    const auto granted = ask("lease/grant", fmt::format(R"({{"TTL":"{}"}})", seconds));
    return nlohmann::json::parse(granted.body).at("ID").get<std::string>();
  }

 private:
  static std::string key_of(const std::string& key) {
    return fmt::format(R"({{"key":"{}"}})", master::to_base64(key));
  }

  const TempDir& dir_;
  const std::string name_;
  const std::string address_;
  const std::string peers_;
  const std::string members_;
  std::optional<ClientCertificate> tls_;
  AsksClients asks_ = AsksClients::for_nothing;
  std::uint64_t quota_ = 0;  // its own
  int starts_ = 0;
  int lives_ = 0;
  std::unique_ptr<Process> process_;
};

// Three members of one etcd, which answer.
inline std::vector<std::unique_ptr<EtcdServer>> three_of_etcd(const TempDir& dir) {
  const std::vector<std::string> peers{free_address(), free_address(), free_address()};
  const auto members =
      fmt::format("e0=http://{},e1=http://{},e2=http://{}", peers[0], peers[1], peers[2]);
  std::vector<std::unique_ptr<EtcdServer>> etcd;
  for (int i = 0; i < 3; ++i) {
    etcd.push_back(std::make_unique<EtcdServer>(dir, fmt::format("e{}", i), peers.at(i), members));
    etcd.back()->start();
  }
  for (const auto& each : etcd) REQUIRE(each->await_ready());
  return etcd;
}

}  // namespace tandem::e2e
