#include "master/flags.hpp"

#include <algorithm>
#include <charconv>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "common/base/command_line.hpp"
#include "common/base/memory_size.hpp"
#include "common/base/name.hpp"
#include "common/tls/flags.hpp"
#include "common/wire/limits.hpp"
#include "master/access_log_flags.hpp"
#include "master/client_flags.hpp"
#include "master/control_options.hpp"
#include "master/control/role_hooks.hpp"
#include "master/coordinator/coordinator_spec.hpp"
#include "master/discovery/limits.hpp"
#include "master/publication/limits.hpp"
#include "master/reload_table.hpp"
#include "master/tracing_flags.hpp"

namespace tandem::master {

namespace {

// One loop for each core is enough; more than this is a mistake in a unit.
constexpr unsigned threads_max = 256;

// [SERVICE=]HOST:PORT
Result<wire::WorkerSpec> parse_backend(std::string_view text, std::string_view flag) {
  wire::WorkerSpec spec;
  if (const auto equals = text.find('='); equals != text.npos) {
    auto service = parse_name(text.substr(0, equals), flag);
    if (!service) return service.error();
    spec.service = std::move(*service);
    text.remove_prefix(equals + 1);
  }
  auto endpoint = parse_endpoint(text, flag);
  if (!endpoint) return endpoint.error();
  if (endpoint->port == 0 || endpoint->is_unspecified()) {
    return invalid(
        fmt::format("{} must be an address that can be connected to, not \"{}\"", flag, text));
  }
  spec.name = endpoint->to_string();
  std::replace_if(
      spec.name.begin(), spec.name.end(),
      [](char c) {
        return !is_name({&c, 1});
      },
      '-');
  spec.name = spec.name.substr(0, limits::name_bytes_max);
  spec.address = std::move(*endpoint);
  return spec;
}

Result<> take_source(std::vector<SourceSpec>& sources, std::string_view text,
                     std::string_view flag) {
  auto source = parse_source(text, flag);
  if (!source) return source.error();
  const bool is_known = std::any_of(sources.begin(), sources.end(),
                                    [&](const auto& each) { return each.text == text; });
  if (is_known) return invalid(fmt::format("{} is given twice: {}", flag, text));
  if (sources.size() >= limits::sources_max) {
    return invalid(fmt::format("{} may be given {} times", flag, limits::sources_max));
  }
  sources.push_back(std::move(*source));
  return {};
}

Result<> take_publication(std::vector<PublicationSpec>& publications, std::string_view text,
                          std::string_view flag) {
  auto publication = parse_publication(text, flag);
  if (!publication) return publication.error();
  const bool is_known = std::any_of(
      publications.begin(), publications.end(),
      [&](const auto& each) { return each.text == text || writes_the_same(each, *publication); });
  if (is_known) return invalid(fmt::format("{} is given twice: {}", flag, text));
  if (publications.size() >= limits::publications_max) {
    return invalid(fmt::format("{} may be given {} times", flag, limits::publications_max));
  }
  publications.push_back(std::move(*publication));
  return {};
}

Result<> resolve_in_place(Endpoint& endpoint, std::string_view flag,
                          std::map<std::string, Endpoint>& known) {
  const auto written = endpoint.to_string();
  if (!known.contains(written)) {
    auto resolved = resolve(endpoint, flag);
    if (!resolved) return resolved.error();
    known.emplace(written, std::move(*resolved));
  }
  endpoint = known.at(written);
  return {};
}

// Appends the value of each use of the flag.
void bind_networks(CLI::App& app, const std::string& flag, const std::string& help,
                   std::vector<AddressRange>& networks) {
  bind_each(app, flag, "ADDRESS[/BITS]", help,
            [&networks](std::string_view text, std::string_view field) -> Result<> {
              auto range = parse_address_range(text, field);
              if (!range) return range.error();
              networks.push_back(*range);
              return {};
            });
}

// Flags for what clients and workers may do.
void bind_forwarding(CLI::App& app, MasterFlags& flags) {
  bind_duration(app, "--header-timeout",
                "how long a client may take to send the head of a request; then 408",
                flags.forward.services.requests.timeouts.header_read, {1s, 10min});
  bind_duration(
      app, "--idle-timeout",
      "how long a client connection may be without a request, and a body without progress, "
      "before it is closed",
      flags.forward.services.requests.timeouts.client_idle, {1s, 24h});
  bind_duration(app, "--response-timeout",
                "how long a worker may take until the head of its response; then 504",
                flags.forward.services.requests.timeouts.response_head, {100ms, 24h});
  bind_duration(app, "--connect-timeout",
                "how long a connection to a worker may take; then the next worker is tried",
                flags.forward.services.requests.timeouts.connect, {10ms, 1min});
  bind_value(app, "--max-body", "BYTES",
             "the largest request body; a larger one is answered 413; 0: no limit",
             [&flags](std::string_view text, std::string_view flag) -> Result<> {
               const auto* end = text.data() + text.size();
               const auto parsed = std::from_chars(text.data(), end, flags.forward.body_bytes_max);
               if (!text.empty() && parsed.ec == std::errc{} && parsed.ptr == end) return {};
               return invalid(fmt::format("{} must be a number of bytes, not \"{}\"", flag,
                                          text.substr(0, 64)));
             })
      ->default_str("0");
  bind_value(app, "--rate-limit", "RATE[:BURST]",
             "how many requests a second, and at once, one client may send; more are answered "
             "429; by default: no limit",
             [&flags](std::string_view text, std::string_view flag) -> Result<> {
               auto limit = parse_rate_limit(text, flag);
               if (!limit) return limit.error();
               limit->key = std::move(flags.forward.rate_limit.key);
               flags.forward.rate_limit = std::move(*limit);
               return {};
             });
  bind_value(
      app, "--rate-limit-key", "address|header=NAME|cookie=NAME",
      "how --rate-limit tells clients apart: by address, unless it is said, or by a header or "
      "cookie; without it the client's address is used",
      [&flags](std::string_view text, std::string_view flag) -> Result<> {
        auto key = parse_rate_limit_key(text, flag);
        if (!key) return key.error();
        flags.forward.rate_limit.key = std::move(*key);
        return {};
      })
      ->needs("--rate-limit");
  bind_networks(app, "--trusted-proxy",
                "clients there are proxies: their X-Forwarded-* fields are believed and extended; "
                "repeatable",
                flags.forward.trusted_proxies);
  bind_networks(app, "--proxy-protocol",
                "clients there are load balancers that say first, by the PROXY protocol (version 1 "
                "or 2), whose connection they pass on; repeatable",
                flags.forward.proxy_protocol);
  bind_choice(app, "--underscore-names",
              "what happens to fields with an underscore in their names, unless a trusted proxy "
              "sends them: drop, or keep, for workers that cannot mistake them for "
              "others",
              flags.forward.keeps_underscores, {"drop", false}, {"keep", true});
  bind_choice(
      app, "--http2",
      "whether clients may speak HTTP/2 by prior knowledge (RFC 9113 §3.3), beside HTTP/1.1 "
      "on the same port",
      flags.forward.http2, {"on", true}, {"off", false});
  bind_switch(app, "--allow-trace", "serve TRACE requests, which are otherwise answered 405",
              flags.forward.allows_trace);
}

// NAME=HOST:PORT
Result<> parse_peer(std::string_view text, std::string_view flag, MasterFlags& flags) {
  const auto equals = text.find('=');
  if (equals == text.npos) {
    return invalid(fmt::format("{} must be NAME=HOST:PORT, not \"{}\"", flag, text.substr(0, 64)));
  }
  const auto name = parse_name(text.substr(0, equals), flag);
  if (!name) return name.error();
  const auto endpoint = parse_endpoint(text.substr(equals + 1), flag);
  if (!endpoint) return endpoint.error();
  if (endpoint->port == 0 || endpoint->is_unspecified()) {
    return invalid(
        fmt::format("{} must be an address that can be connected to, not \"{}\"", flag, text));
  }
  if (!flags.peers.emplace(core::NodeId(*name), *endpoint).second) {
    return invalid(fmt::format("{} names {} twice", flag, *name));
  }
  return {};
}

// Flags for this master's part in the cluster.
void bind_cluster(CLI::App& app, MasterFlags& flags) {
  bind_each(app, "--peer", "NAME=HOST:PORT",
            "another master that founds the cluster, with its control address; repeatable; needed "
            "only for founding, since the cluster remembers its masters",
            [&flags](std::string_view text, std::string_view flag) {
              return parse_peer(text, flag, flags);
            });
  bind_value(
      app, "--join", "HOST:PORT",
      "join the cluster of the master with this control address; see `tandem master add`",
      [&flags](std::string_view text, std::string_view flag) -> Result<> {
        auto endpoint = parse_endpoint(text, flag);
        if (!endpoint) return endpoint.error();
        if (endpoint->port == 0 || endpoint->is_unspecified()) {
          return invalid(fmt::format("{} must be an address that can be connected to", flag));
        }
        flags.join = std::move(*endpoint);
        return {};
      });
  bind_value(app, "--coordinator", "etcd=URL,URL,...",
             "let etcd say who leads, in place of votes of masters and witnesses: such as "
             "etcd=https://10.0.0.1:2379,10.0.0.2:2379,10.0.0.3:2379,ca=FILE; with --cluster; "
             "docs/coordinator.md has the forms",
             [&flags](std::string_view text, std::string_view flag) -> Result<> {
               auto spec = parse_coordinator(text, flag);
               if (!spec) return spec.error();
               flags.coordinator = std::move(*spec);
               return {};
             });
  bind_text(app, "--cluster", "NAME",
            "the cluster's name in the coordinator: its keys begin with /tandem/NAME/",
            flags.cluster_name);
  bind_duration(app, "--cluster-heartbeat",
                "time between two heartbeats of the primary; the same at all masters",
                flags.timing.heartbeat, {1ms, 10s});
  bind_duration(app, "--election-timeout",
                "how long a primary may be silent before it is replaced; the same at all masters",
                flags.timing.election_timeout, {10ms, 5min});
  bind_choice(app, "--pair-failover",
              "whether one of two masters without a witness continues when it has lost the other: "
              "on, or off: it stops serving",
              flags.pair_failover, {"on", true}, {"off", false});
  bind_text(app, "--restore", "FILE",
            "found a new cluster from a file that `tandem snapshot save` wrote; once, at the first "
            "master by name, with an empty --data-dir",
            flags.restore);
  bind_number(
      app, "--feature-level",
      "the highest feature level that this master supports: the cluster stays at it, so that "
      "older versions can take part again; by default the newest",
      flags.feature_level,
      {static_cast<unsigned>(wire::features::oldest.value()),
       static_cast<unsigned>(wire::features::newest.value())});
  for (auto [flag, command, when] : {std::tuple("--on-promote", &flags.on_promote,
                                                "command to run when this master becomes primary"),
                                     std::tuple("--on-demote", &flags.on_demote,
                                                "command to run when it is no longer primary")}) {
    bind_value(app, flag, "COMMAND", when,
               [command](std::string_view text, std::string_view name) -> Result<> {
                 auto parsed = parse_command(text, name);
                 if (!parsed) return parsed.error();
                 *command = std::move(*parsed);
                 return {};
               });
  }
}

// Flags for how a worker is chosen.
void bind_balance(CLI::App& app, MasterFlags& flags) {
  bind_value(app, "--balance", "POLICY",
             fmt::format("how a worker is chosen. {}", wire::policy_help()),
             [&flags](std::string_view text, std::string_view flag) -> Result<> {
               auto policy = wire::parse_policy(text, flag);
               if (!policy) return policy.error();
               flags.forward.services.policy = std::move(*policy);
               return {};
             })
      ->default_str(to_string(flags.forward.services.policy));
  bind_value(app, "--sticky", "NAME[; ATTRIBUTE]...",
             "keep each client at its worker by a cookie of that name, while the worker is there; "
             "attributes: Max-Age=SECONDS, SameSite=Lax|Strict|None, Domain=HOST, Path=/PATH",
             [&flags](std::string_view text, std::string_view flag) -> Result<> {
               auto sticky = wire::parse_sticky(text);
               if (!sticky || !sticky->is_on()) {
                 return invalid(fmt::format("{} must be {}, not \"{}\"", flag, wire::sticky_forms,
                                            text.substr(0, 64)));
               }
               flags.forward.services.sticky = StickyCookie(std::move(*sticky));
               return {};
             });
  bind_duration(
      app, "--slow-start",
      "how long it takes until a worker that joins or returns gets its full share; 0s: at once",
      flags.forward.services.slow_start.over, {0s, 1h});
  bind_number(app, "--eject-after",
              "how many requests in a row a worker may fail (5xx, time-outs, broken connections) "
              "before it gets no requests for a while; 0: any number",
              flags.forward.services.breaker.failures_in_a_row, {0, 1000});
}

// KEY = VALUE of a table [service.NAME] in the file, which means --service NAME:KEY=VALUE.
Result<> set_of_service(MasterFlags& flags, std::string_view name, std::string_view setting,
                        std::string_view field) {
  const auto service = parse_name(name, field);
  if (!service) return service.error();
  return wire::parse_setting(setting, field, flags.services[*service]);
}

void bind(CLI::App& app, MasterFlags& flags) {
  bind_name(app, "--node", "this master's name in the cluster", flags.node);
  bind_listens(app, flags);
  bind_endpoint(app, "--control", "where workers and tools are served", flags.control);
  bind_text(app, "--data-dir", "DIR",
            "directory for what must survive a restart; created when it is missing",
            flags.data_dir);
  bind_cluster(app, flags);
  bind_each(app, "--backend", "[SERVICE=]HOST:PORT",
            "a worker that is not Tandem's, probed with GET /health; repeatable",
            [&flags](std::string_view text, std::string_view flag) -> Result<> {
              auto spec = parse_backend(text, flag);
              if (!spec) return spec.error();
              flags.backends.push_back(std::move(*spec));
              return {};
            });
  bind_each(app, "--discover", "SERVICE=REGISTRY",
            "read the instances of a service from a registry of others: consul, etcd or "
            "zookeeper, such as web=consul:127.0.0.1:8500/web; docs/discovery.md has the forms; "
            "repeatable",
            [&flags](std::string_view text, std::string_view flag) {
              return take_source(flags.sources, text, flag);
            });
  bind_each(app, "--publish", "KIND=REGISTRY",
            "write where the services are into a registry of others, etcd or zookeeper, as long as "
            "this master leads, such as etcd=10.0.0.1:2379/services; docs/publishing.md has the "
            "forms; repeatable",
            [&flags](std::string_view text, std::string_view flag) {
              return take_publication(flags.publications, text, flag);
            });
  bind_each(app, "--route", "[HOST]/PREFIX=SERVICE[,strip]",
            "send requests for that host and path to that service; strip removes the prefix; "
            "repeatable",
            [&flags](std::string_view text, std::string_view flag) -> Result<> {
              auto route = wire::parse_route_flag(text, flag);
              if (!route) return route.error();
              flags.routes.push_back(std::move(*route));
              return {};
            });
  bind_each(app, "--service", "NAME:KEY=VALUE",
            "a setting of that service, which takes precedence over the flag for all services; the "
            "settings are listed below; repeatable",
            [&flags](std::string_view text, std::string_view flag) -> Result<> {
              const auto named = wire::parse_service_flag(text, flag);
              if (!named) return named.error();
              return set_of_service(flags, named->service, named->setting, flag);
            });
  bind_each(app, "--vip", "ADDRESS/LEN@INTERFACE",
            "an address that this machine has while this master leads; the same at all masters; "
            "repeatable; needs CAP_NET_ADMIN and CAP_NET_RAW",
            [&flags](std::string_view text, std::string_view flag) -> Result<> {
              auto vip = parse_vip(text, flag);
              if (!vip) return vip.error();
              flags.vips.push_back(std::move(*vip));
              return {};
            });
  bind_number(app, "--threads", "number of forwarding loops; by default one for each core",
              flags.forward.threads, {1, threads_max})
      ->default_str("");  // not the same everywhere
  bind_balance(app, flags);
  bind_value(app, "--standby-traffic", "forward|redirect|refuse|serve",
             "what a standby does with client requests: forward them to the primary, "
             "redirect (307), refuse (503), or serve them by itself while the primary grants it",
             [&flags](std::string_view text, std::string_view flag) -> Result<> {
               const auto traffic = parse_standby_traffic(text, flag);
               if (!traffic) return traffic.error();
               flags.forward.standby_traffic = *traffic;
               return {};
             })
      ->default_str("forward");
  bind_forwarding(app, flags);
  bind_networks(app, "--worker-network",
                "where workers that register must be; repeatable; by default anywhere",
                flags.worker_networks);
  bind_clients(app, flags);
  bind_duration(app, "--worker-heartbeat",
                "how often workers send heartbeats; after three missed ones a worker is down",
                flags.worker_heartbeat,
                {limits::heartbeat_interval_min, limits::heartbeat_interval_max});
  bind_duration(app, "--forget-after", "how long a worker may be down before it is forgotten",
                flags.forget_after, {1s, 720h});
  bind_duration(app, "--drain-timeout", "how long requests in flight may take after SIGTERM",
                flags.drain_timeout, {0s, 1h});
  tandem::tls::bind_cluster_files(app, flags.cluster);
  tandem::tls::bind_insecure_network(app, flags.insecure_network);
  bind_text(app, "--tokens-file", "FILE.toml",
            "who may do what at the control address: entries that `tandem token new` prints; read "
            "again at SIGHUP",
            flags.tokens_file);
  bind_text(app, "--token-file", "FILE",
            "file with the token that this master presents to the others; without --tokens-file "
            "all callers of the control address must present it, and may do everything",
            flags.token_file);
  bind_access_log(app, flags.access_log);
  bind_tracing(app, flags.tracing);
  bind_log_level(app, flags.log_level);
  bind_log_format(app, flags.log_format);
}

}  // namespace

MasterFlags::MasterFlags() {
  forward.threads = std::clamp(std::thread::hardware_concurrency(), 1u, threads_max);
  forward.memory = usable_memory() / 2;
  forward.services.policy = wire::PolicyName::p2c;
}

namespace {

// What follows from several flags, once all of them were read.
void derive_options(MasterFlags& flags) {
  auto& forward = flags.forward;
  auto& timeouts = forward.services.requests.timeouts;
  timeouts.body_idle = timeouts.client_idle;
  for (const auto& vip : flags.vips) forward.moving_addresses.push_back(vip.address());
  for (auto& address : forward.listen) {
    address.binds_absent = is_among(flags.vips, address.endpoint.host);
  }
  if (flags.listen_inner) {
    forward.inner = ListenAddress{
        .endpoint = *flags.listen_inner, .tls = flags.cluster.is_given(), .inner = true};
  }
  // A standby passes on what its clients ask for.
  for (const auto& [name, peer] : flags.peers) {
    const auto address = parse_address_range(peer.host, "--peer");
    if (address) forward.uncounted_clients.push_back(*address);
  }
}

std::vector<std::string> complete(MasterFlags& flags, bool is_check) {
  if (flags.coordinator) {
    flags.forward.takeover_wait = coordinator_takeover_wait(flags.timing);
  }
  flags.control_name = flags.control.host;
  auto& listen = flags.forward.listen;
  flags.listens_by_default = listen.empty();
  if (listen.empty()) listen.push_back({.endpoint = {"127.0.0.1", 8080}});
  // The plain ones first.
  std::stable_partition(listen.begin(), listen.end(),
                        [](const auto& address) { return !address.tls; });
  std::vector<std::string> errors;
  const auto resolve_or_note = [&](Endpoint& address, std::string_view flag) {
    if (auto resolved = resolve_in_place(address, flag, flags.resolved); !resolved) {
      errors.push_back(resolved.error().message);
    }
  };
  for (auto& address : listen) resolve_or_note(address.endpoint, address.flag());
  if (flags.listen_inner) resolve_or_note(*flags.listen_inner, "--listen-inner");
  resolve_or_note(flags.control, "--control");
  for (auto& error : contradictions(flags)) errors.push_back(std::move(error));
  if (is_check) {
    for (auto& error : check_files(flags)) errors.push_back(std::move(error));
  }
  derive_options(flags);
  return errors;
}

}  // namespace

CommandLineReading parse_flags(int argc, const char* const* argv, MasterFlags& flags) {
  CLI::App app("Forwards client requests to the workers of a Tandem cluster.", "tandem-master");
  bind(app, flags);
  app.footer(wire::settings_help());
  FlagRules rules{.tables = {{.flag = "--service",
                              .parser =
                                  [&flags](std::string_view name, std::string_view key,
                                           std::string_view value, std::string_view table) {
                                    return set_of_service(flags, name,
                                                          fmt::format("{}={}", key, value), table);
                                  }}},
                  .contradictions = [&flags](bool is_check) { return complete(flags, is_check); },
                  .is_configured = true,
                  .file_footer = wire::settings_as_table(),
                  .remark = when_changed};
  for (const auto& setting : wire::setting_help()) {
    rules.tables.front().members.push_back(setting.key);
  }
  return read_command_line(app, argc, argv, rules);
}

std::optional<int> read_flags(int argc, const char* const* argv, MasterFlags& flags) {
  return report(parse_flags(argc, argv, flags), "tandem-master");
}

}  // namespace tandem::master
