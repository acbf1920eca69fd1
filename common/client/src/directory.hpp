// directory.hpp: asks the control addresses of a cluster who the masters are, and which workers a
// service has. It also learns further control addresses, and asks these from then on.
//
// Any thread; questions are asked without the lock.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/endpoint.hpp"
#include "common/base/mutex.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/client/src/masters.hpp"
#include "tandem/client.hpp"

namespace tandem::client {

class Directory {
 public:
  // `told`: the configured addresses; with none, every query fails. `token`: empty: none.
  Directory(std::vector<Endpoint> told, std::string token);

  bool is_empty() const;

  // The client addresses of all masters, from the first that answers; each is asked for `timeout`
  // at most. Errors: `unavailable`, naming each address and what happened.
  Result<std::vector<Endpoint>> client_addresses(Duration timeout);

  // From the primary, or from a standby while there is none. Errors: likewise.
  Result<ServiceView> service(const std::string& name, Duration timeout);

 private:
  // One control address, and its idle connections.
  using Control = std::shared_ptr<Masters>;

  ClientResult ask(const Control& control, const std::string& path, Duration timeout) const;
  Result<ServiceView> service_at(const Control& control, const std::string& name,
                                 Duration timeout) const;
  std::vector<Control> order() const;
  void goes_first(const Control& control);
  void learn(const std::vector<Endpoint>& controls);

  const std::vector<Endpoint> told_;
  const std::string fields_;  // of every question
  mutable Mutex mutex_;
  std::vector<Control> controls_ TANDEM_GUARDED_BY(mutex_);  // asked in this order
};

}  // namespace tandem::client
