// error_document.hpp: {"error": {"code": "...", "message": "...", "field": "..."}}, the body of
// every refusal of the control API and of every answer that a master itself gives to a client.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace tandem::wire {

// `field` is left out when the error has none.
std::string error_document(const Error& error);

// The same for codes of the data plane that are not an ErrorCode: "no_worker", "bad_gateway", ...
std::string error_document(std::string_view code, std::string_view message);

// The message in an error document; any other text is returned as it is. For command-line tools.
std::string error_message(std::string_view json);

// The code in an error document; empty for any other text.
std::string error_code(std::string_view json);

}  // namespace tandem::wire
