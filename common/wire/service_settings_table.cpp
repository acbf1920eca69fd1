#include "common/wire/service_settings_table.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "common/base/ascii.hpp"
#include "common/base/duration.hpp"
#include "common/base/limits.hpp"
#include "common/wire/limits.hpp"

namespace tandem::wire {

namespace {

using Json = nlohmann::ordered_json;

constexpr Duration long_max = limits::request_timeout_settable_max;
constexpr Duration hedge_min = 1ms;
constexpr Duration hedge_max = 1min;

// The texts of a row.
struct Words {
  const char* unsaid;
  const char* meaning;
};

Error refuse(std::string_view name, std::string_view must, std::string_view text) {
  return invalid(
      fmt::format("{} must be {}, not \"{}\"", name, must, text.substr(0, limits::shown_text_max)));
}

std::optional<unsigned> whole_number(std::string_view text) {
  unsigned number = 0;
  const auto* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return number;
}

// A row whose value is read from text by `parse` and written by `print`; `must` describes valid
// values. Its form in a document is left to the caller.
template <class Owner, class Value, class Parse, class Print>
SettingRow<Owner> row_of(const char* key, std::optional<Value> Owner::*value, std::string must,
                         Words words, Parse parse, Print print) {
  SettingRow<Owner> row;
  row.key = row.member = key;
  row.unsaid = words.unsaid;
  row.meaning = words.meaning;
  row.read = [=](std::string_view text, std::string_view name, Owner& owner) -> Result<> {
    std::optional<Value> parsed = parse(text);
    if (!parsed) return refuse(name, must, text);
    owner.*value = std::move(*parsed);
    return {};
  };
  row.write = [=](const Owner& owner) -> std::optional<std::string> {
    if (!(owner.*value)) return std::nullopt;
    return print(*(owner.*value));
  };
  return row;
}

template <class Owner>
SettingRow<Owner> duration(const char* key, std::optional<Duration> Owner::*value, Duration min,
                           Duration max, Words words) {
  const auto range = fmt::format("{} to {}", tandem::to_string(min), tandem::to_string(max));
  const auto parse = [=](std::string_view text) -> std::optional<Duration> {
    const auto parsed = parse_duration(text, key);
    if (!parsed || *parsed < min || *parsed > max) return std::nullopt;
    return *parsed;
  };
  auto row = row_of(key, value, range, words, parse,
                    [](Duration duration) { return tandem::to_string(duration); });
  row.values = range;
  row.member += "_ms";
  row.read_member = [=, member = row.member](MemberReader& reader, Owner& owner) {
    std::int64_t ms = 0;
    reader.number(member.c_str(), ms, static_cast<std::uint64_t>(to_ms(min)),
                  static_cast<std::uint64_t>(to_ms(max)));
    owner.*value = std::chrono::milliseconds(ms);
  };
  row.write_member = [=, member = row.member](Json& json, const Owner& owner) {
    json[member] = to_ms(*(owner.*value));
  };
  return row;
}

// `of`: what is counted.
template <class Owner>
SettingRow<Owner> number(const char* key, std::optional<unsigned> Owner::*value, unsigned min,
                         unsigned max, const char* of, Words words) {
  const auto parse = [=](std::string_view text) -> std::optional<unsigned> {
    const auto parsed = whole_number(text);
    if (!parsed || *parsed < min || *parsed > max) return std::nullopt;
    return *parsed;
  };
  auto row = row_of(key, value, fmt::format("a whole number from {} to {}", min, max), words, parse,
                    [](unsigned number) { return std::to_string(number); });
  row.values = fmt::format("{} to {}{}", min, max, of);
  row.read_member = [=](MemberReader& reader, Owner& owner) {
    reader.number(key, (owner.*value).emplace(), min, max);
  };
  row.write_member = [=](Json& json, const Owner& owner) { json[key] = *(owner.*value); };
  return row;
}

// A row whose value has the same text in a document.
template <class Owner, class Value, class Parse, class Print>
SettingRow<Owner> text(const char* key, std::optional<Value> Owner::*value, const char* values,
                       std::string must, Words words, Parse parse, Print print) {
  auto row = row_of(key, value, std::move(must), words, parse, print);
  row.values = values;
  row.read_member = [key, read = row.read](MemberReader& reader, Owner& owner) {
    std::string found;
    reader.text(key, found);
    if (reader.failed()) return;
    const auto name = reader.path_of(key);
    if (const auto done = read(found, name, owner); !done) {
      reader.refuse(invalid(done.error().message, name));
    }
  };
  row.write_member = [key, write = row.write](Json& json, const Owner& owner) {
    json[key] = *write(owner);
  };
  return row;
}

SettingRow<RequestRules> balance() {
  auto row = text(
      "balance", &RequestRules::balance, "a policy, as for `--balance`", "",
      {"`--balance`", "how a worker is chosen"},
      [](std::string_view) { return std::optional<PolicySpec>(); },
      [](const PolicySpec& policy) { return to_string(policy); });
  row.read = [](std::string_view said, std::string_view name, RequestRules& rules) -> Result<> {
    auto policy = parse_policy(said, name);
    if (!policy) return policy.error();
    rules.balance = std::move(*policy);
    return {};
  };
  row.read_member = [read = row.read](MemberReader& reader, RequestRules& rules) {
    std::string found;
    reader.text("balance", found);
    if (reader.failed()) return;
    if (const auto done = read(found, reader.path_of("balance"), rules); !done) {
      reader.refuse(done.error());
    }
  };
  return row;
}

// An array in documents.
SettingRow<RequestRules> methods() {
  auto row =
      row_of("retry_methods", &RequestRules::retry_methods, MethodSet::forms(),
             {"the idempotent ones",
              "what may be sent to a second worker: `GET,HEAD` or `none`; in documents an array"},
             MethodSet::parse, [](const MethodSet& set) { return set.to_string(); });
  row.values = fmt::format("up to {} methods, and `/package.Service/Method` of gRPC",
                           limits::retry_methods_max);
  row.read_member = [](MemberReader& reader, RequestRules& rules) {
    auto& set = rules.retry_methods.emplace();
    for (const auto* element :
         reader.elements("retry_methods", limits::retry_methods_max + limits::retry_calls_max)) {
      const auto* name = element->get_ptr<const std::string*>();
      if (name != nullptr && set.add(*name)) continue;
      return reader.refuse("retry_methods",
                           fmt::format("must be an array of methods, each of at most {} capital "
                                       "letters, digits, - and _, or of gRPC's such as "
                                       "/package.Service/Method",
                                       limits::method_name_bytes_max));
    }
  };
  row.write_member = [](Json& json, const RequestRules& rules) {
    json["retry_methods"] = rules.retry_methods->names();
  };
  return row;
}

// An array in documents.
SettingRow<RequestRules> statuses() {
  auto row = row_of(
      "retry_on", &RequestRules::retry_on, StatusSet::forms() + ", with commas between",
      {"none", "answers after which another worker is tried: `502,503`; in documents an array"},
      StatusSet::parse, [](const StatusSet& set) { return set.to_string(); });
  row.values = "statuses from 400 to 599, `grpc:unavailable` and others";
  row.read_member = [](MemberReader& reader, RequestRules& rules) {
    auto& set = rules.retry_on.emplace();
    constexpr std::size_t count_max = StatusSet::last - StatusSet::first + 1 + StatusSet::grpc_last;
    for (const auto* element : reader.elements("retry_on", count_max)) {
      const auto* name = element->get_ptr<const std::string*>();
      if (name != nullptr && set.add_grpc(*name)) continue;
      const bool fits = element->is_number_unsigned() &&
                        element->get<std::uint64_t>() <= StatusSet::last &&
                        StatusSet::admits(element->get<unsigned>());
      if (!fits) return reader.refuse("retry_on", "must be an array of " + StatusSet::forms());
      set.add(element->get<unsigned>());
    }
  };
  row.write_member = [](Json& json, const RequestRules& rules) {
    auto array = Json::array();
    for (const auto status : rules.retry_on->statuses()) array.push_back(status);
    for (auto& status : rules.retry_on->grpc_statuses()) array.push_back(std::move(status));
    json["retry_on"] = std::move(array);
  };
  return row;
}

std::optional<Hedge> parse_hedge(std::string_view said) {
  if (said == "off") return Hedge{};
  if (said == "p95") return Hedge{.when = Hedge::When::p95};
  const auto after = parse_duration(said, "hedge_after");
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

std::optional<std::string> parse_path(std::string_view said) {
  const auto is_printable = [](char c) { return c > ' ' && c <= '~' && c != '#'; };
  const bool fits = said.starts_with('/') && said.size() <= limits::route_prefix_bytes_max &&
                    std::all_of(said.begin(), said.end(), is_printable);
  return fits ? std::optional(std::string(said)) : std::nullopt;
}

// Of the master that reads it.
std::optional<std::string> parse_file(std::string_view said) {
  const auto is_good = [](char c) { return c > ' ' && c <= '~' && c != ','; };
  const bool fits = !said.empty() && said.size() <= limits::file_name_bytes_max &&
                    std::all_of(said.begin(), said.end(), is_good);
  return fits ? std::optional(std::string(said)) : std::nullopt;
}

std::optional<std::string> parse_file_pair(std::string_view said) {
  const auto comma = std::min(said.find(','), said.size());
  const bool fits = parse_file(said.substr(0, comma)) &&
                    parse_file(said.substr(std::min(comma + 1, said.size())));
  return fits ? std::optional(std::string(said)) : std::nullopt;
}

std::optional<std::string> parse_host(std::string_view said) {
  const auto is_good = [](char c) {
    return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '_';
  };
  const bool fits = !said.empty() && said.size() <= limits::host_bytes_max &&
                    std::all_of(said.begin(), said.end(), is_good);
  return fits ? std::optional(std::string(said)) : std::nullopt;
}

// Parses "off", or a number of standard deviations with up to three decimal places: 1.9 is 1900.
std::optional<unsigned> parse_factor(std::string_view said) {
  constexpr unsigned min = 500;
  constexpr unsigned max = 10'000;
  if (said == "off") return 0;
  unsigned thousandths = 0;
  bool in_fraction = false;
  int places = 0;
  for (const char c : said) {
    if (c == '.' && !in_fraction) {
      in_fraction = true;
    } else if (c < '0' || c > '9' || thousandths > max || (in_fraction && ++places > 3)) {
      return std::nullopt;
    } else {
      thousandths = thousandths * 10 + static_cast<unsigned>(c - '0');
    }
  }
  for (; places < 3; ++places) thousandths *= 10;
  const bool fits = thousandths >= min && thousandths <= max;
  if (!fits || said.front() == '.' || said.back() == '.') return std::nullopt;
  return thousandths;
}

std::string factor_text(unsigned thousandths) {
  if (thousandths == 0) return "off";
  auto text = fmt::format("{}.{:03}", thousandths / 1000, thousandths % 1000);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

SettingRow<ServiceSettings> boolean(const char* key, std::optional<bool> ServiceSettings::*value,
                                    Words words) {
  const auto parse = [](std::string_view said) -> std::optional<bool> {
    if (said != "true" && said != "false") return std::nullopt;
    return said == "true";
  };
  auto row = row_of(key, value, "true or false", words, parse,
                    [](bool is_set) { return std::string(is_set ? "true" : "false"); });
  row.values = "true, false";
  row.read_member = [=](MemberReader& reader, ServiceSettings& settings) {
    reader.boolean(key, (settings.*value).emplace());
  };
  row.write_member = [=](Json& json, const ServiceSettings& settings) {
    json[key] = *(settings.*value);
  };
  return row;
}

}  // namespace

const std::vector<SettingRow<RequestRules>>& rule_rows() {
  using R = RequestRules;
  static const std::vector<SettingRow<R>> rows{
      balance(),
      duration("connect_timeout", &R::connect_timeout, 1ms, 1min,
               {"`--connect-timeout`", "for a connection to a worker; then the next one is tried"}),
      duration("response_timeout", &R::response_timeout, 1ms, long_max,
               {"`--response-timeout`", "of one try, until the head of the answer: then 504"}),
      duration("idle_timeout", &R::idle_timeout, 1ms, long_max,
               {"`--idle-timeout`", "between two reads or writes of a body"}),
      duration("request_timeout", &R::request_timeout, 0ms, long_max,
               {"0: none", "of all tries together: then 504"}),
      duration("retry_backoff", &R::retry_backoff, 0ms, 10s,
               {"25ms", "at most, before the second try after an answer of `retry_on`"}),
      number("attempts", &R::attempts, 1, limits::attempts_settable_max, "",
             {"3", "how many workers may see a request"}),
      methods(),
      statuses(),
      text("hedge_after", &R::hedge_after, "off, p95, 1ms to 1m",
           fmt::format("off, p95, or {} to {}", tandem::to_string(hedge_min),
                       tandem::to_string(hedge_max)),
           {"off",
            "a second worker is asked when the first takes so long; p95: longer than 95 % of "
            "the requests"},
           parse_hedge, [](const Hedge& hedge) { return to_string(hedge); }),
      text("client_certificate", &R::client_certificate, "off, any, NAME,NAME",
           certificate_demand_forms,
           {"off",
            "which a client must have, by `--client-ca`: `*.shop.example`, `spiffe://shop/*`; "
            "else 403"},
           CertificateDemand::parse,
           [](const CertificateDemand& demand) { return demand.to_string(); }),
  };
  return rows;
}

const std::vector<SettingRow<ServiceSettings>>& service_rows() {
  using S = ServiceSettings;
  static const std::vector<SettingRow<S>> rows{
      duration("slow_start", &S::slow_start, 0ms, 1h,
               {"`--slow-start`", "how long a worker that joins gets less than its share"}),
      duration("queue_timeout", &S::queue_timeout, 0ms, 10min,
               {"1s", "how long a request may wait for a worker with room: then 503"}),
      duration("check_interval", &S::check_interval, 10ms, 1h,
               {"`--worker-heartbeat`", "between two checks of a worker, give or take a tenth"}),
      duration("check_timeout", &S::check_timeout, 10ms, 1min,
               {"the interval, 200ms to 2s", "of one check as a whole"}),
      number("eject_after", &S::eject_after, 0, 1000, " failures",
             {"`--eject-after`", "in a row, after which a worker is left alone; 0: never"}),
      number("retry_budget", &S::retry_budget, 0, 100, " percent",
             {"20", "of the requests may be sent again"}),
      number("in_flight", &S::in_flight, 0, limits::in_flight_settable_max, " requests",
             {"0: any", "at all workers together, at most"}),
      number("worker_in_flight", &S::worker_in_flight, 0, limits::worker_connections_max,
             " requests", {"0: its connections", "at one worker, at most"}),
      number("queue", &S::queue, 0, limits::queue_settable_max, " requests",
             {"1024", "that wait for a worker with room, on each loop, at most"}),
      number("check_healthy", &S::check_healthy, 1, 100, "",
             {"1", "good checks in a row after which a worker gets traffic"}),
      number("check_unhealthy", &S::check_unhealthy, 1, 100, "",
             {"3", "bad checks in a row after which it is down"}),
      text("sticky", &S::sticky, "a cookie, as for `--sticky`", sticky_forms,
           {"`--sticky`", "by which clients stay with their workers; empty: they do not"},
           parse_sticky, [](const StickySpec& sticky) { return to_string(sticky); }),
      text("protocol", &S::protocol, "http1 or http2", "http1 or http2",
           {"http1; http2 with `check=grpc`",
            "what is spoken to workers that do not say it themselves"},
           parse_worker_protocol,
           [](WorkerProtocol protocol) { return std::string(to_string(protocol)); }),
      text("check_path", &S::check_path, "a path", "a path that begins with /, without spaces",
           {"`/health`", "of health checks; may have a query"}, parse_path,
           [](const std::string& path) { return path; }),
      text("check_status", &S::check_status, "statuses from 100 to 599",
           "statuses from 100 to 599 such as 200-399,404",
           {"`100-499`", "of good answers: `200-399,404`; in documents the same text"},
           ExpectedStatuses::parse,
           [](const ExpectedStatuses& expected) { return expected.to_string(); }),
      text("eject_success_rate", &S::eject_success_rate, "off, 0.5 to 10 deviations",
           "off, or a number of standard deviations from 0.5 to 10",
           {"off", "a worker is left alone whose success rate is so far below the others'"},
           parse_factor, factor_text),
      boolean(
          "check_workers", &S::check_workers,
          {"false", "whether Tandem workers are checked too, besides those that do not heartbeat"}),
      text("check", &S::check, "http, grpc, grpc:NAME", CheckKind::forms(),
           {"http", "how: GET of `check_path`, or grpc.health.v1, of the server or of a service"},
           CheckKind::parse, [](const CheckKind& kind) { return kind.to_string(); }),
      boolean("upstream_tls", &S::upstream_tls,
              {"false", "whether TLS is spoken to its workers, and to their checks"}),
      text("upstream_ca", &S::upstream_ca, "a file", "a path without spaces and commas",
           {"those of the system", "authorities of the workers' certificates, in PEM"}, parse_file,
           [](const std::string& file) { return file; }),
      text("upstream_name", &S::upstream_name, "a host", "a host such as shop.example",
           {"the worker's address", "that the workers' certificates are for, and SNI"}, parse_host,
           [](const std::string& host) { return host; }),
      text("upstream_cert", &S::upstream_cert, "CERTIFICATE.pem,KEY.pem",
           "two files, CERTIFICATE.pem,KEY.pem", {"none", "what workers are shown, in PEM"},
           parse_file_pair, [](const std::string& files) { return files; }),
      text("proxy_protocol", &S::proxy_protocol, "off, v2", "off or v2",
           {"off",
            "whether workers, of HTTP/1, are told first on each connection whose it is, as "
            "HAProxy's "
            "PROXY protocol has it"},
           parse_proxy_protocol,
           [](ProxyProtocol protocol) { return std::string(to_string(protocol)); }),
  };
  return rows;
}

}  // namespace tandem::wire
