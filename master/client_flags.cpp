#include "master/client_flags.hpp"

#include <algorithm>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "common/base/byte_size.hpp"
#include "common/base/command_line.hpp"
#include "common/wire/limits.hpp"
#include "master/forward/plane/limits.hpp"

namespace tandem::master {

namespace {

Result<> take_health_path(std::string_view text, std::string_view flag, std::string& path) {
  const auto is_printable = [](char c) { return c > ' ' && c <= '~' && c != '#' && c != '?'; };
  if (!text.starts_with('/') || text.size() > limits::route_prefix_bytes_max ||
      !std::all_of(text.begin(), text.end(), is_printable)) {
    return invalid(
        fmt::format("{} must be a path that begins with /, without query or spaces, not "
                    "\"{}\"",
                    flag, text.substr(0, 64)));
  }
  path = text;
  return {};
}

}  // namespace

void bind_clients(CLI::App& app, MasterFlags& flags) {
  bind_value(
      app, "--min-body-rate", "BYTES[k|m|g]",
      "the lowest average rate, per second, at which a client must send or take a body, "
      "measured after ten seconds of waiting; a slower client gets 408 or is disconnected; default "
      "1k; 0: no limit",
      [&flags](std::string_view text, std::string_view flag) -> Result<> {
        const auto rate = parse_byte_size(text, flag);
        if (!rate) return rate.error();
        flags.forward.services.requests.timeouts.pace.bytes_per_s = *rate;
        return {};
      });
  bind_duration(
      app, "--body-timeout",
      "how long, in all, a client is waited for while it sends a body (then 408) or takes "
      "one; 0s: no limit",
      flags.forward.services.requests.timeouts.pace.whole, {0s, 720h});
  bind_number(
      app, "--client-connections",
      "how many connections one client address may have at once, IPv6 by its first 64 bits, "
      "trusted proxies excepted; more are closed; 0, the default: no limit",
      flags.forward.connections_per_client, {0, limits::client_connections_settable_max});
  bind_value(
      app, "--memory", "BYTES[k|m|g]",
      "memory for the buffers of clients and workers; when it runs out, idle clients are "
      "disconnected, and then new requests are answered 503; default: half of what the machine "
      "or its control group has; 0: no limit",
      [&flags](std::string_view text, std::string_view flag) -> Result<> {
        const auto memory = parse_byte_size(text, flag);
        if (!memory) return memory.error();
        if (*memory > 0 && *memory < limits::memory_min) {
          return invalid(fmt::format("{} must be at least 1m, or 0 for any, not \"{}\"", flag,
                                     text.substr(0, 64)));
        }
        flags.forward.memory = *memory;
        return {};
      });
  bind_value(app, "--health-path", "/PATH",
             "a path at the client address at which this master says whether it is able to serve "
             "clients: 200 or 503; by default all paths belong to the services",
             [&flags](std::string_view text, std::string_view flag) {
               return take_health_path(text, flag, flags.forward.health_path);
             });
}

}  // namespace tandem::master
