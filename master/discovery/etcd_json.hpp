// etcd_json.hpp: members of what the JSON gateway of etcd answers: numbers of 64 bits are texts
// there, fields of zero are left out, and keys and values are in base64.
//
// Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace tandem::master {

// Empty: it is not there, or no text.
std::string etcd_text(const nlohmann::json& object, const char* member);
// Left out, they are 0 and empty. Nothing: it is there, and none.
std::optional<std::uint64_t> etcd_number(const nlohmann::json& object, const char* member);
std::optional<std::string> etcd_bytes(const nlohmann::json& object, const char* member);

}  // namespace tandem::master
