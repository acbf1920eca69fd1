// recording.hpp: whether requests are counted and timed. They are: bench/recording alone builds a
// master that does not (cmake -DTANDEM_RECORDING=OFF), to measure what it costs.
//
// For sources alone: in a header, the two would differ between libraries.
#pragma once

namespace tandem::master::metrics {

#ifdef TANDEM_WITHOUT_RECORDING
constexpr bool recording = false;
#else
constexpr bool recording = true;
#endif

}  // namespace tandem::master::metrics
