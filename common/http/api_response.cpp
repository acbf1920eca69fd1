#include "common/http/api_response.hpp"

#include <fmt/format.h>

#include "common/base/assert.hpp"
#include "common/http/limits.hpp"
#include "common/wire/error_document.hpp"

namespace tandem {

namespace {

unsigned status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid: return 400;
    case ErrorCode::not_found: return 404;
    case ErrorCode::conflict: return 409;
    case ErrorCode::unavailable: return 503;
    case ErrorCode::timed_out: return 504;
    case ErrorCode::io: return 500;
  }
  assertion_failed("a known error code", __FILE__, __LINE__);
}

}  // namespace

ControlResponse document(std::string json) { return {.status = 200, .body = std::move(json)}; }

ControlResponse refusal(const Error& error) {
  ControlResponse response{.status = status_of(error.code), .body = wire::error_document(error)};
  if (response.status == 503) response.fields.emplace_back("Retry-After", "1");
  return response;
}

ControlResponse no_such_path(std::string_view path) {
  return {.status = 404,
          .body = wire::error_document("not_found",
                                       fmt::format("the control API has no path {}",
                                                   path.substr(0, limits::quoted_bytes_max)))};
}

ControlResponse method_not_allowed(std::string_view method, std::string allowed) {
  return {
      .status = 405,
      .body = wire::error_document(
          "method_not_allowed", fmt::format("{} is not possible here, only {}",
                                            method.substr(0, limits::quoted_bytes_max), allowed)),
      .fields = {{"Allow", std::move(allowed)}}};
}

ControlResponse not_authorized(std::string_view why) {
  // RFC 6750 §3: an error is named only to who has presented a token.
  const std::string_view error = why.empty() ? "" : ", error=\"invalid_token\"";
  return {.status = 401,
          .body = wire::error_document(
              "unauthorized",
              why.empty() ? "this address requires a token: Authorization: Bearer TOKEN" : why),
          .fields = {{"WWW-Authenticate", fmt::format("Bearer realm=\"tandem\"{}", error)}}};
}

ControlResponse forbidden(std::string_view why) {
  return {.status = 403, .body = wire::error_document("forbidden", why)};
}

}  // namespace tandem
