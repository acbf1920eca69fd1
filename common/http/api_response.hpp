// api_response.hpp: the answers that many handlers of the control API give.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/http/http_message.hpp"

namespace tandem {

// 200 with a JSON document.
ControlResponse document(std::string json);

// The error document with the status that belongs to its code; 503 with Retry-After.
ControlResponse refusal(const Error& error);

ControlResponse no_such_path(std::string_view path);                               // 404
ControlResponse method_not_allowed(std::string_view method, std::string allowed);  // 405
// `why`: what is wrong with the token that was presented; empty: there was none.
ControlResponse not_authorized(std::string_view why = {});  // 401
ControlResponse forbidden(std::string_view why);            // 403

}  // namespace tandem
