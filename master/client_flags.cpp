#include "master/client_flags.hpp"

#include <CLI/CLI.hpp>

#include "common/base/byte_size.hpp"
#include "common/base/command_line.hpp"

namespace tandem::master {

void bind_clients(CLI::App& app, MasterFlags& flags) {
  bind_value(app, "--min-body-rate", "BYTES[k|m|g]",
             "a second, that a client sends or takes of a body at least, on average once it was "
             "waited for ten seconds; a slower one gets 408, or is cut; default 1k, 0: any",
             [&flags](std::string_view text, std::string_view flag) -> Result<> {
               const auto rate = parse_byte_size(text, flag);
               if (!rate) return rate.error();
               flags.timeouts.pace.bytes_per_s = *rate;
               return {};
             });
  bind_duration(app, "--body-timeout",
                "a client is waited for so long in all, while it sends a body (408) or takes one; "
                "0s: as long as it is fast enough",
                flags.timeouts.pace.whole, {0s, 720h});
}

}  // namespace tandem::master
