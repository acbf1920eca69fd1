// wait.hpp: waiting for a condition, with a deadline, instead of sleeping and hoping.
//
// The deadline is not a figure to reach, only the moment at which a test gives up: generous, for a
// machine that is busy with other things. Any thread.
#pragma once

#include <chrono>
#include <functional>

namespace tandem::e2e {

using namespace std::chrono_literals;
using Milliseconds = std::chrono::milliseconds;

inline constexpr Milliseconds patience{30'000};

// Asks until `condition` is true, every few milliseconds; false when the deadline has passed before
// that.
bool eventually(const std::function<bool()>& condition, Milliseconds deadline = patience);

}  // namespace tandem::e2e
