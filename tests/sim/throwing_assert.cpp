// In the simulator a broken assertion of the core is a finding like any other: it ends the history,
// not the program, so that the seed and the trace can be printed. Linked instead of
// common/base/assert.cpp.
#include "common/base/assert.hpp"
#include "tests/sim/violation.hpp"

#include <fmt/format.h>

namespace tandem {

void assertion_failed(const char* expression, const char* file, int line) {
  throw sim::Violation(fmt::format("assertion {}:{}: expected {}", file, line, expression));
}

}  // namespace tandem
