// flags.hpp: the flags of the cluster's certificates, which are the same in all programs.
#pragma once

#include "common/base/result.hpp"
#include "common/tls/clear_text.hpp"
#include "common/tls/credentials.hpp"

namespace CLI {
class App;
}

namespace tandem::tls {

void bind_cluster_files(CLI::App& app, ClusterFiles& files);

// --insecure-network
void bind_insecure_network(CLI::App& app, bool& is_allowed);
inline ClearText clear_text(bool is_allowed) {
  return is_allowed ? ClearText::everywhere : ClearText::on_this_machine;
}

// Null where none are given: nothing is encrypted. Errors: `invalid`, naming the flag.
Result<CurrentCredentialsPtr> load_if_given(const ClusterFiles& files,
                                            OutOfTime out_of_time = OutOfTime::refused);

}  // namespace tandem::tls
