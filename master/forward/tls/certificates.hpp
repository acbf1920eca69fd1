// certificates.hpp: the certificates that clients are shown, as they lie in the files of --tls:
// read at the start, and again when an operator says so; and when they expire.
//
// A certificate that has expired, or is not valid yet, is told as an error, and stays in use:
// clients see it themselves, and whatever else an operator wants to change, a revocation say, must
// not wait for another one.
//
// All or nothing: when any of the files is wrong, all stay as they are, and the reason is told and
// logged. The keys of tickets change by themselves (tickets.hpp), not with the certificates, so
// that a client whose session began before a reload resumes it. Any thread; it blocks for the disk,
// and until the loops have what is new.
#pragma once

#include <functional>
#include <vector>

#include "common/base/mutex.hpp"
#include "common/wire/status.hpp"
#include "master/forward/tls/certificate.hpp"
#include "master/forward/tls/server_contexts.hpp"

namespace tandem::master::tls {

class Certificates {
 public:
  using Time = Certificate::Time;

  // `files`: none, when clients speak no TLS.
  explicit Certificates(std::vector<CertificateFiles> files,
                        ClientAuthoritySpec client_authority = {});

  // The first time, before anybody is served. Errors: as Certificate::load(), or OpenSSL would
  // refuse them for handshakes.
  Result<CertificateSetPtr> load(Time now, std::shared_ptr<const TicketKeys> ticket_keys);
  // Reads them again, and has `use` take them into use. Errors: as load(), or what `use` says.
  using Use = std::function<Result<>(CertificateSetPtr)>;
  Result<> reload(Time now, const Use& use);
  // Reads other files, to be taken into use by put(). Errors: as load(); nothing has changed.
  struct Prepared {
    std::vector<CertificateFiles> files;
    ClientAuthoritySpec client_authority;
    CertificateSet set;  // but for the keys of tickets
  };
  static Result<Prepared> prepare(std::vector<CertificateFiles> files,
                                  ClientAuthoritySpec client_authority, Time now);
  // Has `use` take them into use. Errors: what `use` says, and all stay as they are.
  Result<> put(Prepared prepared, Time now, const Use& use);
  // Has `use` take other keys of tickets into use, with the same certificates.
  void use_tickets(std::shared_ptr<const TicketKeys> ticket_keys, const Use& use);
  // Warns of certificates that expire soon, once a day. To be called now and then.
  void tick(Time now);
  bool are_any() const { return !current()->certificates.empty(); }
  std::vector<wire::CertificateStatus> status(Time now) const;

 private:
  // All but the keys of tickets.
  static Result<CertificateSet> read(const std::vector<CertificateFiles>& files,
                                     const ClientAuthoritySpec& client_authority, Time now);
  Result<> put_here(Result<CertificateSet> certificates, Time now, const Use& use)
      TANDEM_REQUIRES(changing_);
  CertificateSetPtr current() const;
  void keep(CertificateSetPtr certificates);

  Mutex changing_;  // by one at a time
  std::vector<CertificateFiles> files_ TANDEM_GUARDED_BY(changing_);
  ClientAuthoritySpec client_authority_ TANDEM_GUARDED_BY(changing_);
  Time warned_at_ TANDEM_GUARDED_BY(changing_){};
  mutable Mutex mutex_;
  CertificateSetPtr current_ TANDEM_GUARDED_BY(mutex_);
};

}  // namespace tandem::master::tls
