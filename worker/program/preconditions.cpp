#include "worker/program/preconditions.hpp"

#include <httplib.h>

#include "common/http1/http_date.hpp"

namespace tandem {

namespace {

// All lines of a field joined into one list.
std::optional<std::string> list_of(const httplib::Request& request, const char* name) {
  const auto [first, last] = request.headers.equal_range(name);
  if (first == last) return std::nullopt;
  std::string list;
  for (auto field = first; field != last; ++field) {
    if (!list.empty()) list += ", ";
    list += field->second;
  }
  return list;
}

// The date of a field that is given once and is valid; nothing if it must be ignored.
std::optional<std::time_t> date_of(const httplib::Request& request, const char* name) {
  if (request.get_header_value_count(name) != 1) return std::nullopt;
  return parse_http_date(request.get_header_value(name));
}

// Whether `list`, a * or entity tags (RFC 9110 §8.8.3), contains ours. A strong comparison matches
// no weak tags.
bool lists_tag(const std::string& list, const std::string& etag, bool strongly) {
  if (list == "*") return true;
  for (std::size_t at = 0; (at = list.find('"', at)) != list.npos;) {
    const auto end = list.find('"', at + 1);
    if (end == list.npos) return false;
    const bool weak = at >= 2 && list.compare(at - 2, 2, "W/") == 0;
    const bool same = !etag.empty() && list.compare(at, end + 1 - at, etag) == 0;
    if (same && !(weak && strongly)) return true;
    at = end + 1;
  }
  return false;
}

}  // namespace

Precondition check_preconditions(const httplib::Request& request, const Validators& validators) {
  if (const auto wanted = list_of(request, "If-Match")) {
    if (!lists_tag(*wanted, validators.etag, true)) return Precondition::failed;
  } else if (const auto since = date_of(request, "If-Unmodified-Since")) {
    if (validators.modified && *validators.modified > *since) return Precondition::failed;
  }
  if (const auto known = list_of(request, "If-None-Match")) {
    if (lists_tag(*known, validators.etag, false)) return Precondition::not_modified;
  } else if (const auto since = date_of(request, "If-Modified-Since")) {
    if (validators.modified && *validators.modified <= *since) return Precondition::not_modified;
  }
  return Precondition::holds;
}

bool range_applies(const httplib::Request& request, const Validators& validators, std::time_t now) {
  if (!request.has_header("If-Range")) return true;
  if (request.get_header_value_count("If-Range") > 1) return false;
  const auto wanted = request.get_header_value("If-Range");
  if (wanted.find('"') != wanted.npos) return !validators.etag.empty() && wanted == validators.etag;
  const auto date = parse_http_date(wanted);
  return date && validators.modified && *date == *validators.modified && *date < now - 1;
}

}  // namespace tandem
