// query.hpp: the query parameters of a control request.
#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace tandem::master {

using QueryParameters = std::map<std::string, std::string>;

// RFC 3986 §2.1; a '%' that begins no valid escape stays as it is.
std::string percent_decoded(std::string_view text);

// "wait_ms=500&now=true", percent-decoded (RFC 3986 §2.1); a '%' that begins no valid escape stays
// as it is. Errors: `invalid`, naming the parameter: one that is not `known`, or is given twice.
Result<QueryParameters> parse_query(std::string_view query,
                                    std::initializer_list<std::string_view> known);

}  // namespace tandem::master
