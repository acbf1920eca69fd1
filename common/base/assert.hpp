// assert.hpp: invariants that stay on in release builds.
//
// A broken invariant is a bug in this program, never bad input: it prints what was expected and
// aborts, because a node that continued could lose data that others trust it to keep.
#pragma once

namespace tandem {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);
}  // namespace tandem

#define TANDEM_ASSERT(expression)                       \
  (static_cast<bool>(expression) ? static_cast<void>(0) \
                                 : ::tandem::assertion_failed(#expression, __FILE__, __LINE__))
