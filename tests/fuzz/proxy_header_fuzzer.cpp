// Headers of the PROXY protocol: the verdict does not depend on how the bytes arrive, nothing
// behind the header is looked at, and whatever a load balancer tells of a client's certificate is
// one element of X-Forwarded-Client-Cert with a subject alone.
#include <algorithm>

#include "input.hpp"
#include "master/forward/client/limits.hpp"
#include "master/forward/client/proxy_header.hpp"
#include "master/forward/http/client_certificate.hpp"

using namespace tandem;
using namespace tandem::fuzz;
using namespace tandem::master;

namespace {

const auto any_certificate = *wire::CertificateDemand::parse("any");
const auto all_names = *wire::CertificateDemand::parse("*.example,spiffe://shop/*");

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = text_of(data, size);
  ProxyHeader header;
  const auto verdict = parse_proxy_header(bytes, header);
  Cuts cuts(bytes);
  ProxyHeader again;
  auto status = ProxyHeaderStatus::incomplete;
  for (std::size_t arrived = 0;
       arrived < bytes.size() && status == ProxyHeaderStatus::incomplete;) {
    arrived += cuts.next(bytes.size() - arrived);
    status = parse_proxy_header(bytes.substr(0, arrived), again);
  }
  TANDEM_ASSERT(bytes.empty() || status == verdict);
  if (verdict != ProxyHeaderStatus::complete) return 0;
  TANDEM_ASSERT(again.bytes == header.bytes && again.source == header.source);
  TANDEM_ASSERT(again.target_port == header.target_port && again.tls == header.tls);
  TANDEM_ASSERT(header.bytes <= bytes.size());
  TANDEM_ASSERT(header.bytes <= limits::proxy_header_bytes_max);
  if (!header.tls) return 0;
  TANDEM_ASSERT(header.tls->version.size() <= limits::proxy_tls_version_bytes_max);
  if (!header.tls->certificate) return 0;
  const auto element = certificate_named(*header.tls->certificate);
  TANDEM_ASSERT(element.starts_with("Subject=\"") && element.ends_with('"'));
  TANDEM_ASSERT(
      std::all_of(element.begin(), element.end(), [](char c) { return c >= ' ' && c <= '~'; }));
  TANDEM_ASSERT(meets(any_certificate, element) && !meets(all_names, element));
  return 0;
}
