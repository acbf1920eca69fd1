#include "master/tracing_flags.hpp"

#include <cmath>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "common/base/command_line.hpp"

namespace tandem::master {

namespace {

constexpr std::string_view scheme = "http://";

Result<> take_collector(TracingOptions& options, std::string_view text, std::string_view flag) {
  if (text.starts_with(scheme)) text.remove_prefix(scheme.size());
  const auto slash = text.find('/');
  if (text.find("://") != text.npos) {
    return invalid(fmt::format("{} is an address of http, such as 127.0.0.1:4318", flag));
  }
  auto collector = parse_endpoint(text.substr(0, slash), flag);
  if (!collector) return collector.error();
  options.collector = std::move(*collector);
  if (slash == text.npos || slash + 1 == text.size()) return {};
  const auto path = text.substr(slash);
  const bool is_plain =
      std::all_of(path.begin(), path.end(), [](char c) { return c > ' ' && c <= '~' && c != '#'; });
  if (!is_plain) return invalid(fmt::format("{} has a path that is none", flag));
  options.path = path;
  return {};
}

// Per cent, with up to three decimals.
Result<> take_started(TracingOptions& options, std::string_view text, std::string_view flag) {
  const auto refused =
      invalid(fmt::format("{} must be a part in per cent from 0 to 100, such as 0.1, not \"{}\"",
                          flag, text.substr(0, 32)));
  unsigned thousandths = 0;
  std::size_t decimals = 0;
  bool has_point = false;
  if (text.empty() || text.size() > 7 || text.front() == '.' || text.back() == '.') return refused;
  for (const char c : text) {
    if (c == '.' && !has_point) {
      has_point = true;
      continue;
    }
    if (c < '0' || c > '9' || (has_point && ++decimals > 3)) return refused;
    thousandths = thousandths * 10 + static_cast<unsigned>(c - '0');
  }
  for (; decimals < 3; ++decimals) thousandths *= 10;
  if (thousandths > TracingOptions::all) return refused;
  options.started = thousandths;
  return {};
}

}  // namespace

void bind_tracing(CLI::App& app, TracingOptions& options) {
  bind_value(
      app, "--otlp", "HOST:PORT[/PATH]",
      "where a collector of OpenTelemetry takes spans of sampled requests, as OTLP over HTTP "
      "in JSON; /v1/traces is the usual path",
      [&options](std::string_view text, std::string_view flag) {
        return take_collector(options, text, flag);
      });
  bind_value(app, "--trace-start", "PERCENT",
             "requests that come without a traceparent get one, and this part of them is sampled; "
             "without this flag they stay without",
             [&options](std::string_view text, std::string_view flag) {
               return take_started(options, text, flag);
             });
}

}  // namespace tandem::master
