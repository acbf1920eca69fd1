// request_key.hpp: by what requests are told apart: the key of consistent_hash and of rate limits,
// and the cookies of RFC 6265. Pure; views live as long as the request's.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/wire/policy_spec.hpp"
#include "common/http1/http_head.hpp"

namespace tandem::master {

// The value of the first cookie of that name (RFC 6265 §5.4: names are case-sensitive); empty when
// there is none.
std::string_view find_cookie(const RequestHead& request, std::string_view name);

// The address of the client: `client`, or, when that is a proxy of ours, what it says of its own
// client (the last of X-Forwarded-For).
std::string_view client_address(const RequestHead& request, std::string_view client, bool trusted);

// What `key` means in that request; empty when the request has none.
std::string_view request_key_text(const wire::RequestKeySpec& key, const RequestHead& request,
                                  std::string_view client, bool client_trusted);

// The key by which `spec` tells requests apart; nothing when the policy wants none, or the request
// has none.
std::optional<std::uint64_t> request_key(const wire::PolicySpec& spec, const RequestHead& request,
                                         std::string_view client, bool client_trusted);

}  // namespace tandem::master
