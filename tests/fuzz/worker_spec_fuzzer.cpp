// Workers added by hand.
#include "common/base/name.hpp"
#include "common/wire/limits.hpp"
#include "common/wire/worker_spec.hpp"
#include "fixpoint.hpp"
#include "input.hpp"

using namespace tandem;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  fuzz::must_be_a_fixpoint(text, wire::parse_worker_spec);
  if (const auto spec = wire::parse_worker_spec(text); spec.ok()) {
    TANDEM_ASSERT(is_name(spec->name) && is_name(spec->service));
    TANDEM_ASSERT(spec->address.port != 0 && !spec->address.is_unspecified());
    TANDEM_ASSERT(spec->weight <= limits::weight_max);
  }
  return 0;
}
