// coordination_member.hpp: one master without its program: who leads, by the built-in protocol or
// by etcd, and what its owner was told.
//
// Owner: the test's thread, which runs its loop.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "common/base/clock.hpp"
#include "common/cluster/cluster_node.hpp"
#include "master/coordinator/etcd_coordination.hpp"
#include "tests/e2e/harness/wait.hpp"

namespace tandem::e2e {

enum class By { the_built_in_protocol, etcd };

// One master, and what it was told.
class Member {
 public:
  Member(By by, const std::string& etcd, std::map<core::NodeId, Endpoint> peers = {},
         const std::string& directory = {}) {
    cluster::ClusterOptions options;
    options.node = core::NodeId("a");
    options.peers = std::move(peers);
    options.directory = directory;
    if (!directory.empty()) std::filesystem::create_directory(directory);
    cluster::ClusterHooks hooks;
    hooks.serve_until = [this](Instant until, Term term) {
      until_ = until;
      gate_term_ = term;
    };
    hooks.role = [this](const core::RoleChange& change) { role_ = change; };
    hooks.announce = [this](Term term) {
      // Nothing is forwarded before the workers know the term (R10).
      was_open_before_ = was_open_before_ || until_ > now();
      if (announces_) coordination_->step(core::TermAnnounced{term});
    };
    hooks.apply = [this](std::vector<core::Entry> entries) {
      for (auto& entry : entries) applied_.push_back(std::move(entry));
    };
    hooks.view = [this](const cluster::ClusterView& view) { view_ = view; };
    hooks.refused = [this](const core::Refusal& refusal) { refused_.push_back(refusal); };
    if (by == By::etcd) {
      const auto spec = master::parse_coordinator("etcd=" + etcd, "--coordinator");
      REQUIRE(spec.ok());
      coordination_ = std::make_unique<master::EtcdCoordination>(
          loop_, master::CoordinatorSpec{.etcd = *spec, .cluster = "conformance"}, options, hooks);
    } else {
      coordination_ = std::make_unique<cluster::ClusterNode>(loop_, options, hooks);
    }
    REQUIRE(coordination_->open().ok());
  }
  ~Member() {
    coordination_->stop();
    loop_.stop();
  }

  void announces(bool announces) { announces_ = announces; }
  void start() {
    coordination_->start({"127.0.0.1", 7070});
    core::Registered nobody;
    coordination_->step(nobody);
  }
  template <class Condition>
  bool await(Condition condition) {
    const auto deadline = now() + patience;
    while (!condition() && now() < deadline) loop_.run_one_for(Milliseconds(10));
    return condition();
  }
  bool leads() const { return role_.role == core::Role::primary; }
  void propose(std::uint64_t sequence) {
    coordination_->step(core::Propose{{1, sequence}, fmt::format(R"({{"n":{}}})", sequence)});
  }
  // The numbers of its commands, in the order in which they were applied.
  std::vector<std::uint64_t> commands() const {
    std::vector<std::uint64_t> numbers;
    for (const auto& entry : applied_) {
      const auto* command = std::get_if<core::Command>(&entry.body);
      if (command != nullptr) numbers.push_back(command->id.sequence);
    }
    return numbers;
  }

  boost::asio::io_context loop_;
  std::unique_ptr<cluster::Coordination> coordination_;
  core::RoleChange role_;
  Instant until_ = Instant::never();
  Term gate_term_;
  bool announces_ = true;
  bool was_open_before_ = false;
  std::vector<core::Entry> applied_;
  cluster::ClusterView view_;
  std::vector<core::Refusal> refused_;
};

}  // namespace tandem::e2e
