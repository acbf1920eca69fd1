#include "worker/src/certificate_watch.hpp"

#include <fmt/format.h>

#include "common/access/limits.hpp"

namespace tandem {

void CertificateWatch::begin(tls::CurrentCredentialsPtr credentials) {
  const Lock lock(mutex_);
  credentials_ = std::move(credentials);
}

void CertificateWatch::look(tls::WallTime now) {
  const Lock lock(mutex_);
  if (credentials_ == nullptr || !log_) return;
  const auto current = credentials_->get();
  const auto today = std::chrono::floor<std::chrono::days>(now);
  const auto before = std::exchange(seen_, current);
  if (std::exchange(looked_at_, today) == today && before == current) return;
  if (before != nullptr && before->revocations() > 0 && current->revocations() == 0) {
    log_(Severity::warning,
         fmt::format("nobody is revoked any more, the list of revocations is empty before={}",
                     before->revocations()));
  }
  tell_of_end(*current, now);
}

void CertificateWatch::tell_of_end(const tls::ClusterCredentials& current,
                                   tls::WallTime now) const {
  const auto left = std::chrono::floor<std::chrono::days>(current.expires() - now).count();
  if (const auto over = current.why_out_of_time(now); !over.empty()) {
    return log_(Severity::warning,
                fmt::format("the certificate of the cluster {}: no master accepts it identity={} "
                            "days_left={}",
                            over, current.identity().id(), left));
  }
  if (left > std::int64_t{limits::credential_days_first_warning}) return;
  log_(Severity::warning,
       fmt::format("the certificate of the cluster ends soon identity={} until=\"{}\" days_left={}",
                   current.identity().id(), tls::to_string(current.expires()), left));
}

}  // namespace tandem
