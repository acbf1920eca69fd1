// call.hpp: one call: which master is asked next, what may be sent again, when to give up.
//
// Owner: the thread that calls.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/endpoint.hpp"
#include "common/base/time.hpp"
#include "common/client/src/masters.hpp"
#include "common/client/src/response_reader.hpp"
#include "tandem/client.hpp"

namespace tandem::client {

struct CallLimits {
  Duration deadline;  // of the call
  Duration attempt;   // of an attempt that may be repeated elsewhere
  Duration connect;
  std::size_t body_bytes_max;
};

// A request, but for the field Host where that is the master's own address.
struct Outgoing {
  std::string method;
  std::string target;
  std::string fields;  // whole lines, after Host
  std::string_view body;
  bool names_host = false;  // Host is among the fields
  bool repeatable = false;  // may be executed twice
};

class Call {
 public:
  Call(Masters& masters, const Outgoing& request, const CallLimits& limits);

  ClientResult run();

 private:
  // A known master, or an address that a standby named.
  struct Place {
    Endpoint endpoint;
    std::optional<std::size_t> master;
  };
  enum class Came {
    answer,
    nothing_sent,
    lost,  // a byte of the request may have been sent
    too_long,
  };
  struct Attempt {
    Came came = Came::nothing_sent;
    bool timed_out = false;
    bool was_stale = false;  // a kept-alive connection that had been closed meanwhile
    std::string why{};
    ClientResponse response{};
  };

  std::optional<ClientResult> ask(Place place);
  Attempt attempt(const Place& place);
  Attempt exchange(const Place& place, Connection connection, bool is_reused, Instant deadline);
  std::optional<Place> named_by(const ClientResponse& response) const;
  bool pause(unsigned round) const;
  ClientResult give_up();
  std::string tried() const;

  Masters& masters_;
  const Outgoing& request_;
  const CallLimits limits_;
  const Instant deadline_;
  unsigned attempts_ = 0;
  bool lost_ = false;  // an answer got lost, so something may have been executed
  bool sent_ = false;  // a byte of it may have reached a master
  std::map<Endpoint, std::string> failures_;  // the latest of each
  std::optional<ClientResponse> unserved_;    // the latest "nothing was executed"
};

}  // namespace tandem::client
