#include "master/reload_table.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace tandem::master {

namespace {

template <auto member>
void whole(MasterFlags& into, const MasterFlags& from) {
  into.*member = from.*member;
}
template <auto member>
void of_forward(MasterFlags& into, const MasterFlags& from) {
  into.forward.*member = from.forward.*member;
}
template <auto member>
void of_services(MasterFlags& into, const MasterFlags& from) {
  into.forward.services.*member = from.forward.services.*member;
}
template <auto member>
void of_authority(MasterFlags& into, const MasterFlags& from) {
  into.client_authority.*member = from.client_authority.*member;
}

auto& timeouts(auto& flags) { return flags.forward.services.requests.timeouts; }

template <auto member>
void of_timeouts(MasterFlags& into, const MasterFlags& from) {
  timeouts(into).*member = timeouts(from).*member;
}
template <auto member>
void of_pace(MasterFlags& into, const MasterFlags& from) {
  timeouts(into).pace.*member = timeouts(from).pace.*member;
}
void take_idle_timeout(MasterFlags& into, const MasterFlags& from) {
  timeouts(into).client_idle = timeouts(from).client_idle;
  timeouts(into).body_idle = timeouts(from).body_idle;
}
void take_rate_limit_key(MasterFlags& into, const MasterFlags& from) {
  into.forward.rate_limit.key = from.forward.rate_limit.key;
}

// In the order of both keys together; whether an address may be absent goes by the --vip in force.
void take_listen(MasterFlags& into, const MasterFlags& from) {
  into.forward.listen = from.forward.listen;
  into.listens_by_default = from.listens_by_default;
  for (auto& address : into.forward.listen) {
    address.binds_absent = is_among(into.vips, address.endpoint.host);
  }
}

void take_listen_inner(MasterFlags& into, const MasterFlags& from) {
  into.listen_inner = from.listen_inner;
  into.forward.inner = from.forward.inner;
  if (into.forward.inner) into.forward.inner->tls = into.cluster.is_given();
}

void take_commands(MasterFlags& into, const MasterFlags& from) {
  into.on_promote = from.on_promote;
  into.on_demote = from.on_demote;
}

// Whoever speaks in clear text now would have to speak TLS from one moment to the next, or the
// other way round.
std::string_view begins_or_ends_tls(const MasterFlags& before, const MasterFlags& wanted) {
  if (before.cluster.is_given() == wanted.cluster.is_given()) return {};
  return wanted.cluster.is_given() ? "the control address begins to speak TLS with a restart alone"
                                   : "the control address ceases to speak TLS with a restart alone";
}

// Whose word counts would change from one moment to the next, here and at the masters that pass on.
std::string_view begins_or_ends(const MasterFlags& before, const MasterFlags& wanted) {
  if (before.listen_inner.has_value() == wanted.listen_inner.has_value()) return {};
  return wanted.listen_inner ? "there is an address for the other masters from a restart on alone"
                             : "the address for the other masters goes with a restart alone";
}

// Nearly always a line that was lost.
std::string_view opens_to_everybody(const MasterFlags& before, const MasterFlags& wanted) {
  const auto asks = [](const MasterFlags& flags) {
    return !flags.tokens_file.empty() || !flags.token_file.empty();
  };
  const bool asks_no_more = asks(before) && !asks(wanted) && !before.cluster.is_given();
  return asks_no_more ? "nobody would be asked for a token any more: that takes a restart"
                      : std::string_view();
}

void take_control(MasterFlags& into, const MasterFlags& from) {
  into.control = from.control;
  into.control_name = from.control_name;
}

// Two sockets that listen cannot share a port where one has all addresses of the machine; and where
// a master is that has them all, others know by what they hear alone.
std::string_view cannot_be_beside(const MasterFlags& before, const MasterFlags& wanted) {
  if (before.control == wanted.control) return {};
  if (wanted.control.is_unspecified()) {
    return "the other masters could not be told of an address for all of the machine: that takes "
           "a restart";
  }
  const bool overlaps =
      before.control.is_unspecified() && before.control.port == wanted.control.port;
  return overlaps ? "it cannot be opened beside the one before: that takes a restart"
                  : std::string_view();
}

constexpr std::string_view opened_and_told =
    "opened beside the one before, which is closed once the other masters and the workers know it";
constexpr std::string_view read_again = "the file is read again with each reload";
constexpr std::string_view for_next_change = "for the next change of the role";
constexpr std::string_view for_new_connections = "for new connections";
constexpr std::string_view opened_first =
    "new addresses are opened before old ones are closed; who has come by an old one is served on";
constexpr std::string_view with_less =
    "with less, idle clients leave, and others get 503 until there is room";
constexpr std::string_view full_burst = "clients begin with a full burst";

// In the order of --help.
constexpr auto rows = std::to_array<ReloadRow>({
    {"node"},
    {"listen", take_listen, opened_first},
    {"listen-tls", take_listen, opened_first},
    {"listen-inner", take_listen_inner, opened_first, begins_or_ends},
    {"tls", whole<&MasterFlags::certificates>, "for new connections; the files are read again"},
    {"client-ca", of_authority<&tls::ClientAuthoritySpec::file>,
     "for new connections; the file is read again"},
    {"client-certificate", of_authority<&tls::ClientAuthoritySpec::required>, for_new_connections},
    {"redirect-to-https", of_forward<&ForwardOptions::redirects_to_https>},
    {"hsts", of_forward<&ForwardOptions::hsts>},
    {"acme-webroot", of_forward<&ForwardOptions::acme_webroot>},
    {"ticket-key-interval", whole<&MasterFlags::ticket_key_interval>},
    {"control", take_control, opened_and_told, cannot_be_beside},
    {"data-dir"},
    {"peer"},
    {"join"},
    {"coordinator"},
    {"cluster"},
    {"cluster-heartbeat"},
    {"election-timeout"},
    {"pair-failover"},
    {"restore"},
    {"feature-level"},
    {"on-promote", take_commands, for_next_change},
    {"on-demote", take_commands, for_next_change},
    {"backend", whole<&MasterFlags::backends>},
    {"discover", whole<&MasterFlags::sources>, "workers of what stays are not touched"},
    {"publish", whole<&MasterFlags::publications>, "what is no longer published is taken away"},
    {"route", whole<&MasterFlags::routes>},
    {"service", whole<&MasterFlags::services>},
    {"vip"},
    {"threads"},
    {"balance", of_services<&ServiceOptions::policy>},
    {"sticky", of_services<&ServiceOptions::sticky>},
    {"slow-start", of_services<&ServiceOptions::slow_start>},
    {"eject-after", of_services<&ServiceOptions::breaker>},
    {"standby-traffic", of_forward<&ForwardOptions::standby_traffic>},
    {"header-timeout", of_timeouts<&ForwardTimeouts::header_read>},
    {"idle-timeout", take_idle_timeout},
    {"response-timeout", of_timeouts<&ForwardTimeouts::response_head>},
    {"connect-timeout", of_timeouts<&ForwardTimeouts::connect>},
    {"max-body", of_forward<&ForwardOptions::body_bytes_max>},
    {"rate-limit", of_forward<&ForwardOptions::rate_limit>, full_burst},
    {"rate-limit-key", take_rate_limit_key, full_burst},
    {"trusted-proxy", of_forward<&ForwardOptions::trusted_proxies>, for_new_connections},
    {"proxy-protocol", of_forward<&ForwardOptions::proxy_protocol>, for_new_connections},
    {"underscore-names", of_forward<&ForwardOptions::keeps_underscores>},
    {"http2", of_forward<&ForwardOptions::http2>, for_new_connections},
    {"allow-trace", of_forward<&ForwardOptions::allows_trace>},
    {"worker-network", whole<&MasterFlags::worker_networks>, "workers that register from then on"},
    {"min-body-rate", of_pace<&BodyPaceLimits::bytes_per_s>},
    {"body-timeout", of_pace<&BodyPaceLimits::whole>},
    {"client-connections", of_forward<&ForwardOptions::connections_per_client>,
     "for new connections; those from before the first limit are not counted"},
    {"memory", of_forward<&ForwardOptions::memory>, with_less},
    {"health-path", of_forward<&ForwardOptions::health_path>},
    {"worker-heartbeat", whole<&MasterFlags::worker_heartbeat>,
     "each worker hears of it with its next heartbeat"},
    {"forget-after", whole<&MasterFlags::forget_after>},
    {"drain-timeout", whole<&MasterFlags::drain_timeout>},
    {"cluster-ca", whole<&MasterFlags::cluster>, read_again, begins_or_ends_tls},
    {"cluster-cert", whole<&MasterFlags::cluster>, read_again, begins_or_ends_tls},
    {"cluster-key", whole<&MasterFlags::cluster>, read_again, begins_or_ends_tls},
    {"cluster-revoked", whole<&MasterFlags::cluster>, read_again, begins_or_ends_tls},
    {"insecure-network"},
    {"tokens-file", whole<&MasterFlags::tokens_file>, read_again, opens_to_everybody},
    {"token-file", whole<&MasterFlags::token_file>, read_again, opens_to_everybody},
    {"access-log", whole<&MasterFlags::access_log>},
    {"access-log-format", whole<&MasterFlags::access_log>},
    {"access-log-fields", whole<&MasterFlags::access_log>},
    {"access-log-filter", whole<&MasterFlags::access_log>},
    {"access-log-sample", whole<&MasterFlags::access_log>},
    {"otlp", whole<&MasterFlags::tracing>},
    {"trace-start", whole<&MasterFlags::tracing>},
    {"log-level", whole<&MasterFlags::log_level>},
    {"log-format", whole<&MasterFlags::log_format>},
});

}  // namespace

std::span<const ReloadRow> reload_table() { return rows; }

const ReloadRow* find_reload_row(std::string_view key) {
  key = key.substr(0, key.find('.'));
  const auto* const found =
      std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.key == key; });
  return found == rows.end() ? nullptr : &*found;
}

std::string_view why_restart(const ReloadRow& row, const MasterFlags& before,
                             const MasterFlags& wanted) {
  if (row.take == nullptr) return "needs a restart";
  return row.hindrance == nullptr ? std::string_view() : row.hindrance(before, wanted);
}

std::string when_changed(std::string_view key) {
  const auto* row = find_reload_row(key);
  if (row == nullptr) return {};
  const std::string_view when = row->take == nullptr ? "restart" : "at once";
  if (row->remark.empty()) return std::string(when);
  const bool is_scope = row->remark.starts_with("for ");
  return fmt::format("{}{} {}", when, is_scope ? "," : ";", row->remark);
}

}  // namespace tandem::master
