// ticket_sharing.hpp: one ring of ticket keys for all masters (TLS for clients): POST
// /cluster/ticket-keys at the primary, and the question of the others; and POST
// /v1/ticket-keys/turn, by which an operator has the ring turned before its time.
//
// The primary's ring counts. The others ask for it: at once when there is another primary, and then
// once a second, which also tells the primary that they have it. Only masters are told, the ring is
// sealed for the one that asks, and nothing of it is ever on a disk. A primary of a version that
// does not know the question answers 404, and then each master has a ring of its own.
//
// Owner: the control thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "common/base/sealed_text.hpp"
#include "common/http/http_call.hpp"
#include "master/cluster/cluster_member.hpp"
#include "master/control/api_router.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

// What the data plane does about it. Empty: clients speak no TLS. Called on the control thread.
struct TicketHooks {
  std::function<bool()> is_on{};                       // clients speak TLS now
  std::function<std::string()> version{};              // of the ring that is used
  std::function<std::string()> ring{};                 // its bytes
  std::function<bool(std::string_view bytes)> take{};  // the primary's; false: it is no ring
  enum class Standing { primary, primary_awaits, other };
  std::function<void(Standing)> tick{};  // now and then: it may be time to turn it
  std::function<void()> turn{};          // it is
  std::function<Duration()> interval{};  // how long a key encrypts
};

class TicketSharing {
 public:
  // All references outlive it; `token` says what is presented to the primary.
  TicketSharing(boost::asio::io_context& loop, HttpCalls& calls, const Registry& registry,
                const ClusterMember& member, std::string node, std::function<std::string()> token,
                TicketHooks hooks);

  void route(ApiRouter& router);
  // To be called now and then.
  void tick(Instant now);

 private:
  bool is_on() const { return hooks_.is_on && hooks_.is_on(); }
  bool all_have_ring() const;
  ControlResponse answer(const ControlRequest& request);
  ControlResponse turn();
  boost::asio::awaitable<void> ask(Endpoint primary, std::string name);

  boost::asio::io_context& loop_;
  HttpCalls& calls_;
  const Registry& registry_;
  const ClusterMember& member_;
  const std::string node_;
  const std::function<std::string()> token_;
  const TicketHooks hooks_;
  const SealingKey key_;                      // as long as this process lives
  std::map<std::string, std::string> known_;  // the versions that the other masters have
  bool asking_ = false;
  Instant ask_again_ = Instant::never();
  std::pair<std::string, Term> asked_;  // who led when the ring was asked for last
};

}  // namespace tandem::master
