// peer_link.hpp: this node's connection to another member: kept alive, to its control address,
// carrying messages as POST /cluster/messages.
//
// Messages that wait while a request is on its way go into the next one, so that a slow peer gets
// fewer, larger requests. Messages may be lost, so nothing is sent again: messages that were not
// sent when the connection broke are dropped, and so is the oldest one when too many wait.
//
// The link also detects the end of a peer's process: a broken connection is reported and tried
// again at once, and a refused attempt is reported with the instant at which it began (see
// core::ConnectionRefused). A handshake that fails is never that: somebody is there.
//
// A witness that has no port makes the connection itself (decision 078). Then the link is that
// connection alone: it is never made again from here, says something once a second, so that both
// ends notice when nothing passes any more, and ends with it.
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
#include <boost/asio/steady_timer.hpp>

#include "common/base/endpoint.hpp"
#include "common/base/time.hpp"
#include "common/core/messages.hpp"
#include "common/http/channel.hpp"
#include "common/tls/clear_text.hpp"
#include "common/tls/credentials.hpp"
#include "common/wire/cluster_envelope.hpp"

namespace tandem::cluster {

struct PeerLinkOptions {
  core::NodeId peer;
  Endpoint address;  // numeric, or a name whose addresses come by set_addresses()
  Duration patience{
      1s};  // how long it waits for a connection or an answer; then the connection counts as broken
  Duration retry{100ms};  // the longest pause between attempts
  // True: a connection begins with an envelope even when no message waits, so that the peer learns
  // this node's address, and can connect in turn before it needs to.
  bool greets = false;
  // What it connects with: TLS; null: in clear, and only where that may be.
  tls::CurrentCredentialsPtr credentials{};
  tls::ClearText clear_text = tls::ClearText::on_this_machine;
};

class PeerLink : public std::enable_shared_from_this<PeerLink> {
 public:
  struct Hooks {
    std::function<wire::ClusterEnvelope()> envelope;  // of this node, without messages
    std::function<std::string()> token;               // to be presented to it now; empty: none
    // Whether the one at the other end is the peer; asked with credentials alone.
    std::function<bool(const tls::Identity&)> is_peer;
    std::function<void()> lost;                      // an established connection broke
    std::function<void(Instant attempted)> refused;  // by all its addresses
    // The connection that the peer had made, and that link with it; after lost().
    std::function<void(const PeerLink&)> ended{};
  };

  PeerLink(boost::asio::io_context& loop, PeerLinkOptions options, Hooks hooks);
  // On the connection that the peer has made: it answers requests there from now on. `address` of
  // the options is where it has called from.
  PeerLink(boost::asio::io_context& loop, PeerLinkOptions options, Hooks hooks,
           DetachedChannel&& made);

  void start();
  void send(core::Message message);
  // Sends an envelope soon, even without a message.
  void greet();
  // The peer's numeric addresses, from the next connection on: all are tried, beginning with the
  // one that was connected to last.
  void set_addresses(std::vector<Endpoint> addresses);
  // Why the peer cannot be reached, for people; empty when it has answered, or was not asked yet.
  // Each change is logged.
  std::string trouble() const { return trouble_.value_or(std::string()); }
  // The address that it is or was connected to, or tries first; empty while the peer's name has no
  // address.
  std::optional<Endpoint> address() const;
  // Whether the peer has made the connection.
  bool is_accepted() const { return accepted_; }
  // No hook is called from now on.
  void stop();

 private:
  using Timer = boost::asio::steady_timer;

  boost::asio::awaitable<void> run(std::shared_ptr<PeerLink> self);
  boost::asio::awaitable<void> run_accepted(std::shared_ptr<PeerLink> self);
  boost::asio::awaitable<void> converse(std::shared_ptr<PeerLink> self);
  boost::asio::awaitable<bool> connect();
  boost::asio::awaitable<boost::system::error_code> connect_to(Endpoint address);
  boost::asio::awaitable<boost::system::error_code> secure();
  bool is_still_good();
  boost::asio::awaitable<void> wait_to_write(std::uint64_t connection);
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
  Channel socket_;
  Timer watch_;  // for the answer, or for the connection
  Timer wake_;   // of the writer
  Timer pause_;  // between attempts
  std::deque<core::Message> queue_;
  std::uint64_t connection_ =
      0;  // counts connections, so that a writer notices that its own one has ended
  unsigned unanswered_ = 0;
  unsigned failures_ = 0;  // attempts in a row
  std::optional<std::string> trouble_;
  std::string not_peer_;   // who was there instead of the peer, in words
  bool greeting_ = false;  // a greeting waits to be sent
  bool stopped_ = false;
  const bool accepted_ = false;
};

}  // namespace tandem::cluster
