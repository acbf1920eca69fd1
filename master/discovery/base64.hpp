// base64.hpp: bytes as text of an alphabet of 64 (RFC 4648 §4), as keys and values of etcd are in
// JSON. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tandem::master {

std::string to_base64(std::string_view bytes);
// Nothing: it is none, whole and with its padding.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace tandem::master
