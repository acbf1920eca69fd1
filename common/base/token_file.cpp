#include "common/base/token_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "common/base/limits.hpp"

namespace tandem {

namespace {

constexpr std::string_view white_space = " \t\r\n";
// RFC 6750 §2.1: b64token.
constexpr std::string_view token_characters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(white_space);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(white_space) - begin + 1);
}

// Returns the content. An error's message is the reason, without the flag and the path.
Result<std::string> read_private(int file) {
  struct stat about {};
  if (file < 0 || ::fstat(file, &about) != 0) {
    return fail(ErrorCode::io, fmt::format("cannot be read: {}", std::strerror(errno)));
  }
  if (!S_ISREG(about.st_mode)) return invalid("is not a regular file");
  if ((about.st_mode & 077) != 0) return invalid("can be read by other users: chmod 600 it");
  // More than a token and a line end.
  std::string content(limits::token_bytes_max + 3, '\0');
  const auto size = ::pread(file, content.data(), content.size(), 0);
  if (size < 0) return fail(ErrorCode::io, fmt::format("cannot be read: {}", std::strerror(errno)));
  content.resize(static_cast<std::size_t>(size));
  return content;
}

}  // namespace

Result<std::string> read_token_file(const std::string& path, std::string_view field) {
  const auto refuse = [&](std::string_view why) {
    return invalid(fmt::format("{}: {} {}", field, path, why), std::string(field));
  };
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  const auto content = read_private(file);
  if (file >= 0) ::close(file);
  if (!content.ok()) return refuse(content.error().message);
  const auto token = trimmed(*content);
  if (token.size() < limits::token_bytes_min || token.size() > limits::token_bytes_max) {
    return refuse(fmt::format("must hold a token of {} to {} characters", limits::token_bytes_min,
                              limits::token_bytes_max));
  }
  if (token.find_first_not_of(token_characters) != token.npos) {
    return refuse("must hold one token of the characters A-Z a-z 0-9 - . _ ~ + / =");
  }
  return std::string(token);
}

std::string bearer(std::string_view token) { return fmt::format("Bearer {}", token); }

}  // namespace tandem
