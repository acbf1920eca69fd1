// witness.hpp: a worker as a witness: it votes and stores the log, and never leads.
//
// It runs on a thread of its own, and makes a connection to each master, on which that one sends it
// messages (master_links.hpp). If it is given an address it has a small control port beside the
// service instead, for POST /cluster/messages and GET /health, and masters make the connections. It
// begins to take part once a master has told it the cluster's timing, because a voter's promises
// depend on that.
//
// Owner: Registration; any thread may call.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"
#include "common/core/options.hpp"
#include "common/tls/clear_text.hpp"
#include "common/tls/credentials.hpp"
#include "common/wire/heartbeat.hpp"
#include "tandem/worker.hpp"

namespace tandem {

struct WitnessOptions {
  std::string name;
  std::string directory;  // locked by the caller
  // Numeric; port 0: the kernel chooses. Nothing: it has no port.
  std::optional<Endpoint> listen{};
  std::string token;  // this worker's token; empty: none is required of masters
  tls::CurrentCredentialsPtr credentials{};  // it speaks TLS, with masters alone; null: in clear
  tls::ClearText clear_text = tls::ClearText::on_this_machine;  // where masters may be, without
  EventLog log;
};

class Witness {
 public:
  // Opens the log, binds the port, and begins to listen. Errors: `invalid`, `io`, as a sentence.
  static Result<std::unique_ptr<Witness>> open(WitnessOptions options);
  ~Witness();  // as stop()

  // What the heartbeats state about it.
  wire::WitnessOffer offer() const;
  // Takes the cluster's timing from a master. The first call starts the witness; a different timing
  // later is logged and ignored.
  void take_timing(const core::Timing& timing);
  // A master has answered a heartbeat there; it has left. Without a port it is connected to.
  void add_master(const std::string& node, const Endpoint& control);
  void remove_master(const std::string& node);
  // From now on this worker has that token. REQUIRES: it had one before.
  void take_token(const std::string& token);
  void stop();

 private:
  class Body;
  explicit Witness(std::unique_ptr<Body> body);
  std::unique_ptr<Body> body_;
};

}  // namespace tandem
