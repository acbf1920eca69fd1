#include <algorithm>

#include <catch2/catch.hpp>

#include "master/forward/io/record_sizes.hpp"

namespace tandem::master::record_sizes_test {
namespace {

// Sends so much; returns how large the last record was.
std::size_t send(RecordSizes& sizes, std::size_t bytes) {
  std::size_t last = 0;
  while (bytes > 0) {
    last = std::min(sizes.next(), bytes);
    sizes.sent(last);
    bytes -= last;
  }
  return last;
}

}  // namespace

TEST_CASE("records are small at first and then as large as they may be") {
  RecordSizes sizes;
  sizes.begin(Instant(5s));
  CHECK(sizes.next() == RecordSizes::small);
  CHECK(send(sizes, 10 * RecordSizes::small) == RecordSizes::small);
  CHECK(sizes.next() == RecordSizes::small);
  send(sizes, RecordSizes::small_until);
  CHECK(sizes.next() == RecordSizes::large);
  sizes.begin(Instant(5s + 900ms));
  sizes.begin(Instant(6s + 800ms));
  CHECK(sizes.next() == RecordSizes::large);
}

TEST_CASE("after a pause records are small again") {
  RecordSizes sizes;
  sizes.begin(Instant(5s));
  send(sizes, 100'000);
  sizes.begin(Instant(6s));
  CHECK(sizes.next() == RecordSizes::small);
}

}  // namespace tandem::master::record_sizes_test
