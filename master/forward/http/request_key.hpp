// request_key.hpp: what distinguishes requests: the key of consistent_hash and of rate limits, and
// the cookies of RFC 6265. Pure; views live as long as the request's.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/http1/http_head.hpp"
#include "common/wire/policy_spec.hpp"
#include "master/forward/http/sender.hpp"

namespace tandem::master {

// The value of the first cookie of that name (RFC 6265 §5.4: names are case-sensitive); empty when
// there is none.
std::string_view find_cookie(const RequestHead& request, std::string_view name);

// The value of `key` in that request; empty when it has none. `room`: for an address.
std::string_view request_key_text(const wire::RequestKeySpec& key, const RequestHead& request,
                                  const Sender& sender, AddressText& room);

// A hash of the key that the policy `spec` uses; unset when it uses none, or the request has none.
std::optional<std::uint64_t> request_key(const wire::PolicySpec& spec, const RequestHead& request,
                                         const Sender& sender);

}  // namespace tandem::master
