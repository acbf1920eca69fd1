#include "common/base/limits.hpp"
#include "common/base/token_file.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

namespace tandem::token_file_test {
namespace {

// What is read from a file with this content and these rights; the error's message if it is
// refused.
std::string read(const std::string& content, mode_t rights = 0600) {
  auto path = (std::filesystem::temp_directory_path() / "tandem-XXXXXX").string();
  ::close(::mkstemp(path.data()));
  std::ofstream(path) << content;
  ::chmod(path.c_str(), rights);
  const auto token = read_token_file(path, "--token-file");
  std::filesystem::remove(path);
  return token.ok() ? *token : token.error().message;
}

}  // namespace

TEST_CASE("a token is read without the white space around it") {
  CHECK(read("0123456789abcdef\n") == "0123456789abcdef");
  CHECK(read(" AZaz09-._~+/=xxx\r\n") == "AZaz09-._~+/=xxx");
  const std::string longest(limits::token_bytes_max, 'x');
  CHECK(read(longest + "\n") == longest);
  CHECK(bearer("abc") == "Bearer abc");
}

TEST_CASE("a token that is too short, too long or no token is refused without being quoted") {
  for (const auto& content :
       {std::string(), std::string("\n"), std::string("0123456789abcde"),
        std::string(limits::token_bytes_max + 1, 'x'), std::string(1'000'000, 'x'),
        std::string("0123456789 abcdef"), std::string("0123456789abcdef\nsecond"),
        std::string("0123456789\xc3\xa9"
                    "abcdef")}) {
    const auto message = read(content);
    INFO(message);
    CHECK(message.find("--token-file: ") == 0);
    CHECK(message.find("must hold") != std::string::npos);
    CHECK(message.find("0123456789") == std::string::npos);
  }
}

TEST_CASE("a token file that others can read, or that is no file, is refused") {
  for (const int mode : {0644, 0604, 0602, 0601}) {
    CHECK(read("0123456789abcdef\n", mode).find("can be read by other users") != std::string::npos);
  }
  // As secrets are mounted in a container for a group (fsGroup of Kubernetes).
  for (const int mode : {0600, 0400, 0640, 0440}) {
    CHECK(read("0123456789abcdef\n", mode) == "0123456789abcdef");
  }
  CHECK(read_token_file("/", "--token-file").error().message.find("is not a regular file") !=
        std::string::npos);
  CHECK(read_token_file("/nonexistent", "--token-file").error().field == "--token-file");
}

}  // namespace tandem::token_file_test
