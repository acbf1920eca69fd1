// The replicated state as a whole: the snapshot that a member sends to one that lags, and that lies
// on every disk.
#include "fixpoint.hpp"
#include "input.hpp"
#include "master/cluster/state_document.hpp"

using namespace tandem;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  fuzz::must_be_a_fixpoint(text, master::parse_state_document,
                           [](const master::StateDocument& document) {
                             return master::to_json(document.clients, document.state);
                           });
  fuzz::must_be_a_fixpoint(text, master::parse_cluster_state);
  return 0;
}
