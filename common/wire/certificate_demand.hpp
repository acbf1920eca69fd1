// certificate_demand.hpp: what a service or a route demands of its clients' certificates: nothing,
// any that this master's --client-ca vouches for, or one with one of some names.
//
// A name is a host as certificates have it (DNS) or a URI: spiffe://shop/web. *.shop.example is for
// one label more, spiffe://shop/* for whatever follows. Pure.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::wire {

class CertificateDemand {
 public:
  // Nothing is demanded.
  CertificateDemand() = default;
  // off, any, or names with commas between. Returns nothing for any other text.
  static std::optional<CertificateDemand> parse(std::string_view text);
  // As parse() reads it.
  std::string to_string() const;

  bool is_on() const { return any_ || names_ != nullptr; }
  // Any certificate will do.
  bool is_for_any() const { return any_; }
  // A certificate with this name will do.
  bool admits_dns(std::string_view name) const;
  bool admits_uri(std::string_view uri) const;

  friend bool operator==(const CertificateDemand& a, const CertificateDemand& b) {
    return a.to_string() == b.to_string();
  }

 private:
  bool any_ = false;
  // Shared, since requests copy their options. Null: no names.
  std::shared_ptr<const std::vector<std::string>> names_;
};

inline constexpr const char* certificate_demand_forms =
    "off, any, or up to 16 names such as www.shop.example, *.shop.example, spiffe://shop/web or "
    "spiffe://shop/*, with commas between";

}  // namespace tandem::wire
