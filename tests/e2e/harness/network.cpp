#include "tests/e2e/harness/network.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "tests/e2e/harness/network_switch.hpp"
#include "tests/e2e/harness/process.hpp"

namespace tandem::e2e {
namespace {

constexpr auto observer = "observer";

int open_own_namespace() { return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC); }

// A new one, which lives for as long as the file is open or a process is in it.
int make_namespace() {
  int file = -1;
  std::thread([&] {
    if (unshare(CLONE_NEWNET) == 0) file = open_own_namespace();
  }).join();
  if (file < 0) throw std::runtime_error("cannot make a network namespace");
  return file;
}

void ip(const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {*installed("ip")};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const auto done = run(command);
  if (done.status != 0) throw std::runtime_error("ip: " + done.errors);
}

}  // namespace

struct Network::Host {
  std::string name;
  std::string address;
  int namespace_file;
};

std::string Network::why_not_permitted() {
  if (!installed("ip")) return "ip (iproute2) is not installed";
  int error = 0;
  std::thread([&] { error = unshare(CLONE_NEWNET) == 0 ? 0 : errno; }).join();
  if (error != 0) return fmt::format("no network namespaces: {}", std::strerror(error));
  return {};
}

Network::Visit::Visit(int namespace_file) : home_(open_own_namespace()) {
  if (home_ < 0 || setns(namespace_file, CLONE_NEWNET) != 0)
    throw std::runtime_error("cannot enter a network namespace");
}

Network::Visit::~Visit() {
  setns(home_, CLONE_NEWNET);
  close(home_);
}

Network::Network(const std::vector<std::string>& hosts, unsigned seed) {
  const int middle = make_namespace();
  auto names = hosts;
  names.emplace_back(observer);
  std::vector<std::string> ports;
  for (const auto& name : names) {
    const auto number = hosts_.size() + 1;
    hosts_.push_back({name, fmt::format("10.77.0.{}", number), make_namespace()});
    const auto& host = hosts_.back();
    ports.push_back(fmt::format("port{}", number));
    const auto there = fmt::format("/proc/{}/fd/{}", getpid(), host.namespace_file);
    {
      const Visit visit(middle);
      ip({"link", "add", ports.back(), "type", "veth", "peer", "name", "eth0", "address",
          fmt::format("02:00:00:00:00:{:02x}", number), "netns", there});
      ip({"link", "set", ports.back(), "up"});
    }
    const Visit visit(host.namespace_file);
    ip({"link", "set", "lo", "up"});
    ip({"address", "add", host.address + "/24", "dev", "eth0"});
    ip({"address", "add", fmt::format("1077::{}/64", number), "dev", "eth0", "nodad"});
    ip({"link", "set", "eth0", "up"});
    Switch::without_offloads("eth0");
  }
  {
    const Visit visit(middle);
    switch_ = std::make_unique<Switch>(ports, seed);
  }
  close(middle);
  observing_ = std::make_unique<Visit>(hosts_.back().namespace_file);
}

Network::~Network() {
  observing_.reset();
  switch_.reset();
  for (const auto& host : hosts_) close(host.namespace_file);
}

std::size_t Network::number_of(const std::string& host) const {
  for (std::size_t i = 0; i < hosts_.size(); ++i)
    if (hosts_[i].name == host) return i;
  throw std::runtime_error("there is no host " + host);
}

std::string Network::address(const std::string& host) const {
  return hosts_[number_of(host)].address;
}

std::string Network::mac(const std::string& host) const {
  return fmt::format("02:00:00:00:00:{:02x}", number_of(host) + 1);
}

Network::Visit Network::enter(const std::string& host) const {
  return Visit(hosts_[number_of(host)].namespace_file);
}

void Network::cut_one_way(const std::string& from, const std::string& to) {
  switch_->block(number_of(from), number_of(to));
}

void Network::cut(const std::string& one, const std::string& other) {
  cut_one_way(one, other);
  cut_one_way(other, one);
}

void Network::cut_from_all(const std::string& host) {
  for (const auto& other : hosts_)
    if (other.name != host && other.name != observer) cut(host, other.name);
}

void Network::lose(double share) { switch_->lose(share); }

void Network::heal() { switch_->heal(); }

}  // namespace tandem::e2e
