#include "master/client_tls.hpp"

#include <chrono>

namespace tandem::master {

namespace {

tls::Tickets::Time wall_time() { return std::chrono::system_clock::now(); }

tls::Tickets::Standing standing_of(TicketHooks::Standing standing) {
  switch (standing) {
    case TicketHooks::Standing::primary: return tls::Tickets::Standing::primary;
    case TicketHooks::Standing::primary_awaits: return tls::Tickets::Standing::primary_awaits;
    case TicketHooks::Standing::other: break;
  }
  return tls::Tickets::Standing::other;
}

}  // namespace

ClientTls::ClientTls(const MasterFlags& flags)
    : interval_(flags.ticket_key_interval),
      tickets_(ticket_interval(), wall_time()),
      certificates_(flags.certificates, flags.client_authority) {}

tls::Tickets::Interval ClientTls::ticket_interval() const {
  return std::chrono::duration_cast<tls::Tickets::Interval>(interval_.load());
}

Result<tls::CertificateSetPtr> ClientTls::load() {
  auto loaded = certificates_.load(wall_time(), tickets_.keys());
  if (loaded && (*loaded)->certificates.empty()) return tls::CertificateSetPtr();
  return loaded;
}

Result<tls::Certificates::Prepared> ClientTls::prepare(const MasterFlags& flags) {
  return tls::Certificates::prepare(flags.certificates, flags.client_authority, wall_time());
}

Result<> ClientTls::put(tls::Certificates::Prepared prepared, DataPlane& plane) {
  return certificates_.put(std::move(prepared), wall_time(), into(plane));
}

// Whoever has come by TLS that is gone stays with what it was shown.
tls::Certificates::Use ClientTls::into(DataPlane& plane) {
  return [&plane](tls::CertificateSetPtr set) -> Result<> {
    if (set->certificates.empty()) return {};
    return plane.publish(std::move(set));
  };
}

CertificateHooks ClientTls::hooks(DataPlane*& plane) {
  return {.is_on = [this] { return certificates_.are_any(); },
          .status = [this] { return certificates_.status(wall_time()); },
          .reload = [this, &plane] { return certificates_.reload(wall_time(), into(*plane)); },
          .tick = [this] { certificates_.tick(wall_time()); }};
}

TicketHooks ClientTls::ticket_hooks(DataPlane*& plane) {
  const auto use = [this, &plane](std::shared_ptr<const tls::TicketKeys> keys) {
    certificates_.use_tickets(std::move(keys), into(*plane));
  };
  return {.is_on = [this] { return certificates_.are_any(); },
          .version = [this] { return tickets_.ring().version(); },
          .ring = [this] { return tickets_.ring().to_bytes(wall_time()); },
          .take = [this,
                   use](std::string_view bytes) { return tickets_.take(bytes, wall_time(), use); },
          .tick =
              [this, use](TicketHooks::Standing standing) {
                tickets_.set_interval(ticket_interval());
                tickets_.tick(wall_time(), standing_of(standing), use);
              },
          .turn = [this, use] { tickets_.turn(wall_time(), use); },
          .interval = [this] { return interval_.load(); }};
}

}  // namespace tandem::master
