#include "common/wire/error_document.hpp"

#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "common/wire/json_reader.hpp"
#include "common/wire/limits.hpp"

namespace tandem::wire {

namespace {

// Nothing when the text is not an error document, or has no such member.
std::optional<std::string> member_of_error(std::string_view json, const char* key) {
  const auto document = parse_object(json, limits::control_body_bytes_max);
  if (!document.ok()) return std::nullopt;
  MemberReader outer(*document);
  const auto* error = outer.object("error");
  if (error == nullptr) return std::nullopt;
  std::string value;
  MemberReader inner(*error);
  inner.text(key, value);
  if (inner.failed()) return std::nullopt;
  return value;
}

}  // namespace

std::string error_document(const Error& error) {
  nlohmann::ordered_json body{{"code", to_string(error.code)}, {"message", error.message}};
  if (!error.field.empty()) body["field"] = error.field;
  return dump({{"error", std::move(body)}});
}

std::string error_document(std::string_view code, std::string_view message) {
  return dump({{"error", {{"code", code}, {"message", message}}}});
}

std::string error_message(std::string_view json) {
  auto message = member_of_error(json, "message");
  return message ? std::move(*message) : std::string(json);
}

std::string error_code(std::string_view json) {
  return member_of_error(json, "code").value_or(std::string());
}

}  // namespace tandem::wire
