#include "common/wire/service_settings_keys.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "common/base/duration.hpp"

namespace tandem::wire::settings {

namespace {

constexpr Duration hedge_min = 1ms;
constexpr Duration hedge_max = 1min;

bool read_sticky(std::string_view text, ServiceSettings& settings) {
  settings.sticky = parse_sticky(text);
  return settings.sticky.has_value();
}

bool read_protocol(std::string_view text, ServiceSettings& settings) {
  settings.protocol = text == "http2" ? WorkerProtocol::http2 : WorkerProtocol::http1;
  return text == "http1" || text == "http2";
}

bool read_check_path(std::string_view text, ServiceSettings& settings) {
  settings.check_path = text;
  const auto is_printable = [](char c) { return c > ' ' && c <= '~' && c != '#'; };
  return text.starts_with('/') && text.size() <= limits::route_prefix_bytes_max &&
         std::all_of(text.begin(), text.end(), is_printable);
}

bool read_check_status(std::string_view text, ServiceSettings& settings) {
  settings.check_status = ExpectedStatuses::parse(text);
  return settings.check_status.has_value();
}

// "off", or how many standard deviations, to three places: 1.9 is 1900.
bool read_factor(std::string_view text, ServiceSettings& settings) {
  constexpr unsigned min = 500;
  constexpr unsigned max = 10'000;
  auto& thousandths = settings.eject_success_rate.emplace(0);
  if (text == "off") return true;
  bool in_fraction = false;
  int places = 0;
  for (const char c : text) {
    if (c == '.' && !in_fraction) {
      in_fraction = true;
    } else if (c < '0' || c > '9' || thousandths > max || (in_fraction && ++places > 3)) {
      return false;
    } else {
      thousandths = thousandths * 10 + static_cast<unsigned>(c - '0');
    }
  }
  for (; places < 3; ++places) thousandths *= 10;
  return thousandths >= min && thousandths <= max && text.front() != '.' && text.back() != '.';
}

std::string factor_text(unsigned thousandths) {
  if (thousandths == 0) return "off";
  auto text = fmt::format("{}.{:03}", thousandths / 1000, thousandths % 1000);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace

const std::array<TextKey, 5> texts{{
    {"protocol", read_protocol,
     [](const ServiceSettings& settings) -> std::optional<std::string> {
       if (!settings.protocol) return std::nullopt;
       return *settings.protocol == WorkerProtocol::http2 ? "http2" : "http1";
     },
     "http1 or http2"},
    {"sticky", read_sticky,
     [](const ServiceSettings& settings) -> std::optional<std::string> {
       if (!settings.sticky) return std::nullopt;
       return to_string(*settings.sticky);
     },
     sticky_forms},
    {"check_path", read_check_path,
     [](const ServiceSettings& settings) { return settings.check_path; },
     "a path that begins with /, without spaces"},
    {"check_status", read_check_status,
     [](const ServiceSettings& settings) -> std::optional<std::string> {
       if (!settings.check_status) return std::nullopt;
       return settings.check_status->to_string();
     },
     "statuses from 100 to 599 such as 200-399,404"},
    {"eject_success_rate", read_factor,
     [](const ServiceSettings& settings) -> std::optional<std::string> {
       if (!settings.eject_success_rate) return std::nullopt;
       return factor_text(*settings.eject_success_rate);
     },
     "off, or a number of standard deviations from 0.5 to 10"},
}};

std::string status_range() {
  return fmt::format("statuses from {} to {}", StatusSet::first, StatusSet::last);
}

std::vector<unsigned> listed(const StatusSet& statuses) {
  std::vector<unsigned> list;
  for (auto status = StatusSet::first; status <= StatusSet::last; ++status) {
    if (statuses.contains(status)) list.push_back(status);
  }
  return list;
}

std::optional<Hedge> parse_hedge(std::string_view text) {
  if (text == "off") return Hedge{};
  if (text == "p95") return Hedge{.when = Hedge::When::p95};
  const auto after = parse_duration(text, "hedge_after");
  if (!after || *after < hedge_min || *after > hedge_max) return std::nullopt;
  return Hedge{.when = Hedge::When::after, .after = *after};
}

std::string to_string(const Hedge& hedge) {
  switch (hedge.when) {
    case Hedge::When::never: return "off";
    case Hedge::When::p95: return "p95";
    case Hedge::When::after: return tandem::to_string(hedge.after);
  }
  assertion_failed("a known hedge", __FILE__, __LINE__);
}

std::string hedge_forms() {
  return fmt::format("off, p95, or {} to {}", tandem::to_string(hedge_min),
                     tandem::to_string(hedge_max));
}

}  // namespace tandem::wire::settings
