// limits.hpp: the limits of what is measured.
#pragma once

#include <cstddef>

namespace tandem::limits {

// Services that are counted apart, per loop and process; what comes later counts as "other", so
// that neither memory nor a scrape grows with names that come and go.
inline constexpr std::size_t measured_services_max = 256;

// Points of the history, one a second: a quarter of an hour, which a person looks back over.
inline constexpr std::size_t history_seconds = 900;

}  // namespace tandem::limits
