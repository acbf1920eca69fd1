// flags.hpp: the command line of tandem-worker.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/endpoint.hpp"
#include "common/base/logging.hpp"
#include "common/base/time.hpp"
#include "common/tls/credentials.hpp"
#include "common/wire/service_settings.hpp"
#include "tandem/worker.hpp"

namespace tandem {

struct WorkerFlags {
  std::string name;  // empty: the machine's name and the port
  std::string service = "default";
  std::vector<Endpoint> masters;  // control addresses; 127.0.0.1:7070 when none was given
  Endpoint listen{"127.0.0.1", 0};
  std::string serve;               // a directory of static files; empty: the demo handler
  bool dotfiles = false;           // with `serve`: also serve names that begin with a dot
  std::optional<Endpoint> target;  // a service that runs elsewhere: nothing is listened on
  std::string state_dir;
  std::optional<Endpoint> witness_listen;
  std::string token_file;
  tls::ClusterFiles cluster;
  bool insecure_network = false;
  std::optional<Endpoint> advertise;
  unsigned weight = 100;
  unsigned connections = 64;       // 256 for a target, unless given
  wire::ServiceSettings checks{};  // of a target; settings of its service take precedence
  Duration drain_timeout;
  LogLevel log_level = LogLevel::info;
  LogFormat log_format = LogFormat::text;

  WorkerFlags();
  std::vector<std::string> master_addresses() const;
  ClusterCertificate cluster_certificate() const;
};

// Fills `flags`. Returns the exit status if the program must end now; the message has been printed
// already.
std::optional<int> read_flags(int argc, const char* const* argv, WorkerFlags& flags);

}  // namespace tandem
