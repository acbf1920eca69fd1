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
#include "common/client/src/control_address.hpp"
#include "common/tls/clear_text.hpp"
#include "tandem/client.hpp"

namespace tandem::client {

class Directory {
 public:
  // `told`: the configured addresses; with none, every query fails. REQUIRES: the options are
  // valid.
  Directory(std::vector<Endpoint> told, const ClientOptions& options);

  // Reads token and certificate again, both or neither; questions that are asked from now on use
  // them. Errors: `invalid`, a sentence.
  Result<> read_secrets();

  // Asks these control addresses too, from now on. REQUIRES: read_secrets() has succeeded.
  void learn(const std::vector<Endpoint>& controls);

  bool is_empty() const;

  // The client addresses of all masters, from the first that answers; each is asked for `timeout`
  // at most. Errors: `unavailable`, naming each address and what happened.
  Result<std::vector<Endpoint>> client_addresses(Duration timeout);

  // From the primary, or from a standby while there is none. Errors: likewise.
  Result<ServiceView> service(const std::string& name, Duration timeout);

 private:
  using Control = std::shared_ptr<ControlAddress>;

  HttpOutcome ask(const Control& control, const std::string& path, Duration timeout) const;
  Result<ServiceView> service_at(const Control& control, const std::string& name,
                                 Duration timeout) const;
  std::vector<Control> order() const;
  void goes_first(const Control& control);

  const std::vector<Endpoint> told_;
  const std::string token_;  // as configured; empty: that of the file, if there is one
  const std::string token_file_;
  const ClusterCertificate files_;
  const tls::ClearText clear_text_;
  mutable Mutex mutex_;
  tls::CurrentCredentialsPtr credentials_ TANDEM_GUARDED_BY(mutex_);  // null: in clear
  std::string presented_ TANDEM_GUARDED_BY(mutex_);                   // empty: no token
  std::vector<Control> controls_ TANDEM_GUARDED_BY(mutex_);           // asked in this order
};

}  // namespace tandem::client
