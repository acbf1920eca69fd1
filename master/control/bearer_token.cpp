#include "master/control/bearer_token.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/base/limits.hpp"

namespace tandem::master {

namespace {

constexpr std::string_view flag = "--token-file";
constexpr std::string_view white_space = " \t\r\n";
// RFC 6750 §2.1: b64token.
constexpr std::string_view token_characters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";

Error bad_file(const std::filesystem::path& path, std::string_view why) {
  return invalid(fmt::format("{}: {} {}", flag, path.string(), why), std::string(flag));
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(white_space);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(white_space) - begin + 1);
}

Result<std::string> read_private_file(int fd, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return bad_file(path, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return bad_file(path, "is no regular file");
  if ((status.st_mode & 077) != 0) {
    return bad_file(path, fmt::format("can be read by others: chmod 600 {}", path.string()));
  }
  // One byte more than a token with its line's end may have shows that it is too long.
  std::string content(limits::token_bytes_max + 3, '\0');
  const auto got = ::pread(fd, content.data(), content.size(), 0);
  if (got < 0) return bad_file(path, std::strerror(errno));
  content.resize(static_cast<std::size_t>(got));
  return content;
}

// Looks at every byte whatever differs.
bool equal_in_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  volatile unsigned char difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference = static_cast<unsigned char>(difference | (a[i] ^ b[i]));
  }
  return difference == 0;
}

bool is_bearer(std::string_view scheme) {
  constexpr std::string_view expected = "bearer";
  return std::equal(scheme.begin(), scheme.end(), expected.begin(), expected.end(),
                    [](char c, char lower) { return (c | 0x20) == lower; });
}

}  // namespace

Result<BearerToken> BearerToken::load(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return bad_file(path, fmt::format("cannot be read: {}", std::strerror(errno)));
  const auto content = read_private_file(fd, path);
  ::close(fd);
  if (!content) return content.error();
  const auto token = trimmed(*content);
  if (token.size() < limits::token_bytes_min || token.size() > limits::token_bytes_max) {
    return bad_file(path, fmt::format("must hold a token of {} to {} characters",
                                      limits::token_bytes_min, limits::token_bytes_max));
  }
  if (token.find_first_not_of(token_characters) != token.npos) {
    return bad_file(path, "must hold one token of the characters A-Z a-z 0-9 - . _ ~ + / =");
  }
  return BearerToken(std::string(token));
}

bool BearerToken::admits(std::string_view authorization) const {
  const auto space = authorization.find(' ');
  if (space == authorization.npos || !is_bearer(authorization.substr(0, space))) return false;
  return equal_in_constant_time(trimmed(authorization.substr(space)), token_);
}

}  // namespace tandem::master
