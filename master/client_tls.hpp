// client_tls.hpp: TLS with clients: the certificates of --tls and the keys of tickets, and what is
// done with them while the data plane runs.
#pragma once

#include <optional>

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
  // The certificates that these flags name, as they are on the disk now; nothing: clients speak no
  // TLS. Any thread; blocks for the disk. Errors: as Certificate::load().
  Result<std::optional<tls::Certificates::Prepared>> prepare(const MasterFlags& flags);
  Result<> put(tls::Certificates::Prepared prepared, DataPlane& plane);

  // For the control plane; `plane` is set before the first is called, and all outlive it.
  CertificateHooks hooks(DataPlane*& plane);
  TicketHooks ticket_hooks(DataPlane*& plane);

 private:
  static tls::Certificates::Use into(DataPlane& plane);

  const Duration interval_;
  std::optional<tls::Certificates> certificates_;
  tls::Tickets tickets_;  // the control thread's, once it runs
};

}  // namespace tandem::master
