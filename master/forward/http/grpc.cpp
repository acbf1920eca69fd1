#include "master/forward/http/grpc.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "common/http1/field_text.hpp"

namespace tandem::master {

namespace {

using namespace std::chrono_literals;

template <class Head>
std::string_view value_of(const Head& head, std::string_view name) {
  for (const auto& field : head.fields()) {
    if (field.kind == FieldKind::other && equal_ignoring_case(field.name, name)) return field.value;
  }
  return {};
}

std::optional<Duration> unit_of(char letter) {
  switch (letter) {
    case 'H': return 1h;
    case 'M': return 1min;
    case 'S': return 1s;
    case 'm': return 1ms;
    case 'u': return 1us;
    case 'n': return 1ns;
    default: return std::nullopt;
  }
}

constexpr std::size_t digits_max = 8;

}  // namespace

bool is_grpc_call(const RequestHead& request) {
  return request.method() == "POST" && is_grpc_type(value_of(request, "content-type"));
}

bool is_grpc_type(std::string_view type) {
  constexpr std::string_view grpc = "application/grpc";
  if (type.size() < grpc.size() || !equal_ignoring_case(type.substr(0, grpc.size()), grpc)) {
    return false;
  }
  return type.size() == grpc.size() || type[grpc.size()] == '+' || type[grpc.size()] == ';';
}

bool has_grpc_type(std::span<const Field> fields) {
  return std::any_of(fields.begin(), fields.end(), [](const Field& field) {
    return equal_ignoring_case(field.name, "content-type") && is_grpc_type(field.value);
  });
}

std::optional<Duration> grpc_timeout(const RequestHead& request) {
  const auto text = value_of(request, "grpc-timeout");
  if (text.size() < 2 || text.size() > digits_max + 1) return std::nullopt;
  const auto unit = unit_of(text.back());
  std::int64_t count = 0;
  const auto* const end = text.data() + text.size() - 1;
  const auto parsed = std::from_chars(text.data(), end, count);
  if (!unit || parsed.ec != std::errc{} || parsed.ptr != end || count < 0) return std::nullopt;
  // 99,999,999 hours are more than the clock has.
  constexpr Duration longest = 24h * 365;
  return count > longest / *unit ? longest : *unit * count;
}

std::string grpc_timeout_text(Duration left) {
  constexpr std::int64_t most = 99'999'999;
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return std::to_string(std::clamp<std::int64_t>(ms, 1, most)) + "m";
}

std::string_view grpc_method(const RequestHead& request) {
  const auto target = request.target();
  return target.substr(0, target.find('?'));
}

std::optional<unsigned> grpc_status_worth_another_try(const ResponseHead& answer) {
  const bool has_content = answer.framing() == Framing::length ? answer.content_length() > 0
                                                               : answer.framing() != Framing::none;
  const auto number = [&](std::string_view name) -> std::optional<unsigned> {
    const auto text = value_of(answer, name);
    unsigned value = 0;
    const auto* const end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
    return value;
  };
  constexpr auto pushback = "grpc-retry-pushback-ms";
  if (has_content || (!value_of(answer, pushback).empty() && !number(pushback))) {
    return std::nullopt;
  }
  return number("grpc-status");
}

GrpcStatus grpc_status_of(unsigned http_status) {
  switch (http_status) {
    case 400: return GrpcStatus::internal;
    case 401: return GrpcStatus::unauthenticated;
    case 403: return GrpcStatus::permission_denied;
    case 404: return GrpcStatus::unimplemented;
    case 408:
    case 504: return GrpcStatus::deadline_exceeded;
    case 413:
    case 429:
    case 431: return GrpcStatus::resource_exhausted;
    case 502:
    case 503: return GrpcStatus::unavailable;
    default: return GrpcStatus::unknown;
  }
}

GrpcStatus grpc_status_of_reset(std::uint32_t code) {
  switch (code) {
    case 0x7: return GrpcStatus::unavailable;         // REFUSED_STREAM
    case 0x8: return GrpcStatus::cancelled;           // CANCEL
    case 0xb: return GrpcStatus::resource_exhausted;  // ENHANCE_YOUR_CALM
    case 0xc: return GrpcStatus::permission_denied;   // INADEQUATE_SECURITY
    default: return GrpcStatus::internal;
  }
}

std::string grpc_message_text(std::string_view message) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string text;
  text.reserve(message.size());
  for (const char c : message) {
    if (c >= ' ' && c <= '~' && c != '%') {
      text.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      text.append({'%', digits[byte >> 4], digits[byte & 15]});
    }
  }
  return text;
}

}  // namespace tandem::master
