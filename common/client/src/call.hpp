// call.hpp: one call: which master is asked next, what may be sent again, when to give up.
//
// Owner: the thread that calls.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/base/endpoint.hpp"
#include "common/base/time.hpp"
#include "common/client/src/client_tls.hpp"
#include "common/client/src/deadline.hpp"
#include "common/client/src/exchange.hpp"
#include "common/client/src/masters.hpp"
#include "tandem/client.hpp"

namespace tandem::client {

struct CallLimits {
  Duration deadline;     // of the call
  Duration probe_after;  // zero: never
  Duration connect;
  std::size_t body_bytes_max;
  ClientTlsPtr tls{};               // null: in clear
  std::function<void()> refresh{};  // when no master serves: learns others; may be empty
};

class Call {
 public:
  Call(Masters& masters, const Outgoing& request, const CallLimits& limits);

  ClientResult run();

 private:
  std::optional<ClientResult> ask(std::shared_ptr<Master> master);
  ExchangeOutcome attempt(Master& master);
  ExchangeOutcome exchange(Master& master, Connection connection);
  std::shared_ptr<Master> named_by(const ClientResponse& response) const;
  bool may_go_on(const ExchangeOutcome& made) const;
  ClientResult settle(ClientResponse response);
  ClientResult fail(ExchangeEnd end) const;
  bool prepare_source();
  bool pause(unsigned round) const;
  ClientResult give_up();
  std::string tried() const;

  Masters& masters_;
  const Outgoing& request_;
  const CallLimits limits_;
  bool has_others_ = false;  // masters that could be asked instead
  Deadline deadline_;
  Streamed streamed_;
  unsigned attempts_ = 0;
  unsigned restarts_ = 0;  // of the source
  bool lost_ = false;      // an answer got lost, so something may have been executed
  bool sent_ = false;      // a byte of it may have reached a master
  std::map<Endpoint, std::string> failures_;  // the latest of each
  std::optional<ClientResponse> unserved_;    // the latest "nothing was executed"
};

}  // namespace tandem::client
