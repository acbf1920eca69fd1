// ca.hpp: `tandem ca`: the private authority of a cluster, in a directory, and the certificates
// that it issues for masters, workers and operators. No master is asked.
//
//   DIR/ca.pem         the authority's certificate: --cluster-ca of every member
//   DIR/ca.key         its key, for its owner alone: it stays where it is, on no member's machine
//   DIR/master-a.pem   the certificate of the master a, likewise worker-, operator-
//   DIR/master-a.key   its key, for its owner alone
//
// Files are PEM, as OpenSSL's tools read them.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "ctl/commands.hpp"

namespace CLI {
class App;
}

namespace tandem::ctl {

// What was given on the command line.
struct CaFlags {
  CLI::App* init = nullptr;
  CLI::App* issue = nullptr;
  CLI::App* show = nullptr;
  std::string path;  // the directory; of `show` a certificate's file
  std::string cluster;
  std::string master;
  std::string worker;
  std::string operator_;
  std::vector<std::string> addresses;  // numeric, and names
  std::vector<std::string> services;
  bool witness = false;
  std::string role;
  unsigned authority_days = 3650;
  unsigned days = 365;
  bool force = false;  // files that are there are replaced
};

void add_ca_commands(CLI::App& app, CaFlags& flags);
bool is_ca_command(const CaFlags& flags);

// The command that was given, as the text that it prints. Errors: `invalid`, of what was asked for;
// `io`, naming the file.
Result<std::string> run_ca(const CaFlags& flags, Format format);

}  // namespace tandem::ctl
