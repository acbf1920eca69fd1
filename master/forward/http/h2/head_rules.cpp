#include "master/forward/http/h2/head_rules.hpp"

#include <algorithm>

#include "common/http1/authority.hpp"
#include "common/http1/field_text.hpp"
#include "common/http1/limits.hpp"

namespace tandem::master::h2 {

namespace {

bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

bool is_web(std::string_view scheme) {
  return equal_ignoring_case(scheme, "http") || equal_ignoring_case(scheme, "https");
}

// Without the port that the scheme means anyway.
std::string_view without_default_port(std::string_view authority, std::string_view scheme) {
  const std::string_view port = equal_ignoring_case(scheme, "https") ? ":443" : ":80";
  if (authority.ends_with(port)) authority.remove_suffix(port.size());
  return authority;
}

// §8.3.1: Host must not name another entity than :authority.
const char* judge_host(const Head& head) {
  if (head.authority().empty()) return nullptr;
  const auto authority = without_default_port(head.authority(), head.scheme());
  for (const auto& field : head.fields()) {
    if (field.kind == FieldKind::host &&
        !equal_ignoring_case(without_default_port(field.value, head.scheme()), authority)) {
      return "Host differs from :authority";
    }
  }
  return nullptr;
}

const char* judge_target(const Head& head) {
  const auto path = head.path();
  if (path.empty()) return ":path is empty";
  if (!is_visible(path)) return ":path has characters that it must not have";
  if (path.front() == '/') return nullptr;
  if (path == "*" && head.method() == "OPTIONS") return nullptr;
  return ":path does not begin with a slash";
}

// What is sound and is refused all the same, as of HTTP/1.
void refuse_if_unusable(Head& head) {
  if (head.is_refused()) return;
  if (!is_authority(head.host())) {
    return head.refuse(400, "bad_request", "The authority is not a host.");
  }
  if (head.path().size() > limits::target_bytes_max) {
    return head.refuse(414, "target_too_long", "The request target is too long.");
  }
  // What follows is a tunnel's, and to HTTP/1 it would be content.
  if (head.is_connect() && head.content_length().value_or(0) > 0) {
    return head.refuse(400, "bad_request", "CONNECT has no content.");
  }
  if (head.path().find('#') != std::string_view::npos) {
    return head.refuse(400, "bad_request", "The request target is malformed.");
  }
}

}  // namespace

const char* judge_request(Head& head) {
  if (!is_token(head.method())) return ":method is no token";
  if (!is_visible(head.authority())) return ":authority has characters that it must not have";
  if (const auto* trouble = judge_host(head)) return trouble;
  if (head.is_connect() && head.protocol().empty()) {
    if (!head.path().empty() || !head.scheme().empty()) return "CONNECT has :path or :scheme";
    if (head.authority().empty()) return "CONNECT without :authority";
  } else {
    if (!head.protocol().empty() && !head.is_connect()) return ":protocol without CONNECT";
    if (!head.protocol().empty() && !is_token(head.protocol())) return ":protocol is no token";
    if (head.scheme().empty()) return "no :scheme";
    if (const auto* trouble = judge_target(head)) return trouble;
    // §8.3.1, of http and https; a user's name is refused by the same rule.
    if (is_web(head.scheme()) && head.host().empty()) return "neither :authority nor Host";
    if (is_web(head.scheme()) && head.authority().find('@') != std::string_view::npos) {
      return ":authority has a user's name";
    }
  }
  refuse_if_unusable(head);
  return nullptr;
}

const char* judge_response(const Head& head) {
  if (head.status() < 100 || head.status() > 999) return ":status is no status";
  if (head.status() == 101) return "101 is not of HTTP/2";  // §8.6
  return nullptr;
}

}  // namespace tandem::master::h2
