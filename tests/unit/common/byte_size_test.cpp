#include <catch2/catch.hpp>

#include "common/base/byte_size.hpp"

namespace tandem::byte_size_test {

TEST_CASE("sizes are numbers of bytes, or of 1024, its square or its cube of them") {
  CHECK(*parse_byte_size("0", "x") == 0);
  CHECK(*parse_byte_size("4096", "x") == 4096);
  CHECK(*parse_byte_size("64k", "x") == 64 * 1024);
  CHECK(*parse_byte_size("3M", "x") == 3 * 1024 * 1024);
  CHECK(*parse_byte_size("2g", "x") == 2ull * 1024 * 1024 * 1024);
  CHECK(*parse_byte_size("17179869183g", "x") == 17179869183ull << 30);
}

TEST_CASE("what is no size is refused with a sentence that names the flag") {
  for (const auto* text : {"", "k", "-1", "1.5m", "1 k", "1kb", "1t", "18446744073709551616",
                           "17179869184g", "0x10"}) {
    INFO(text);
    const auto parsed = parse_byte_size(text, "--memory");
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().message.find("--memory must be a number of bytes") == 0);
  }
}

}  // namespace tandem::byte_size_test
