// certificates_api.hpp: the certificates that clients are shown: GET /v1/certificates, and POST
// /v1/certificates/reload, which has their files read again.
#pragma once

#include <functional>
#include <vector>

#include "common/base/result.hpp"
#include "common/wire/status.hpp"
#include "master/control/api_router.hpp"

namespace tandem::master {

// What the data plane does about them. Empty: clients speak no TLS. Called on the control thread.
struct CertificateHooks {
  std::function<bool()> is_on{};  // clients speak TLS now
  std::function<std::vector<wire::CertificateStatus>()> status{};
  std::function<Result<>()> reload{};  // all or nothing; errors say which file, and why
  std::function<void()> tick{};        // now and then: warns
};

// `told`: what has become of a reload that somebody has asked for.
void route_certificates(ApiRouter& router, const CertificateHooks& hooks,
                        std::function<void(const ControlRequest&, const Result<>&)> told);

}  // namespace tandem::master
