// Statuses and lists of workers.
#include "common/wire/status.hpp"
#include "fixpoint.hpp"
#include "input.hpp"

using namespace tandem;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  fuzz::must_be_a_fixpoint(text, wire::parse_status);
  fuzz::must_be_a_fixpoint(text, wire::parse_workers);
  return 0;
}
