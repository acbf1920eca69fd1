// config_filler.hpp: fills the flags that the command line did not give from the file of --config.
//
// CLI11 calls from_config() after it has read the command line and before it checks for required
// flags: the moment to fill in flags that were not given. Everything is done here, so that errors
// can name the line; all errors of the file are collected before one is thrown.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/command_line.hpp"
#include "common/base/configuration.hpp"

namespace CLI {
class Config;
}

namespace tandem {

struct ConfigFilled {
  std::vector<std::string> errors;  // each a sentence that begins with FILE:LINE
  ConfigOrigins origins;
};

// What CLI11 is to be given as the reader of the file. It throws CLI::ConfigError if there are
// errors. `app` and `filled` outlive it.
std::shared_ptr<CLI::Config> config_filler(CLI::App& app, std::vector<ConfigTable> tables,
                                           ConfigFilled& filled);

}  // namespace tandem
