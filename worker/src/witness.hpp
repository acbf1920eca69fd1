// witness.hpp: a worker as a witness: it votes and stores the log, and never leads.
//
// It runs on a thread of its own with a small control port beside the service, for POST
// /cluster/messages and GET /health. It begins to take part once a master has told it the cluster's
// timing, because a voter's promises depend on that.
//
// Owner: Registration; any thread may call.
#pragma once

#include <memory>
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
  Endpoint listen;        // numeric; port 0: the kernel chooses
  std::string token;      // this worker's token; empty: none is required of masters
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
  // From now on this worker has that token. REQUIRES: it had one before.
  void take_token(const std::string& token);
  void stop();

 private:
  class Body;
  explicit Witness(std::unique_ptr<Body> body);
  std::unique_ptr<Body> body_;
};

}  // namespace tandem
