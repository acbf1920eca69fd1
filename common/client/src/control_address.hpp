// control_address.hpp: one control address that is asked, and the connections that are kept for it.
//
// Any thread. A question is asked without the lock.
#pragma once

#include <memory>
#include <vector>

#include "common/base/endpoint.hpp"
#include "common/base/mutex.hpp"
#include "common/base/time.hpp"
#include "common/http/blocking_client.hpp"

namespace tandem::client {

class ControlAddress {
 public:
  // `credentials`: it has to be a master's, over TLS; null: in clear.
  ControlAddress(Endpoint endpoint, tls::CurrentCredentialsPtr credentials)
      : endpoint_(std::move(endpoint)), credentials_(std::move(credentials)) {}

  const Endpoint& endpoint() const { return endpoint_; }
  // Blocks for `timeout` at most.
  HttpOutcome ask(const HttpRequest& request, Duration timeout);

 private:
  struct Asking {
    Duration timeout;
    std::unique_ptr<BlockingClient> client;
  };

  Asking take(Duration timeout);

  const Endpoint endpoint_;
  const tls::CurrentCredentialsPtr credentials_;
  Mutex mutex_;
  std::vector<Asking> idle_ TANDEM_GUARDED_BY(mutex_);  // at most client_controls_kept
};

}  // namespace tandem::client
