// source_spec.hpp: a registry of others from which a master reads the instances of a service, as
// --discover says it. A value.
//
//   SERVICE=KIND:[https://]HOST:PORT[,HOST:PORT]...[/NAME][,KEY=VALUE]...
//
//   web=consul:127.0.0.1:8500                                   the service web of a Consul agent
//   web=etcd:10.0.0.1:2379,10.0.0.2:2379/shop/web               keys that begin with shop/web/
//   web=consul:https://consul:8501/shop,ca=ca.pem,token=FILE    with TLS and a token
//   web=zookeeper:10.0.0.1:2181,10.0.0.2:2181/services/web      the nodes below /services/web
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"

namespace tandem::master {

struct SourceSpec {
  enum class Kind { consul, etcd, zookeeper };

  std::string text;     // as it was written
  std::string service;  // here
  Kind kind = Kind::consul;
  std::vector<Endpoint> servers;  // not empty
  std::string name;  // there: of a service in Consul, of keys in etcd, of a node in ZooKeeper
  bool tls = false;
  // Files; empty: there is none.
  std::string authority{};    // ca: whose certificates count; empty: those of the system
  std::string certificate{};  // cert, key: shown to the server
  std::string key{};
  std::string token{};     // of Consul
  std::string tag{};       // of Consul: only instances with it; empty: all
  std::string user{};      // of etcd and ZooKeeper; empty: nobody has to say who it is
  std::string password{};  // the file

  bool has_secret() const { return !token.empty() || !password.empty(); }
  // Everything of it counts: one that was changed is another one.
  friend bool operator==(const SourceSpec&, const SourceSpec&) = default;
};

std::string_view to_string(SourceSpec::Kind kind);

inline constexpr std::string_view source_form =
    "SERVICE=consul|etcd|zookeeper:[https://]HOST:PORT[,HOST:PORT]...[/NAME][,KEY=VALUE]...";

// Errors: `invalid`, beginning with `field`.
Result<SourceSpec> parse_source(std::string_view text, std::string_view field);

// Which etcd coordinates the masters, as --coordinator says it: `service` and `name` are empty.
//   etcd=[https://]HOST:PORT[,HOST:PORT]...[,KEY=VALUE]...
// Errors: `invalid`, beginning with `field`.
Result<SourceSpec> parse_coordinator(std::string_view text, std::string_view field);

// Whether secrets would be sent in clear text to another machine. Errors: `invalid`, naming `flag`.
Result<> check_secrets(const SourceSpec& spec, std::string_view flag = "--discover");

}  // namespace tandem::master
