#include "common/base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace tandem {

void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: expected: %s\n", file, line, expression);
  std::fflush(stderr);
  std::abort();
}

}  // namespace tandem
