#include "master/forward/exchange/standby_traffic.hpp"

#include <string>

#include <fmt/format.h>

namespace tandem::master {

Result<StandbyTraffic> parse_standby_traffic(std::string_view text, std::string_view field) {
  if (text == "forward") return StandbyTraffic::forward;
  if (text == "redirect") return StandbyTraffic::redirect;
  if (text == "refuse") return StandbyTraffic::refuse;
  if (text == "serve") return StandbyTraffic::serve;
  return invalid(fmt::format("{} must be forward, redirect, refuse or serve, not \"{}\"", field,
                             text.substr(0, 64)),
                 std::string(field));
}

}  // namespace tandem::master
