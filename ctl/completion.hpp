// completion.hpp: `tandem completion bash|zsh`: a script by which a shell completes the words of
// commands and their flags, made of the commands as they are declared. Pure.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace tandem::ctl {

std::string bash_completion(const CLI::App& app);
std::string zsh_completion(const CLI::App& app);

}  // namespace tandem::ctl
