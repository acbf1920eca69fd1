#include "common/tls/flags.hpp"

#include "common/access/last_day.hpp"
#include "common/base/command_line.hpp"

namespace tandem::tls {

void bind_cluster_files(CLI::App& app, ClusterFiles& files) {
  bind_text(app, "--cluster-ca", "FILE",
            "certificates of the cluster's authority, as `tandem ca init` makes them: what goes to "
            "control addresses is encrypted, and both sides prove who they are",
            files.authority);
  bind_text(app, "--cluster-cert", "FILE",
            "the own certificate in the cluster, as `tandem ca issue` makes it", files.certificate);
  bind_text(app, "--cluster-key", "FILE", "its key, to which other users have no right", files.key);
  bind_text(app, "--cluster-revoked", "FILE",
            "who is believed no more, though its certificate is valid: SHA-256 of public keys, as "
            "`tandem ca show` prints them, one on a line",
            files.revoked);
}

void bind_insecure_network(CLI::App& app, bool& is_allowed) {
  bind_switch(app, "--insecure-network",
              "what members of the cluster say to each other, tokens too, may go in clear text "
              "beyond this machine: where the network is all yours",
              is_allowed);
}

Result<CurrentCredentialsPtr> load_if_given(const ClusterFiles& files, OutOfTime out_of_time) {
  if (auto valid = files.validate(); !valid) return valid.error();
  if (!files.is_given()) return CurrentCredentialsPtr();
  auto loaded = ClusterCredentials::load(files, access::wall_time(), out_of_time);
  if (!loaded) return loaded.error();
  return std::make_shared<CurrentCredentials>(std::move(*loaded));
}

}  // namespace tandem::tls
