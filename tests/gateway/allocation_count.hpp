// allocation_count.hpp: counts what the forwarding loops take from the heap.
//
// malloc and its relatives are replaced in the test program that links allocation_count.cpp
// (operator new calls malloc). Only threads named forward-* are counted: the test's client and
// origin share the process.
#pragma once

#include <cstddef>
#include <string>

namespace tandem::test {

// Forgets what was counted and counts from now on. Callable from any thread that allocates itself.
void start_counting();
// Stops, and says how many allocations there were.
std::size_t stop_counting();
// Where the first of them came from, as backtraces.
std::string allocation_sites();

}  // namespace tandem::test
