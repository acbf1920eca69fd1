// members_fixture.hpp: members of a cluster in one process: each with a real control port on
// loopback and a loop of its own, on one thread, so that tests see no races.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "common/base/clock.hpp"
#include "common/cluster/cluster_endpoint.hpp"
#include "common/cluster/cluster_node.hpp"
#include "common/access/credentials.hpp"
#include "common/http/http_server.hpp"

namespace tandem::cluster {

class Member {
 public:
  // Listens at once, takes part from start() on.
  Member(boost::asio::io_context& loop, ClusterOptions options, std::uint16_t port = 0);
  ~Member();  // outside of the loop

  Endpoint control() const { return control_; }
  // `peers`: the other masters.
  void start(const std::vector<Member*>& peers);
  // As a process that ends: connections are reset, new ones refused.
  void end();

  ClusterNode& node() { return *node_; }
  const ClusterView& view() const { return view_; }
  bool may_serve() const { return serve_until > now(); }
  std::string name() const { return std::string(options_.node.name()); }

  Instant serve_until = Instant::never();
  std::vector<std::string> applied;  // commands, in order
  std::vector<core::Refusal> refused;

 private:
  Admission admit(const ControlRequest& request) const;

  boost::asio::io_context& loop_;
  ClusterOptions options_;
  MessageReader messages_;
  std::optional<access::Credentials> credentials_;
  std::unique_ptr<ClusterNode> node_;
  std::unique_ptr<HttpServer> server_;
  Endpoint control_;
  ClusterView view_;
};

// Stops a server and lets its connections end, after which it can be destroyed.
void shut_down(boost::asio::io_context& loop, HttpServer& server);

// Runs `loop` until `condition` holds, ten seconds at most; returns whether it does.
bool run_until(boost::asio::io_context& loop, const std::function<bool()>& condition);

ClusterOptions options_of(const std::string& name, core::VoterKind kind = core::VoterKind::master);

}  // namespace tandem::cluster
