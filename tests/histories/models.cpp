#include "tests/histories/models.hpp"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace tandem::test {

namespace {

// The first word, and the rest.
std::pair<std::string, std::string> split(const std::string& text) {
  const auto space = text.find(' ');
  if (space == std::string::npos) return {text, {}};
  return {text.substr(0, space), text.substr(space + 1)};
}

std::optional<std::string> only_if(bool holds, const std::string& state) {
  return holds ? std::optional(state) : std::nullopt;
}

}  // namespace

std::optional<std::string> worker_model(const std::string& state, const std::string& what) {
  const auto [action, argument] = split(what);
  const bool is_there = state != nothing;
  if (action == "is" && argument != "drained" && argument != "open") {
    return only_if(state == argument, state);
  }
  if (action == "add") return only_if(!is_there, fmt::format("{} 100 open", argument));
  if (action == "absent") return only_if(!is_there, state);
  if (!is_there) return std::nullopt;
  const auto [address, rest] = split(state);
  const auto [weight, condition] = split(rest);
  if (action == "remove") return nothing;
  if (action == "drain") return fmt::format("{} {} drained", address, weight);
  if (action == "undrain") return fmt::format("{} {} open", address, weight);
  if (action == "weight") return fmt::format("{} {} {}", address, argument, condition);
  if (action == "exists") return state;
  if (action == "is") return only_if(condition == argument, state);
  if (action == "has") return only_if(address + ' ' + weight == argument, state);
  throw std::invalid_argument("no operation on a worker: " + what);
}

std::optional<std::string> value_model(const std::string& state, const std::string& what) {
  const auto [action, argument] = split(what);
  if (action == "set") return argument;
  if (action == "unset") return nothing;
  if (action == "remove") return only_if(state != nothing, nothing);
  if (action == "absent") return only_if(state == nothing, state);
  if (action == "is") return only_if(state == argument, state);
  throw std::invalid_argument("no operation on a value: " + what);
}

}  // namespace tandem::test
