#include "common/tls/clear_text.hpp"

#include <fmt/format.h>

namespace tandem::tls {

std::string_view way_out_of_clear_text(ToldBy told) {
  return told == ToldBy::flags
             ? "give certificates by --cluster-ca, --cluster-cert and --cluster-key, or allow it "
               "by "
               "--insecure-network, where the network is all yours"
             : "give certificates by `cluster`, or allow it by `insecure_network`, where the "
               "network is all yours";
}

Result<> check_clear_text(ClearText clear, const Endpoint& address, std::string_view what,
                          std::string_view field, ToldBy told) {
  if (may_be_clear(clear, address)) return {};
  return invalid(fmt::format("{} is beyond this machine, and would be spoken to in clear text: {}",
                             what, way_out_of_clear_text(told)),
                 std::string(field));
}

}  // namespace tandem::tls
