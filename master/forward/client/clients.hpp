// clients.hpp: the client connections of one loop.
//
// Owner: the loop.
#pragma once

#include <functional>
#include <memory>
#include <set>

#include "master/forward/client/client_counts.hpp"
#include "master/forward/client/entrance.hpp"
#include "master/forward/client/handshakes.hpp"
#include "master/forward/client/passed_client.hpp"
#include "master/forward/exchange/context.hpp"
#include "master/forward/io/intrusive_list.hpp"
#include "master/forward/io/byte_stream.hpp"
#include "master/forward/tls/server_contexts.hpp"

namespace tandem::master {

class ClientSession;

// The answer to a request for which there is no memory.
inline constexpr Refusal no_memory{503, "out_of_memory",
                                   "This master has no memory for more requests."};

class Clients {
 public:
  // `counts`: null when one address may have any number of connections. `on_left`: a client has
  // gone. `context` outlives it.
  Clients(Context& context, std::shared_ptr<ClientCounts> counts, HandshakeLimits handshakes,
          std::function<void()> on_left);
  ~Clients();

  bool empty() const { return sessions_.empty(); }
  ClientCounts* counts() const { return counts_.get(); }
  // For clients that come from now on. REQUIRES: there were none, or it is the same object.
  void use(std::shared_ptr<ClientCounts> counts);

  // Of those who come at that entrance: strangers make no room among the other masters.
  Handshakes& handshakes(const Entrance& entrance) {
    return entrance.inner ? inner_handshakes_ : handshakes_;
  }
  // Cuts off masters at the inner address that are no longer to be believed. To be called when that
  // has changed, and now and then, since certificates end.
  void look_at_masters();
  // Null: there is no TLS. A handshake that has begun with them holds them until it has ended.
  const tls::ServerContextsPtr& tls() const { return tls_; }
  // From now on.
  void use(tls::ServerContextsPtr tls) { tls_ = std::move(tls); }

  // Serves a client that is connected.
  void serve(ByteStream connection, const Arrival& arrival,
             std::shared_ptr<const Entrance> entrance);
  // From now on clients are passed on as soon as they can be, those that are idle at once: `take`
  // is called with each. Those who cannot be are asked to leave. Empty: no more are.
  using Take = std::function<void(PassedClient, const Entrance&)>;
  void pass_on(Take take);
  bool passes_on() const { return take_ != nullptr; }
  // Those that have become idle without a word. REQUIRES: passes_on()
  void pass_on_idle();
  // Tells those who came in there, which is left, if their protocol has a word for it.
  void tell_of_leaving(const Entrance& entrance);
  // Ends idle clients at once, the others when their request has been served.
  void drain();
  // Ends all clients as soon as possible.
  void abort();
  // Closes clients that have been idle since that time.
  void close_idle_since(Instant since);
  // Closes some of the clients that have been idle for a while.
  void close_idle();

 private:
  friend class ClientSession;
  void adopt(ClientSession& session);
  void note_master(ClientSession& session) { masters_.insert(&session); }
  void forget(ClientSession& session);

  Context& context_;
  std::shared_ptr<ClientCounts> counts_;
  const std::function<void()> on_left_;
  Handshakes handshakes_;
  Handshakes inner_handshakes_;
  std::set<ClientSession*> masters_;  // those who have shown a certificate
  tls::ServerContextsPtr tls_;
  Take take_;
  IntrusiveList<ClientSession> sessions_;
};

}  // namespace tandem::master
