// peer_link.hpp: this node's side of the conversation with one other: a kept-alive connection to
// its control address, over which messages go as POST /cluster/messages.
//
// What waits while a request is on its way goes with the next one, so that a slow peer costs fewer,
// larger requests. Messages may be lost, so nothing is sent again: what could not be sent when the
// connection broke is dropped, and so is the oldest when too many wait.
//
// The link also is the ear for a peer's end: a connection that breaks is reported and tried again
// at once, and an attempt that is refused is reported with the instant at which it began (see
// core::ConnectionRefused).
//
// Owner: the loop's thread. Held by shared_ptr: its coroutines live until stop() has been noticed.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/endpoint.hpp"
#include "common/base/time.hpp"
#include "common/core/messages.hpp"
#include "common/wire/cluster_envelope.hpp"

namespace tandem::cluster {

struct PeerLinkOptions {
  core::NodeId peer;
  Endpoint address;       // numeric, or a name whose addresses come by set_addresses()
  std::string token;      // presented to it; empty: none
  Duration patience{1s};  // for a connection or an answer; then the connection counts as broken
  Duration retry{100ms};  // between attempts, at most
  // A connection begins with an envelope even when no message waits, so that the peer learns from
  // where it may be asked, and can connect in its turn before it has to.
  bool greets = false;
};

class PeerLink : public std::enable_shared_from_this<PeerLink> {
 public:
  struct Hooks {
    std::function<wire::ClusterEnvelope()> envelope;  // of this node, without messages
    std::function<void()> lost;                       // an established connection broke
    std::function<void(Instant attempted)> refused;   // by all its addresses
  };

  PeerLink(boost::asio::io_context& loop, PeerLinkOptions options, Hooks hooks);

  void start();
  void send(core::Message message);
  // Sends an envelope soon, even without a message.
  void greet();
  // Where the peer may be, numeric, from the next connection on: all are tried, the one that was
  // connected to last first.
  void set_addresses(std::vector<Endpoint> addresses);
  // Why the peer cannot be talked to, for people; empty when it has answered, or was not asked yet.
  // The log tells each change of it.
  std::string trouble() const { return trouble_.value_or(std::string()); }
  // Where it is or was connected, or is tried first; empty while its name has no address.
  std::optional<Endpoint> address() const;
  // No hook is called from now on.
  void stop();

 private:
  using Socket = boost::asio::ip::tcp::socket;
  using Timer = boost::asio::steady_timer;

  boost::asio::awaitable<void> run(std::shared_ptr<PeerLink> self);
  boost::asio::awaitable<bool> connect();
  boost::asio::awaitable<boost::system::error_code> connect_to(Endpoint address);
  boost::asio::awaitable<void> read_answers();
  boost::asio::awaitable<void> write_messages(std::shared_ptr<PeerLink> self,
                                              std::uint64_t connection);
  std::string next_request();
  void expect_answer();
  void note_answer(unsigned status, const std::string& body);
  void set_trouble(std::string trouble);
  void close();

  boost::asio::io_context& loop_;
  const PeerLinkOptions options_;
  Hooks hooks_;
  std::vector<Endpoint> addresses_;  // numeric
  Socket socket_;
  Timer watch_;  // for the answer, or for the connection
  Timer wake_;   // of the writer
  Timer pause_;  // between attempts
  std::deque<core::Message> queue_;
  std::uint64_t connection_ = 0;  // counts them, so that a writer notices that its own has ended
  unsigned unanswered_ = 0;
  unsigned failures_ = 0;  // attempts in a row
  std::optional<std::string> trouble_;
  bool greeting_ = false;  // is to be sent
  bool stopped_ = false;
};

}  // namespace tandem::cluster
