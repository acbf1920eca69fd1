#include "common/http2/grpc_health.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>

#include <fmt/format.h>

#include "common/base/printable.hpp"
#include "common/wire/limits.hpp"

namespace tandem {

namespace {

constexpr std::size_t frame_head_bytes = 5;  // compressed or not, and the length of the message
constexpr unsigned not_found = 5;
constexpr unsigned unimplemented = 12;

// Base 128, the low digits first.
void append_number(std::string& out, std::uint64_t number) {
  for (; number >= 0x80; number >>= 7) out.push_back(static_cast<char>(number | 0x80));
  out.push_back(static_cast<char>(number));
}

std::optional<std::uint64_t> take_number(std::string_view& bytes) {
  std::uint64_t number = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<std::uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    number |= std::uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return number;
  }
  return std::nullopt;
}

bool skip(std::string_view& bytes, std::uint64_t count) {
  if (count > bytes.size()) return false;
  bytes.remove_prefix(static_cast<std::size_t>(count));
  return true;
}

bool skip_value(std::string_view& bytes, std::uint64_t wire_type) {
  switch (wire_type) {
    case 0: return take_number(bytes).has_value();
    case 1: return skip(bytes, 8);
    case 2: {
      const auto length = take_number(bytes);
      return length && skip(bytes, *length);
    }
    case 5: return skip(bytes, 4);
    default: return false;
  }
}

// HealthCheckResponse.status, field 1; nothing: that is no such message.
std::optional<std::uint64_t> read_status(std::string_view message) {
  std::uint64_t status = 0;
  while (!message.empty()) {
    const auto key = take_number(message);
    if (!key) return std::nullopt;
    if (*key != 8) {
      if (!skip_value(message, *key & 7)) return std::nullopt;
      continue;
    }
    const auto value = take_number(message);
    if (!value) return std::nullopt;
    status = *value;
  }
  return status;
}

std::optional<std::string_view> message_in(std::string_view body) {
  if (body.size() < frame_head_bytes || body[0] != 0) return std::nullopt;
  std::uint32_t length = 0;
  for (const char c : body.substr(1, 4)) length = length << 8 | static_cast<std::uint8_t>(c);
  body.remove_prefix(frame_head_bytes);
  if (body.size() != length) return std::nullopt;
  return body;
}

std::string status_problem(std::uint64_t status) {
  switch (status) {
    case 0: return "grpc.health.v1 says UNKNOWN";
    case 1: return {};
    case 2: return "grpc.health.v1 says NOT_SERVING";
    case 3: return "grpc.health.v1 says SERVICE_UNKNOWN";
    default: return fmt::format("grpc.health.v1 says {}", status);
  }
}

// The call has failed with a status of gRPC.
std::string call_problem(unsigned status, std::string_view message) {
  if (status == unimplemented) {
    return "the server has no grpc.health.v1.Health (UNIMPLEMENTED): register the health service "
           "there, or check it otherwise";
  }
  if (status == not_found) return "grpc.health.v1 knows no service of that name (NOT_FOUND)";
  return fmt::format("grpc.health.v1 failed with status {}: {}", status,
                     printable(message.substr(0, limits::shown_text_max)));
}

}  // namespace

Http2Request grpc_health_request(std::string_view service, Duration timeout) {
  std::string message;
  if (!service.empty()) {
    message.push_back('\x0a');  // field 1, a text
    append_number(message, service.size());
    message.append(service);
  }
  std::string body(frame_head_bytes, '\0');
  body[3] = static_cast<char>(message.size() >> 8);
  body[4] = static_cast<char>(message.size());
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  return {.method = "POST",
          .path = "/grpc.health.v1.Health/Check",
          .fields = {{"content-type", "application/grpc"},
                     {"te", "trailers"},
                     {"grpc-timeout", fmt::format("{}m", std::max<std::int64_t>(ms, 1))}},
          .body = body + message};
}

std::string grpc_health_problem(const Http2Answer& answer) {
  auto status_text = answer.trailer("grpc-status");
  auto message = answer.trailer("grpc-message");
  if (status_text.empty()) {  // trailers-only
    status_text = answer.field("grpc-status");
    message = answer.field("grpc-message");
  }
  unsigned status = 0;
  const auto* const end = status_text.data() + status_text.size();
  const auto parsed = std::from_chars(status_text.data(), end, status);
  if (status_text.empty() || parsed.ec != std::errc{} || parsed.ptr != end) {
    return fmt::format("status {}, which is no answer of gRPC", answer.status);
  }
  if (status != 0) return call_problem(status, message);
  const auto content = message_in(answer.body);
  const auto serving = content ? read_status(*content) : std::nullopt;
  return serving ? status_problem(*serving) : "grpc.health.v1 answered what is no message of it";
}

}  // namespace tandem
