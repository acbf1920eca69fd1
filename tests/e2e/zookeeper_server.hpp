// zookeeper_server.hpp: ZooKeeper, the real one of Debian, as a process of its own, with its own
// data.
//
// Owner: the test's thread (see process.hpp).
#pragma once

#include <unistd.h>

#include <memory>
#include <string>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/e2e/harness/cluster.hpp"
#include "tests/e2e/harness/http.hpp"
#include "tests/e2e/harness/process.hpp"
#include "tests/e2e/harness/temp_dir.hpp"
#include "tests/e2e/private_authority.hpp"

namespace tandem::e2e {

inline constexpr auto zookeeper_jar = "/usr/share/java/zookeeper.jar";
// Besides what its manifest names: Debian leaves out of it what TLS needs.
inline constexpr auto netty_jars =
    ":/usr/share/java/netty-codec.jar:/usr/share/java/netty-resolver.jar"
    ":/usr/share/java/netty-transport-native-unix-common.jar";

inline bool is_zookeeper_missing() {
  if (installed("java") && ::access(zookeeper_jar, R_OK) == 0) return false;
  WARN("skipped: zookeeper is not installed (scripts/install-packages.sh servers)");
  return true;
}

class ZooKeeperServer {
 public:
  ZooKeeperServer(const TempDir& dir, const std::string& name) : dir_(dir), name_(name) {}

  // What is to stand in its configuration besides; `id`: of several.
  void configure(const std::string& more, const std::string& id = {}) {
    more_ = more;
    id_ = id;
  }
  // From now on it speaks TLS, too, with clients that show a certificate; returns at which address.
  std::string secure(const PrivateAuthority& authority, const PrivateAuthority::Issued& shown) {
    const auto address = free_address();
    // The key first, as Java reads it.
    const auto both =
        dir_.write(name_ + "-both.pem", read_file(shown.key) + "\n" + read_file(shown.certificate));
    configure(fmt::format(
        "secureClientPort={}\nsecureClientPortAddress=127.0.0.1\nssl.keyStore.location={}\n"
        "ssl.keyStore.type=PEM\nssl.trustStore.location={}\nssl.trustStore.type=PEM\n",
        address.substr(address.find(':') + 1), both, authority.certificate()));
    return address;
  }
  // With what it had, unless it starts with nothing.
  void start() {
    const auto data = dir_.path(fmt::format("{}-data-{}", name_, lives_));
    run({"mkdir", "-p", data});
    if (!id_.empty()) dir_.write(fmt::format("{}-data-{}/myid", name_, lives_), id_);
    const auto file = dir_.write(
        name_ + ".cfg",
        fmt::format("tickTime=500\ninitLimit=20\nsyncLimit=6\ndataDir={}\nclientPort={}\n"
                    "clientPortAddress=127.0.0.1\nadmin.enableServer=false\n{}",
                    data, address_.substr(address_.find(':') + 1), more_));
    process_ = std::make_unique<Process>(
        dir_, fmt::format("{}-{}", name_, ++starts_),
        Arguments{"java", "-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                  "-XX:-UsePerfData", "-Dzookeeper.forceSync=no",
                  "-Dzookeeper.serverCnxnFactory=org.apache.zookeeper.server." +
                      std::string(is_in("secure", more_) ? "Netty" : "NIO") + "ServerCnxnFactory",
                  "-cp", std::string(zookeeper_jar) + netty_jars,
                  "org.apache.zookeeper.server.quorum.QuorumPeerMain", file});
  }
  void start_empty() {
    ++lives_;
    start();
  }
  const std::string& address() const { return address_; }
  Process& process() { return *process_; }

 private:
  const TempDir& dir_;
  const std::string name_;
  const std::string address_ = free_address();
  std::string more_;
  std::string id_;
  int starts_ = 0;
  int lives_ = 0;
  std::unique_ptr<Process> process_;
};

}  // namespace tandem::e2e
