#include "common/base/printable.hpp"

#include <catch2/catch.hpp>

namespace tandem::printable_test {

TEST_CASE("what a terminal takes for a command is written out, all else stays") {
  CHECK(printable("plain text, ü, 語, 🚲") == "plain text, ü, 語, 🚲");
  CHECK(printable("a\x1b[2Jb") == "a\\x1b[2Jb");
  CHECK(printable("two\nlines\r\t") == "two\\x0alines\\x0d\\x09");
  CHECK(printable("\x7f") == "\\x7f");
  CHECK(printable("\xc2\x9b"
                  "2J") == "\\xc2\\x9b2J");
  CHECK(printable("\xff\xc3") == "\\xff\\xc3");
  CHECK(printable({"\0", 1}) == "\\x00");
  CHECK(printable("").empty());
}

}  // namespace tandem::printable_test
