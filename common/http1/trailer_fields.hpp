// trailer_fields.hpp: which fields may stand in a trailer section (RFC 9110 §6.5.1). Fields that
// frame or route the message, control or authenticate the request, or describe the content come too
// late there, and would mislead a reader that merged them into the head: they are dropped.
#pragma once

#include <string_view>

namespace tandem {

bool may_be_trailer(std::string_view name);

}  // namespace tandem
