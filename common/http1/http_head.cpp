#include "common/http1/http_head.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "common/base/assert.hpp"
#include "common/base/limits.hpp"
#include "common/http1/authority.hpp"
#include "common/http1/field_text.hpp"
#include "common/http1/limits.hpp"
#include "common/http1/quick_head.hpp"
#include "common/http1/trace_context.hpp"

namespace tandem {

namespace {

bool starts_ignoring_case(std::string_view text, std::string_view prefix) {
  return equal_ignoring_case(text.substr(0, prefix.size()), prefix);
}

// Whether a value may be logged and passed on: visible ASCII, at most 128 characters.
bool is_usable_id(std::string_view id) {
  return !id.empty() && id.size() <= 128 &&
         std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

void MessageHead::clear() {
  fields_.clear();
  connection_options_.clear();
  upgrade_ = {};
  upgrade_lines_.clear();
  content_length_ = 0;
  has_content_length_ = false;
  head_bytes_ = 0;
  scanned_ = 0;
  refusal_ = {};
  version_ = 11;
  framing_ = Framing::none;
  keep_alive_ = true;
  connection_upgrade_ = false;
  attempted_ = false;
}

bool MessageHead::worth_parsing(std::string_view bytes) {
  // The first bytes are parsed at once, which detects anything that is not HTTP; after that only
  // the end of the head (or what a lenient reader might take for it) is a reason to parse again, so
  // that a head that arrives byte by byte does not take quadratic time.
  const auto from = scanned_ < 3 ? 0 : scanned_ - 3;
  scanned_ = bytes.size();
  if (!attempted_) return attempted_ = true;
  const auto fresh = bytes.substr(from);
  constexpr auto longest = limits::request_line_bytes_max;
  if (from <= longest && bytes.size() > longest) return true;
  return fresh.find("\n\r\n") != fresh.npos || fresh.find("\n\n") != fresh.npos ||
         bytes.size() >= limits::header_bytes_max;
}

void MessageHead::note_connection_options(std::string_view value) {
  if (equal_ignoring_case(value, "keep-alive") || equal_ignoring_case(value, "close")) return;
  for_each_member(value, [this](std::string_view option) {
    if (equal_ignoring_case(option, "close") || equal_ignoring_case(option, "keep-alive")) return;
    if (equal_ignoring_case(option, "upgrade")) {
      connection_upgrade_ = true;
    } else {
      connection_options_.push_back(option);
    }
  });
}

// RFC 9110 §5.3: several lines are one list.
void MessageHead::note_upgrade(std::string_view value) {
  if (upgrade_.empty()) {
    upgrade_ = value;
  } else if (!value.empty()) {
    if (upgrade_lines_.empty()) upgrade_lines_ = upgrade_;
    upgrade_lines_.append(", ").append(value);
    upgrade_ = upgrade_lines_;
  }
}

// A sender must not list end-to-end fields in Connection (RFC 9110 §7.6.1), and we rely on many of
// those that have a kind of their own.
bool MessageHead::is_named_by_connection(const Field& field) const {
  const bool may_end = field.kind == FieldKind::other || field.kind == FieldKind::underscored ||
                       field.kind == FieldKind::date || field.kind == FieldKind::trace_context;
  if (!may_end || equal_ignoring_case(field.name, "idempotency-key")) return false;
  return std::any_of(connection_options_.begin(), connection_options_.end(),
                     [&](auto option) { return equal_ignoring_case(option, field.name); });
}

namespace {

// RFC 9112 §6.1: the only coding that we decode. Any other one, before it or instead of it, is
// refused, because readers that disagree about it would disagree about where the message ends.
bool is_only_chunked(std::string_view coding) { return equal_ignoring_case(coding, "chunked"); }

// True for a well-formed list of codings that has unknown ones, with chunked at its end or nowhere.
bool lists_unknown_coding(std::string_view value) {
  bool unknown = false;
  bool chunked = false;
  bool sound = true;
  for_each_member(value, [&](std::string_view member) {
    const auto coding = trimmed(member.substr(0, member.find(';')));
    const bool is_chunked = is_only_chunked(coding);
    sound = sound && !chunked && !coding.empty() &&
            (!is_chunked || coding.size() == member.size()) &&
            std::all_of(coding.begin(), coding.end(), is_token_character);
    chunked = chunked || is_chunked;
    unknown = unknown || !is_chunked;
  });
  return sound && unknown;
}

// An application that reads CGI variables takes Content_Length and Transfer_Encoding for the real
// fields.
bool seems_to_frame(const Field& field) {
  return field.kind == FieldKind::look_alike &&
         (equal_ignoring_case(field.name, "content_length") ||
          equal_ignoring_case(field.name, "transfer_encoding"));
}

}  // namespace

void RequestHead::clear() {
  MessageHead::clear();
  method_ = target_ = sent_target_ = host_ = request_id_ = pass_ = {};
  max_forwards_.reset();
  timeout_ = Duration::zero();
  host_fields_ = traceparents_ = 0;
  traceparent_ = {};
  traceparent_valid_ = has_tracestate_ = has_via_ = has_pass_ = false;
  expects_continue_ = held_back_ = accepts_trailers_ = false;
}

HeadStatus RequestHead::refuse(unsigned status, const char* code, const char* message) {
  refusal_ = {status, code, message};
  return HeadStatus::refused;
}

bool RequestHead::take_target() {
  // RFC 9112 §3.2: origin-form, absolute-form, or the asterisk of OPTIONS. CONNECT has its own
  // answer.
  if (target_.find('#') != target_.npos) return false;
  if (target_.starts_with('/')) return true;
  if (target_ == "*") return method_ == "OPTIONS";
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!starts_ignoring_case(target_, scheme)) continue;
    const auto rest = target_.substr(scheme.size());
    const auto authority_end = std::min(rest.find_first_of("/?"), rest.size());
    host_ = rest.substr(0, authority_end);
    target_ = rest.substr(authority_end);
    // RFC 9110 §4.2.1: never with an empty host.
    return !host_.empty() && !host_.starts_with(':') && is_authority(host_);
  }
  return false;
}

// Takes those that a client or a standby may send; others are dropped.
HeadStatus RequestHead::take_tandem_field(const Field& field) {
  if (equal_ignoring_case(field.name, "tandem-pass")) {
    has_pass_ = true;
    pass_ = field.value;
  } else if (equal_ignoring_case(field.name, "tandem-expect")) {
    held_back_ = equal_ignoring_case(field.value, "100-continue");
  } else if (equal_ignoring_case(field.name, "tandem-timeout-ms")) {
    constexpr auto longest = std::chrono::milliseconds(limits::request_timeout_settable_max);
    std::int64_t ms = 0;
    const auto* end = field.value.data() + field.value.size();
    const auto parsed = std::from_chars(field.value.data(), end, ms);
    if (parsed.ec != std::errc{} || parsed.ptr != end || ms < 1 || ms > longest.count()) {
      return refuse(400, "bad_request", "Tandem-Timeout-Ms is a number from 1 to 86400000.");
    }
    const Duration timeout = std::chrono::milliseconds(ms);
    if (timeout_ != Duration::zero() && timeout_ != timeout) {
      return refuse(400, "bad_request", "Tandem-Timeout-Ms is there twice, with two values.");
    }
    timeout_ = timeout;
  }
  return HeadStatus::complete;
}

// All its lines together.
bool RequestHead::is_tracestate_sound() const {
  TracestateCheck check;
  return std::all_of(fields_.begin(), fields_.end(), [&](const Field& field) {
    const bool is_state =
        field.kind == FieldKind::trace_context && equal_ignoring_case(field.name, "tracestate");
    return !is_state || check.add(field.value);
  });
}

HeadStatus RequestHead::take_fields() {
  std::string_view host_field;
  for (const auto& field : fields_) {
    switch (field.kind) {
      case FieldKind::host:
        ++host_fields_;
        host_field = field.value;
        break;
      case FieldKind::connection:
      case FieldKind::proxy_connection: note_connection_options(field.value); break;
      case FieldKind::upgrade: note_upgrade(field.value); break;
      case FieldKind::transfer_encoding:
        if (version_ < 11 || !is_only_chunked(field.value)) return refuse_coding(field.value);
        framing_ = Framing::chunked;
        break;
      case FieldKind::look_alike:
        if (!seems_to_frame(field)) break;
        return refuse(400, "bad_request", "Content_Length and Transfer_Encoding are refused.");
      case FieldKind::expect:
        if (!take_expectations(field.value)) {
          return refuse(417, "expectation_failed", "The only expectation we know is 100-continue.");
        }
        break;
      case FieldKind::te:
        accepts_trailers_ = accepts_trailers_ || lists(field.value, "trailers");
        break;
      case FieldKind::request_id:
        if (is_usable_id(field.value)) request_id_ = field.value;
        break;
      case FieldKind::via: has_via_ = true; break;
      case FieldKind::tandem:
        if (take_tandem_field(field) == HeadStatus::refused) return HeadStatus::refused;
        break;
      case FieldKind::max_forwards:
        if (!take_max_forwards(field.value)) {
          return refuse(400, "bad_request", "Max-Forwards is one number.");
        }
        break;
      case FieldKind::trace_context:
        if (!equal_ignoring_case(field.name, "traceparent")) {
          has_tracestate_ = true;
          break;
        }
        ++traceparents_;
        traceparent_ = field.value;
        traceparent_valid_ = is_valid_traceparent(field.value);
        break;
      default: break;
    }
  }
  has_tracestate_ = has_tracestate_ && is_tracestate_sound();
  // A master adds about ten fields to those of its client, together with Via or Tandem-Pass. So a
  // worker or another master accepts whatever the first master has accepted.
  if (fields_.size() > limits::header_fields_max && !has_via_ && !has_pass_) {
    return refuse(431, "too_many_fields", "The head has more than 256 fields.");
  }
  // RFC 9110 §9.3.8
  if (method_ == "TRACE" && framing_ != Framing::none) {
    return refuse(400, "bad_request", "A TRACE request has no content.");
  }
  if (host_fields_ > 1 || (host_fields_ == 0 && version_ >= 11)) {
    return refuse(400, "bad_request", "An HTTP/1.1 request has exactly one Host field.");
  }
  if (!is_authority(host_field)) return refuse(400, "bad_request", "The Host field is not a host.");
  if (host_.empty()) host_ = host_field;  // absolute-form wins (RFC 9112 §3.2.2)
  if (!connection_upgrade_ || version_ < 11 || lists(upgrade_, "h2c")) upgrade_ = {};
  return HeadStatus::complete;
}

HeadStatus RequestHead::refuse_coding(std::string_view value) {
  if (version_ >= 11 && !has_content_length_ && lists_unknown_coding(value)) {
    return refuse(501, "unknown_coding", "The only transfer coding we know is chunked.");
  }
  return refuse(400, "bad_request", "Transfer-Encoding must be \"chunked\", and only in HTTP/1.1.");
}

bool RequestHead::take_expectations(std::string_view value) {
  bool known = true;
  for_each_member(value, [&](std::string_view expectation) {
    known = known && equal_ignoring_case(expectation, "100-continue");
    expects_continue_ = version_ >= 11;
  });
  return known;
}

bool RequestHead::take_max_forwards(std::string_view value) {
  if (method_ != "TRACE" && method_ != "OPTIONS") return true;
  if (max_forwards_ || value.empty()) return false;
  // A number longer than any chain of gateways counts as the largest that we can represent.
  std::uint64_t number = 0;
  for (const char c : value) {
    if (c < '0' || c > '9') return false;
    number = std::min<std::uint64_t>(number * 10 + static_cast<unsigned>(c - '0'), UINT32_MAX);
  }
  max_forwards_ = static_cast<std::uint32_t>(number);
  return true;
}

void MessageHead::take(const QuickHead& head) {
  head_bytes_ = head.bytes;
  version_ = head.version;
  has_content_length_ = head.has_content_length;
  content_length_ = head.content_length;
}

HeadStatus RequestHead::parse(std::string_view bytes) {
  if (!worth_parsing(bytes)) return HeadStatus::incomplete;
  fields_.clear();
  QuickHead quick;
  if (read_quickly(bytes, fields_, quick, true)) {
    take(quick);
    method_ = quick.method;
    target_ = quick.target;
    keep_alive_ = quick.keep_alive();
  } else if (const auto status = parse_carefully(bytes); status != HeadStatus::complete) {
    return status;
  }
  if (method_ == "CONNECT") {
    return refuse(405, "method_not_allowed",
                  "CONNECT is not served: this is a gateway, not a proxy.");
  }
  sent_target_ = target_;
  if (!take_target()) return refuse(400, "bad_request", "The request target is malformed.");
  if (content_length_ > 0) framing_ = Framing::length;
  return take_fields();
}

void RequestHead::parse_moved(std::string_view bytes) {
  const bool was_http2 = version_ == 20;
  clear();
  const auto again = parse(bytes);
  TANDEM_ASSERT(again == HeadStatus::complete);
  if (was_http2) note_http2();
}

void ResponseHead::clear() {
  MessageHead::clear();
  status_ = 0;
  reason_ = {};
}

HeadStatus ResponseHead::parse(std::string_view bytes, bool to_head) {
  if (!worth_parsing(bytes)) return HeadStatus::incomplete;
  fields_.clear();
  QuickHead quick;
  if (read_quickly(bytes, fields_, quick, false)) {
    take(quick);
    status_ = quick.status;
    reason_ = quick.reason;
    keep_alive_ = quick.keep_alive();
  } else if (const auto status = parse_carefully(bytes, to_head); status != HeadStatus::complete) {
    return status;
  }
  // RFC 9110 §15: a status below 100 belongs to no class, so it is unknown whether a body follows.
  if (status_ < 100) {
    refusal_ = {502, "bad_gateway", "The worker's response is not well-formed HTTP/1.1."};
    return HeadStatus::refused;
  }
  bool coded = false;
  for (const auto& field : fields_) {
    if (field.kind == FieldKind::connection) note_connection_options(field.value);
    if (field.kind == FieldKind::upgrade) note_upgrade(field.value);
    if (field.kind != FieldKind::transfer_encoding) continue;
    coded = true;
    if (version_ < 11 || !is_only_chunked(field.value)) {
      refusal_ = {502, "bad_gateway",
                  "The worker's response has a transfer coding that is not known."};
      return HeadStatus::refused;
    }
  }
  // RFC 9112 §6.3, in its order.
  if (to_head || status_ < 200 || status_ == 204 || status_ == 304) {
    framing_ = Framing::none;
  } else if (coded) {
    framing_ = Framing::chunked;
  } else if (has_content_length_) {
    framing_ = content_length_ == 0 ? Framing::none : Framing::length;
  } else {
    framing_ = Framing::until_close;
    keep_alive_ = false;
  }
  return HeadStatus::complete;
}

}  // namespace tandem
