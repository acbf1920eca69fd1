#include "worker/src/registration_checks.hpp"

#include <fmt/format.h>

#include "common/base/duration.hpp"
#include "common/base/token_file.hpp"
#include "common/core/limits.hpp"
#include "common/wire/limits.hpp"

namespace tandem {

Result<Endpoint> parse_address(const std::string& text, const char* field) {
  auto endpoint = parse_endpoint(text, field);
  if (!endpoint.ok()) return endpoint.error();
  if (endpoint->port == 0) return invalid(fmt::format("{} must have a port above 0", field), field);
  return endpoint;
}

Result<> check_numbers(const RegistrationOptions& options) {
  if (options.weight > limits::weight_max) {
    return invalid(fmt::format("weight must be 0 to {}", limits::weight_max), "weight");
  }
  if (options.connections < 1 || options.connections > limits::worker_connections_max) {
    return invalid(fmt::format("connections must be 1 to {}", limits::worker_connections_max),
                   "connections");
  }
  if (options.heartbeat_interval < limits::heartbeat_interval_min ||
      options.heartbeat_interval > limits::heartbeat_interval_max) {
    return invalid(fmt::format("heartbeat_interval must be {} to {}",
                               to_string(limits::heartbeat_interval_min),
                               to_string(limits::heartbeat_interval_max)),
                   "heartbeat_interval");
  }
  if (options.masters.size() > limits::masters_max) {
    return invalid(fmt::format("masters must be at most {}", limits::masters_max), "masters");
  }
  return {};
}

Result<std::string> token_of(const RegistrationOptions& options) {
  if (options.token_file.empty()) return std::string();
  return read_token_file(options.token_file, "token_file");
}

tls::ClearText clear_text_of(const RegistrationOptions& options) {
  const bool is_allowed = options.insecure_network || !options.cluster.ca.empty();
  return is_allowed ? tls::ClearText::everywhere : tls::ClearText::on_this_machine;
}

Result<std::vector<Endpoint>> parse_masters(const RegistrationOptions& options) {
  std::vector<Endpoint> masters;
  for (const auto& text : options.masters) {
    auto master = parse_address(text, "masters");
    if (!master.ok()) return master.error();
    auto clear = tls::check_clear_text(clear_text_of(options), *master,
                                       fmt::format("masters: {}", master->to_string()), "masters",
                                       tls::ToldBy::options);
    if (!clear) return clear.error();
    masters.push_back(std::move(*master));
  }
  return masters;
}

Result<std::optional<Endpoint>> witness_address(const RegistrationOptions& options) {
  if (options.witness_listen.empty()) return std::optional<Endpoint>();
  auto listen = parse_endpoint(options.witness_listen, "witness_listen");
  if (!listen.ok()) return listen.error();
  auto numeric = resolve(*listen, "witness_listen");
  if (!numeric.ok()) return numeric.error();
  auto clear = tls::check_clear_text(clear_text_of(options), *numeric,
                                     fmt::format("witness_listen: {}", numeric->to_string()),
                                     "witness_listen", tls::ToldBy::options);
  if (!clear) return clear.error();
  return std::optional(std::move(*numeric));
}

}  // namespace tandem
