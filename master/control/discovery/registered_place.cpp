#include "master/control/discovery/registered_place.hpp"

#include <algorithm>
#include <array>

#include "common/base/address_range.hpp"
#include "common/base/canonical_host.hpp"
#include "master/control/own_addresses.hpp"

namespace tandem::master {

namespace {

bool is_in(const std::string& host, std::string_view range) {
  const auto parsed = parse_address_range(range, "range");
  return parsed && parsed->contains(host);
}

template <std::size_t count>
bool is_in_one(const std::string& host, const std::array<std::string_view, count>& ranges) {
  return std::any_of(ranges.begin(), ranges.end(), [&](auto range) { return is_in(host, range); });
}

// RFC 3927, RFC 4291 §2.5.6
constexpr std::array<std::string_view, 2> link_local{"169.254.0.0/16", "fe80::/10"};
// Of nobody, or of many: RFC 1122 §3.2.1.3, RFC 5771, RFC 4291 §2.7
constexpr std::array<std::string_view, 4> of_many{"0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4",
                                                  "ff00::/8"};

}  // namespace

Result<> check_registered_host(const std::string& host, std::string_view caller, bool alone) {
  const auto place = canonical_host(host);
  if (Endpoint{place, 0}.is_unspecified() || is_in_one(place, of_many)) {
    return invalid(fmt::format("{} is no address that can be connected to", place), "address");
  }
  const bool is_callers = place == canonical_host(std::string(caller));
  if (is_in_one(place, link_local) && !is_callers) {
    return invalid(
        fmt::format("{} is an address of this link alone, and not the caller's own", place),
        "address");
  }
  if (!Endpoint{place, 0}.is_loopback()) return {};
  if (is_of_this_machine(std::string(caller)) && alone) return {};
  return invalid(
      fmt::format("{} is a loopback address, which means another machine to each master: "
                  "give the address at which masters reach the service",
                  place),
      "address");
}

bool all_of_this_machine(const std::map<std::string, Endpoint>& masters) {
  return std::all_of(masters.begin(), masters.end(),
                     [](const auto& master) { return is_of_this_machine(master.second.host); });
}

}  // namespace tandem::master
