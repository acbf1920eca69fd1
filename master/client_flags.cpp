#include "master/client_flags.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "common/base/byte_size.hpp"
#include "common/base/command_line.hpp"
#include "common/wire/limits.hpp"
#include "master/forward/http/hsts.hpp"
#include "master/forward/plane/limits.hpp"
#include "master/forward/tls/limits.hpp"

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

void bind_listens(CLI::App& app, MasterFlags& flags) {
  const auto bind_addresses = [&](const std::string& flag, const std::string& help, bool tls) {
    bind_each(app, flag, "HOST:PORT", help,
              [&flags, tls](std::string_view text, std::string_view named) -> Result<> {
                auto endpoint = parse_endpoint(text, named);
                if (!endpoint) return endpoint.error();
                flags.forward.listen.push_back({.endpoint = std::move(*endpoint), .tls = tls});
                return {};
              });
  };
  bind_addresses(
      "--listen",
      "where clients are served; repeatable; by default 127.0.0.1:8080, or nowhere if "
      "there is a --listen-tls. The other masters pass requests on to the first, unless there "
      "is a --listen-inner",
      false);
  bind_addresses("--listen-tls", "where clients are served that speak TLS; repeatable", true);
  bind_value(app, "--listen-inner", "HOST:PORT",
             "where the other masters pass their clients' requests on to this one, over TLS where "
             "there is a --cluster-cert, and for masters alone; nobody else is believed to be one "
             "then, at any address. By default they come to the first --listen, in clear",
             [&flags](std::string_view text, std::string_view flag) -> Result<> {
               auto endpoint = parse_endpoint(text, flag);
               if (!endpoint) return endpoint.error();
               flags.listen_inner = std::move(*endpoint);
               return {};
             });
  bind_each(app, "--tls", "CERTIFICATE.pem,KEY.pem",
            "a certificate with its chain, and its key; repeatable: a client is shown the one for "
            "the host that it asks for, by the names in it, else the first. Read again at SIGHUP "
            "and by POST /v1/certificates/reload",
            [&flags](std::string_view text, std::string_view flag) -> Result<> {
              auto files = tls::parse_certificate_files(text, flag);
              if (!files) return files.error();
              flags.certificates.push_back(std::move(*files));
              return {};
            });
  bind_text(app, "--client-ca", "FILE.pem",
            "authorities whose certificates clients are asked for; workers are told of them in "
            "X-Forwarded-Client-Cert. Read again with those of --tls",
            flags.client_authority.file);
  bind_choice(app, "--client-certificate",
              "whether clients must have a certificate of --client-ca: required or optional; see "
              "the setting client_certificate of services and routes",
              flags.client_authority.required, {"required", true}, {"optional", false})
      ->needs("--client-ca");
  bind_switch(
      app, "--redirect-to-https",
      "clients that come without TLS are sent to https at the same host, at the port of the "
      "first --listen-tls: 301 for GET and HEAD, else 308. What a trusted proxy had by "
      "https is served",
      flags.forward.redirects_to_https);
  bind_value(app, "--hsts", "max-age=SECONDS[; includeSubDomains][; preload]",
             "Strict-Transport-Security of answers to https, where a worker sends none itself: "
             "browsers come by https for so long",
             [&flags](std::string_view text, std::string_view flag) -> Result<> {
               auto hsts = parse_hsts(text, flag);
               if (!hsts) return hsts.error();
               flags.forward.hsts = std::move(*hsts);
               return {};
             });
  bind_text(app, "--acme-webroot", "DIR",
            "where certbot and others lay their answers: /.well-known/acme-challenge/ is served "
            "from there to clients that come without TLS, also with --redirect-to-https",
            flags.forward.acme_webroot);
  bind_duration(app, "--ticket-key-interval",
                "how long each key of TLS session tickets encrypts; sessions are resumed for two "
                "intervals after that, at every master; give all masters the same",
                flags.ticket_key_interval, {1s, Duration(limits::ticket_key_interval_max)});
}

std::vector<std::string> check_tls(const MasterFlags& flags) {
  std::vector<std::string> errors;
  const auto& listen = flags.forward.listen;
  const bool is_tls =
      std::any_of(listen.begin(), listen.end(), [](const auto& address) { return address.tls; });
  if (!is_tls && !flags.certificates.empty()) {
    errors.push_back("--tls needs a --listen-tls: there is nowhere to show the certificate");
  }
  if (is_tls && flags.certificates.empty()) {
    errors.push_back("--listen-tls needs a --tls CERTIFICATE.pem,KEY.pem");
  }
  if (flags.certificates.size() > limits::certificates_max) {
    errors.push_back(fmt::format("--tls can be given {} times at most", limits::certificates_max));
  }
  if (!flags.client_authority.file.empty() && !is_tls) {
    errors.push_back("--client-ca needs a --listen-tls: clients have certificates there alone");
  }
  const bool may_be_https = is_tls || !flags.forward.trusted_proxies.empty();
  if (flags.forward.redirects_to_https && !may_be_https) {
    errors.push_back(
        "--redirect-to-https needs a --listen-tls, or a --trusted-proxy that speaks TLS: there is "
        "nowhere to send clients");
  }
  if (!flags.forward.hsts.empty() && !may_be_https) {
    errors.push_back("--hsts needs a --listen-tls, or a --trusted-proxy that speaks TLS");
  }
  const auto& webroot = flags.forward.acme_webroot;
  std::error_code ignored;
  if (!webroot.empty() && !std::filesystem::is_directory(webroot, ignored)) {
    errors.push_back(fmt::format("--acme-webroot: {} is not a directory", webroot));
  }
  return errors;
}

void bind_clients(CLI::App& app, MasterFlags& flags) {
  bind_value(
      app, "--min-body-rate", "BYTES[k|m|g]",
      "the lowest average rate, per second, at which a client must send or take a body, "
      "measured after ten seconds of waiting; a slower client gets 408 or is disconnected; 0: no "
      "limit",
      [&flags](std::string_view text, std::string_view flag) -> Result<> {
        const auto rate = parse_byte_size(text, flag);
        if (!rate) return rate.error();
        flags.forward.services.requests.timeouts.pace.bytes_per_s = *rate;
        return {};
      })
      ->default_str("1k");
  bind_duration(
      app, "--body-timeout",
      "how long, in all, a client is waited for while it sends a body (then 408) or takes "
      "one; 0s: no limit",
      flags.forward.services.requests.timeouts.pace.whole, {0s, 720h});
  bind_number(
      app, "--client-connections",
      "how many connections one client address may have at once, IPv6 by its first 64 bits, "
      "trusted proxies excepted; more are closed; 0: no limit",
      flags.forward.connections_per_client, {0, limits::client_connections_settable_max});
  bind_value(
      app, "--memory", "BYTES[k|m|g]",
      "memory for the buffers of clients and workers; when it runs out, idle clients are "
      "disconnected, and then new requests are answered 503; default: half of what the machine "
      "or its control group has, or a third of what ulimit leaves; 0: no limit",
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
