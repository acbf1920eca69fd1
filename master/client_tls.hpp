// client_tls.hpp: TLS with clients: the certificates of --tls and the keys of tickets, and what is
// done with them while the data plane runs.
#pragma once

#include <atomic>

#include "common/base/result.hpp"
#include "master/control/control_plane.hpp"
#include "master/flags.hpp"
#include "master/forward/plane/data_plane.hpp"
#include "master/forward/tls/certificates.hpp"
#include "master/forward/tls/tickets.hpp"

namespace tandem::master {

class ClientTls {
 public:
  explicit ClientTls(const MasterFlags& flags);

  // Null: clients speak no TLS.
  Result<tls::CertificateSetPtr> load();
  // The certificates that these flags name, perhaps none, as they are on the disk now. Any thread;
  // blocks for the disk. Errors: as Certificate::load().
  Result<tls::Certificates::Prepared> prepare(const MasterFlags& flags);
  Result<> put(tls::Certificates::Prepared prepared, DataPlane& plane);
  // How long a key of tickets encrypts, from the next look at them on. Any thread.
  void set_ticket_key_interval(Duration interval) { interval_ = interval; }

  // For the control plane; `plane` is set before the first is called, and all outlive it.
  CertificateHooks hooks(DataPlane*& plane);
  TicketHooks ticket_hooks(DataPlane*& plane);

 private:
  static tls::Certificates::Use into(DataPlane& plane);
  tls::Tickets::Interval ticket_interval() const;

  std::atomic<Duration> interval_;
  tls::Tickets tickets_;  // the control thread's, once it runs
  tls::Certificates certificates_;
};

}  // namespace tandem::master
