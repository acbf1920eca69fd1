#include "common/wire/error_document.hpp"

#include <nlohmann/json.hpp>

#include "common/base/limits.hpp"
#include "common/wire/json_reader.hpp"

namespace tandem::wire {

std::string error_document(const Error& error) {
  nlohmann::ordered_json body{{"code", to_string(error.code)}, {"message", error.message}};
  if (!error.field.empty()) body["field"] = error.field;
  return dump({{"error", std::move(body)}});
}

std::string error_document(std::string_view code, std::string_view message) {
  return dump({{"error", {{"code", code}, {"message", message}}}});
}

std::string error_message(std::string_view json) {
  const auto document = parse_object(json, limits::control_body_bytes_max);
  if (document.ok()) {
    MemberReader outer(*document);
    if (const auto* error = outer.object("error")) {
      std::string message;
      MemberReader inner(*error);
      inner.text("message", message);
      if (!inner.failed()) return message;
    }
  }
  return std::string(json);
}

}  // namespace tandem::wire
