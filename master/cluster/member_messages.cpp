// The part of ClusterMember that takes messages of other members, and knows what to present to
// them.
#include <utility>

#include <boost/asio.hpp>

#include "common/access/credential.hpp"
#include "common/access/limits.hpp"
#include "common/base/sender_address.hpp"
#include "common/cluster/link_endpoint.hpp"
#include "common/http/api_response.hpp"
#include "common/http/channel.hpp"
#include "master/cluster/cluster_member.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

ControlResponse no_members() {
  return refusal(fail(ErrorCode::conflict,
                      "the masters of this cluster use a coordinator (--coordinator), and take no "
                      "messages: start this one with the same, or a cluster of its own"));
}

asio::awaitable<ControlResponse> answer_at_once(ControlResponse response) { co_return response; }

}  // namespace

Admission ClusterMember::admit(Admission admission) const {
  if (node_ == nullptr) return admission;
  return cluster::admit_messages(std::move(admission), *node_);
}

asio::awaitable<ControlResponse> ClusterMember::take_messages(const ControlRequest& request) {
  if (node_ == nullptr) return answer_at_once(no_members());
  return cluster::take_messages(
      request, *node_, messages_, [this](wire::ClusterEnvelope envelope, cluster::Sender sender) {
        asio::post(loop_,
                   [this, envelope = std::move(envelope), sender = std::move(sender)]() mutable {
                     node_->receive(std::move(envelope), sender);
                   });
      });
}

ControlResponse ClusterMember::take_link(const ControlRequest& request) {
  if (node_ == nullptr) return no_members();
  auto asked = cluster::read_link_request(request, *node_);
  if (asked.refusal) return std::move(*asked.refusal);
  if (asked.node == options_.node || others().contains(asked.node)) {
    return forbidden(fmt::format("{} is a master, and no witness", asked.node));
  }
  return cluster::link_made([this, node = asked.node, host = std::string(request.peer),
                             proven = tokens_read_.load()](auto connection) {
    if (proven != tokens_read_) return;  // while it was answered: it has to prove itself again
    asio::post(loop_, [this, node, host, connection = std::move(connection)] {
      node_->take_link(node, std::move(*connection), host);
    });
  });
}

void ClusterMember::set_token(std::string token) {
  ++tokens_read_;
  if (node_ == nullptr) return;
  asio::post(loop_,
             [this, token = std::move(token)]() mutable { node_->set_token(std::move(token)); });
}

void ClusterMember::set_shares_token(bool shares) {
  if (std::exchange(shares_token_, shares) == shares) return;
  if (node_ == nullptr) return;
  heard_witnesses_.clear();  // each is presented its own secret at its next heartbeat
  asio::post(loop_, [this, shares] { node_->set_shares_token(shares); });
}

// At each heartbeat: the cluster's thread is told of news alone.
void ClusterMember::heard_witness(const wire::Heartbeat& heartbeat, const ControlRequest& request) {
  if (node_ == nullptr) return;
  if (!heartbeat.witness || heartbeat.witness->dials()) return;
  if (request.caller == nullptr || shares_token_) return;
  if (request.caller->sha256.empty()) return;  // it has a certificate: it is presented one, too
  const auto control = reachable_from_here(heartbeat.witness->control, request.peer);
  std::pair heard(control, request.caller->sha256);
  const auto known = heard_witnesses_.find(heartbeat.name);
  if (known != heard_witnesses_.end() && known->second == heard) return;
  if (heard_witnesses_.size() >= limits::credentials_max) heard_witnesses_.clear();
  heard_witnesses_[heartbeat.name] = std::move(heard);
  asio::post(loop_, [this, node = core::NodeId(heartbeat.name), control,
                     secret = access::witness_secret(request.caller->sha256)] {
    node_->set_secret(node, control, secret);
  });
}

}  // namespace tandem::master
