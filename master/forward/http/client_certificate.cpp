#include "master/forward/http/client_certificate.hpp"

#include <fmt/format.h>

#include "common/http1/field_text.hpp"

namespace tandem::master {

namespace {

// Where `end` stands first outside of quotes, or the text ends.
std::size_t find_unquoted(std::string_view text, char end) {
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (quoted && text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      quoted = !quoted;
    } else if (text[at] == end && !quoted) {
      return at;
    }
  }
  return text.size();
}

std::string_view last_element(std::string_view list) {
  for (;;) {
    const auto end = find_unquoted(list, ',');
    if (end == list.size()) return trimmed(list);
    list.remove_prefix(end + 1);
  }
}

// What stands in quotes, which none of those that we compare with need.
std::string_view unquoted(std::string_view value) {
  const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  return quoted ? value.substr(1, value.size() - 2) : value;
}

}  // namespace

std::string_view client_certificate(const RequestHead& request, const Sender& sender) {
  if (!sender.is_believed()) return sender.certificate;
  std::string_view last;
  bool told = false;
  for (const auto& field : request.fields()) {
    if (field.kind != FieldKind::forwarded_client_cert) continue;
    last = last_element(field.value);
    told = true;
  }
  return told ? last : sender.certificate;
}

std::string certificate_named(std::string_view common_name) {
  std::string subject = common_name.empty() ? "" : "CN=";
  for (std::size_t at = 0; at < common_name.size(); ++at) {
    const char c = common_name[at];
    const bool is_edge = at == 0 || at + 1 == common_name.size();
    const bool is_special = std::string_view(",+\"\\<>;").find(c) != std::string_view::npos;
    if (c < ' ' || c > '~') {
      subject += fmt::format("\\{:02X}", static_cast<unsigned char>(c));
    } else {
      if (is_special || (c == '#' && at == 0) || (c == ' ' && is_edge)) subject += '\\';
      subject += c;
    }
  }
  return fmt::format("Subject=\"{}\"", subject);
}

bool meets(const wire::CertificateDemand& demand, std::string_view element) {
  if (element.empty()) return !demand.is_on();
  if (!demand.is_on() || demand.is_for_any()) return true;
  while (!element.empty()) {
    const auto end = find_unquoted(element, ';');
    const auto pair = element.substr(0, end);
    element.remove_prefix(std::min(end + 1, element.size()));
    const auto equals = pair.find('=');
    if (equals == pair.npos) continue;
    const auto key = trimmed(pair.substr(0, equals));
    const auto value = unquoted(trimmed(pair.substr(equals + 1)));
    if (equal_ignoring_case(key, "dns") && demand.admits_dns(value)) return true;
    if (equal_ignoring_case(key, "uri") && demand.admits_uri(value)) return true;
  }
  return false;
}

}  // namespace tandem::master
