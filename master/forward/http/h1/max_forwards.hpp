// max_forwards.hpp: answers to TRACE and OPTIONS whose Max-Forwards ends here (RFC 9110 §7.6.2,
// §9.3.7, §9.3.8).
#pragma once

#include <string_view>

#include "common/http1/http_head.hpp"
#include "master/forward/io/buffer.hpp"

namespace tandem::master {

// The methods that this gateway forwards, for Allow. TRACE is one only where it is allowed: a
// script in a browser must not read what it echoes.
constexpr std::string_view allowed_methods(bool trace) {
  constexpr std::string_view all = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE";
  return trace ? all : all.substr(0, all.rfind(','));
}

// Appends the answer to `request`: an echo of its head for TRACE, without the fields that may hold
// secrets; what is allowed for OPTIONS. `head` is the text that `request` was parsed from.
// REQUIRES: request.max_forwards() is 0
void write_final_recipient_answer(Buffer& out, const RequestHead& request, std::string_view head,
                                  bool allows_trace, bool keep_alive);

}  // namespace tandem::master
