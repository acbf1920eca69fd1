#include "common/wire/worker_protocol.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "common/wire/limits.hpp"

namespace tandem::wire {

namespace {

constexpr std::string_view http_check = "http";
constexpr std::string_view grpc_check = "grpc";
constexpr std::string_view grpc_check_of = "grpc:";

// Names of settings' values stand in lists with spaces between.
bool is_checked_name(std::string_view text) {
  return !text.empty() && text.size() <= limits::grpc_name_bytes_max &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace

std::optional<WorkerProtocol> parse_worker_protocol(std::string_view text) {
  if (text == "http1") return WorkerProtocol::http1;
  if (text == "http2") return WorkerProtocol::http2;
  return std::nullopt;
}

const char* to_string(WorkerProtocol protocol) {
  return protocol == WorkerProtocol::http2 ? "http2" : "http1";
}

std::optional<CheckKind> CheckKind::parse(std::string_view text) {
  if (text == http_check) return CheckKind{};
  if (text == grpc_check) return CheckKind{.is_grpc = true};
  if (!text.starts_with(grpc_check_of)) return std::nullopt;
  text.remove_prefix(grpc_check_of.size());
  if (!is_checked_name(text)) return std::nullopt;
  return CheckKind{.is_grpc = true, .service = std::string(text)};
}

std::string CheckKind::forms() {
  return fmt::format("http, grpc, or grpc:NAME with the name of a service, of at most {} bytes",
                     limits::grpc_name_bytes_max);
}

std::string CheckKind::to_string() const {
  if (!is_grpc) return std::string(http_check);
  return service.empty() ? std::string(grpc_check) : fmt::format("{}{}", grpc_check_of, service);
}

}  // namespace tandem::wire
