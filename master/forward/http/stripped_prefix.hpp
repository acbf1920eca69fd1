// stripped_prefix.hpp: puts the prefix that a route strips back into the places that a worker
// names: Location, Content-Location (RFC 9110 §10.2.2), and the paths of cookies (RFC 6265 §5.2.4).
//
// A worker that heeds X-Forwarded-Prefix names them with the prefix already: such a path is left as
// it is. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "common/http1/http_head.hpp"

namespace tandem::master {

struct StrippedPrefix {
  std::string_view prefix{};          // "/shop"; empty: nothing was stripped
  std::string_view host{};            // that the worker saw in Host
  std::string_view forwarded_host{};  // and in X-Forwarded-Host, if a proxy sent that

  // Where the prefix is put into a field's value, and how many bytes it replaces there.
  struct Place {
    std::size_t at = 0;
    std::size_t dropped = 0;
  };
  // Unset: the field is passed on as it is. REQUIRES: !prefix.empty()
  std::optional<Place> place_in(const Field& field) const;

 private:
  std::optional<Place> place_in_reference(std::string_view reference) const;
  std::optional<Place> place_in_cookie(std::string_view cookie) const;
  bool is_same_authority(std::string_view authority) const;
  bool has_prefix(std::string_view path) const;
};

}  // namespace tandem::master
