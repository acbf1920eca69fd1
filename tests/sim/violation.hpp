// violation.hpp: a broken invariant, which ends the history of its seed.
#pragma once

#include <stdexcept>
#include <string>

namespace tandem::sim {

class Violation : public std::runtime_error {
 public:
  explicit Violation(const std::string& what) : std::runtime_error(what) {}
};

}  // namespace tandem::sim
