// Headers of the PROXY protocol: the verdict does not depend on how the bytes arrive, nothing
// behind the header is looked at, and an address that is read can be written and read again.
#include "input.hpp"
#include "master/forward/client/limits.hpp"
#include "master/forward/client/proxy_header.hpp"

using namespace tandem;
using namespace tandem::fuzz;
using namespace tandem::master;

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
  TANDEM_ASSERT(header.bytes <= bytes.size());
  TANDEM_ASSERT(header.bytes <= limits::proxy_header_bytes_max);
  return 0;
}
