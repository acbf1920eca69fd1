// certificate_watch.hpp: what a worker says in its log about its own certificate in the cluster: a
// warning a day from 30 days before its end on, and one when a list of revocations that had some
// has become empty, which may be a file that was cut off.
//
// Any thread.
#pragma once

#include <optional>

#include "common/base/mutex.hpp"
#include "common/tls/credentials.hpp"
#include "tandem/worker.hpp"

namespace tandem {

class CertificateWatch {
 public:
  explicit CertificateWatch(EventLog log) : log_(std::move(log)) {}

  // Null: there is none, and nothing to be said.
  void begin(tls::CurrentCredentialsPtr credentials);
  // To be called often, with the time of the day: it is cheap.
  void look(tls::WallTime now);

 private:
  void tell_of_end(const tls::ClusterCredentials& current, tls::WallTime now) const;

  const EventLog log_;
  Mutex mutex_;
  tls::CurrentCredentialsPtr credentials_ TANDEM_GUARDED_BY(mutex_);
  tls::CredentialsPtr seen_ TANDEM_GUARDED_BY(mutex_);
  std::optional<std::chrono::sys_days> looked_at_ TANDEM_GUARDED_BY(mutex_);
};

}  // namespace tandem
