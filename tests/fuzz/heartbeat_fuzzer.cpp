// Heartbeats and their answers.
#include "common/base/name.hpp"
#include "common/wire/heartbeat.hpp"
#include "common/wire/limits.hpp"
#include "fixpoint.hpp"
#include "input.hpp"

using namespace tandem;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  fuzz::must_be_a_fixpoint(text, wire::parse_heartbeat);
  fuzz::must_be_a_fixpoint(text, wire::parse_heartbeat_reply);
  if (const auto heartbeat = wire::parse_heartbeat(text); heartbeat.ok()) {
    TANDEM_ASSERT(is_name(heartbeat->name) && is_name(heartbeat->service));
    TANDEM_ASSERT(heartbeat->address.port != 0);
    TANDEM_ASSERT(heartbeat->weight <= limits::weight_max);
    TANDEM_ASSERT(heartbeat->connections >= 1);
    TANDEM_ASSERT(heartbeat->connections <= limits::worker_connections_max);
  }
  return 0;
}
