#include "tests/e2e/harness/load_balancer.hpp"

#include <unistd.h>

#include <stdexcept>

namespace tandem::e2e {
namespace {

std::string port_of(const std::string& address) { return address.substr(address.rfind(':') + 1); }

void replace(std::string& text, const std::string& what, const std::string& with) {
  auto at = text.find(what);
  if (at == std::string::npos) throw std::runtime_error("the example has no \"" + what + "\"");
  for (; at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

// The example with the cluster's addresses for its own.
std::string configured(const std::string& example, const PairCluster& cluster,
                       const std::string& address) {
  std::string text = read_file(std::string(TANDEM_EXAMPLES_DIR "/load_balancers/") + example);
  replace(text, "127.0.0.1:8000", address);
  replace(text, "127.0.0.1:8080", cluster.listen("a"));
  replace(text, "127.0.0.1:8081", cluster.listen("b"));
  return text;
}

std::vector<std::string> command(LoadBalancer::Kind kind, const PairCluster& cluster,
                                 const std::string& address) {
  if (kind == LoadBalancer::Kind::haproxy) {
    auto text = configured("haproxy.cfg", cluster, address);
    replace(text, "port 7070", "port " + port_of(cluster.control("a")));
    replace(text, "port 7071", "port " + port_of(cluster.control("b")));
    return {*installed("haproxy"), "-db", "-f", cluster.dir().write("haproxy.cfg", text)};
  }
  auto text = configured("nginx.conf", cluster, address);
  if (geteuid() == 0) text = "user root;\n" + text;  // else it takes that of nobody
  return {*installed("nginx"),
          "-e",
          "stderr",
          "-p",
          cluster.dir().path(""),
          "-c",
          cluster.dir().write("nginx.conf", text)};
}

}  // namespace

bool LoadBalancer::is_installed(Kind kind) {
  return installed(kind == Kind::haproxy ? "haproxy" : "nginx").has_value();
}

LoadBalancer::LoadBalancer(Kind kind, const PairCluster& cluster)
    : address_(free_address()),
      process_(cluster.dir(), kind == Kind::haproxy ? "haproxy" : "nginx",
               command(kind, cluster, address_)) {
  const bool up =
      eventually([&] { return !process_.running() || get(address_, "/").status == 200; });
  if (!up || !process_.running())
    throw std::runtime_error("the load balancer did not come up: " + process_.errors());
}

}  // namespace tandem::e2e
