#include "master/forward/tls/certificates.hpp"

#include <algorithm>
#include <optional>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "common/base/assert.hpp"
#include "common/base/log.hpp"
#include "master/forward/tls/limits.hpp"

namespace tandem::master::tls {

namespace {

using Days = std::chrono::duration<std::int64_t, std::ratio<86'400>>;

// Whole ones; negative when it has expired.
std::int64_t days_left(Certificate::Time expires, Certificate::Time now) {
  return std::chrono::floor<Days>(expires - now).count();
}

// RFC 3339.
std::string told(Certificate::Time time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

void log_loaded(const Certificate& certificate, Certificate::Time now) {
  if (now < certificate.begins()) {
    return log::error(
        "certificate is not valid yet, and is used all the same file={} names={} valid_from={}",
        certificate.files().certificate, fmt::join(certificate.names(), ","),
        told(certificate.begins()));
  }
  if (certificate.expires() <= now) {
    return log::error(
        "certificate has expired, and is used all the same file={} names={} days_left={}",
        certificate.files().certificate, fmt::join(certificate.names(), ","),
        days_left(certificate.expires(), now));
  }
  log::info("certificate loaded file={} names={} days_left={}", certificate.files().certificate,
            fmt::join(certificate.names(), ","), days_left(certificate.expires(), now));
}

}  // namespace

Certificates::Certificates(std::vector<CertificateFiles> files,
                           ClientAuthoritySpec client_authority)
    : files_(std::move(files)), client_authority_(std::move(client_authority)) {}

Result<CertificateSet> Certificates::read(const std::vector<CertificateFiles>& files,
                                          const ClientAuthoritySpec& client_authority, Time now) {
  CertificateSet set;
  for (const auto& each : files) {
    auto loaded = Certificate::load(each, now);
    if (!loaded) return loaded.error();
    set.certificates.push_back(std::move(*loaded));
  }
  auto authority = ClientAuthority::load(client_authority);
  if (!authority) return authority.error();
  set.client_authority = std::move(*authority);
  if (const auto usable = ServerContexts::check(set); !usable) return usable.error();
  return set;
}

CertificateSetPtr Certificates::current() const {
  const Lock lock(mutex_);
  return current_;
}

void Certificates::keep(CertificateSetPtr certificates) {
  const Lock lock(mutex_);
  current_ = std::move(certificates);
}

Result<CertificateSetPtr> Certificates::load(Time now,
                                             std::shared_ptr<const TicketKeys> ticket_keys) {
  const Lock lock(changing_);
  auto certificates = read(files_, client_authority_, now);
  if (!certificates) return certificates.error();
  for (const auto& each : certificates->certificates) log_loaded(each, now);
  certificates->ticket_keys = std::move(ticket_keys);
  auto set = std::make_shared<const CertificateSet>(std::move(*certificates));
  keep(set);
  return CertificateSetPtr(std::move(set));
}

Result<> Certificates::reload(Time now, const Use& use) {
  const Lock lock(changing_);
  return put_here(read(files_, client_authority_, now), now, use);
}

Result<Certificates::Prepared> Certificates::prepare(std::vector<CertificateFiles> files,
                                                     ClientAuthoritySpec client_authority,
                                                     Time now) {
  auto set = read(files, client_authority, now);
  if (!set) return set.error();
  return Prepared{std::move(files), std::move(client_authority), std::move(*set)};
}

Result<> Certificates::put(Prepared prepared, Time now, const Use& use) {
  const Lock lock(changing_);
  const auto put = put_here(std::move(prepared.set), now, use);
  if (!put) return put;
  files_ = std::move(prepared.files);
  client_authority_ = std::move(prepared.client_authority);
  return {};
}

Result<> Certificates::put_here(Result<CertificateSet> certificates, Time now, const Use& use) {
  const auto before = current();
  TANDEM_ASSERT(before != nullptr);
  Result<> used;
  if (certificates) {
    certificates->ticket_keys = before->ticket_keys;
    auto set = std::make_shared<const CertificateSet>(std::move(*certificates));
    used = use(set);
    if (used) keep(set);
  } else {
    used = certificates.error();
  }
  if (!used) {
    log::error("certificates stay as they are reason=\"{}\"", used.error().message);
    return used;
  }
  for (const auto& each : current()->certificates) log_loaded(each, now);
  warned_at_ = Time();
  return {};
}

void Certificates::use_tickets(std::shared_ptr<const TicketKeys> ticket_keys, const Use& use) {
  const Lock lock(changing_);
  const auto before = current();
  TANDEM_ASSERT(before != nullptr);
  auto set = std::make_shared<const CertificateSet>(
      CertificateSet{before->certificates, std::move(ticket_keys), before->client_authority});
  const auto used = use(set);
  if (!used) return log::error("ticket keys stay as they are reason=\"{}\"", used.error().message);
  keep(set);
}

void Certificates::tick(Time now) {
  const Lock lock(changing_);
  const auto before = current();
  TANDEM_ASSERT(before != nullptr);
  if (now - warned_at_ < Days(1)) return;
  warned_at_ = now;
  for (const auto& each : before->certificates) {
    const auto left = days_left(each.expires(), now);
    const auto& file = each.files().certificate;
    if (each.staple() != nullptr && each.staple()->until() <= now) {
      log::warn("ocsp staple has expired and is not sent file={}.ocsp", file);
    }
    if (now < each.begins()) {
      log::error("certificate is not valid yet file={} valid_from={}", file, told(each.begins()));
    } else if (left < 0) {
      log::error("certificate has expired file={} days_left={}", file, left);
    } else if (left < limits::certificate_days_urgent) {
      log::error("certificate expires very soon file={} days_left={}", file, left);
    } else if (left < limits::certificate_days_warned) {
      log::warn("certificate expires soon file={} days_left={}", file, left);
    }
  }
}

std::vector<wire::CertificateStatus> Certificates::status(Time now) const {
  const auto set = current();
  std::vector<wire::CertificateStatus> all;
  if (set == nullptr) return all;
  for (const auto& each : set->certificates) {
    std::optional<std::uint64_t> expired_days;
    if (each.expires() <= now) {
      expired_days =
          static_cast<std::uint64_t>(std::chrono::floor<Days>(now - each.expires()).count());
    }
    all.push_back({.file = each.files().certificate,
                   .names = each.names(),
                   .expires = told(each.expires()),
                   .days_left = static_cast<std::uint64_t>(
                       std::max<std::int64_t>(days_left(each.expires(), now), 0)),
                   .expired_days = expired_days,
                   .valid_from = now < each.begins() ? told(each.begins()) : std::string()});
  }
  return all;
}

}  // namespace tandem::master::tls
