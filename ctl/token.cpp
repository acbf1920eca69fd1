#include "ctl/token.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace tandem::ctl {

namespace {

// A token that is there is not overwritten: somebody uses it.
Result<> write_token(const std::string& file, const std::string& token) {
  const auto refuse = [&](int cause) {
    return fail(ErrorCode::io, fmt::format("--out: {}: {}", file, std::strerror(cause)));
  };
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return refuse(errno);
  const auto line = token + '\n';
  const auto size = static_cast<ssize_t>(line.size());
  const bool is_written = ::write(fd, line.data(), line.size()) == size && ::fsync(fd) == 0;
  const int cause = errno;
  ::close(fd);
  if (is_written) return {};
  ::unlink(file.c_str());
  return refuse(cause);
}

}  // namespace

Result<std::string> new_token(const access::EntryText& entry, const std::string& file,
                              Format format) {
  const auto token = access::new_token();
  auto text = token_entry(entry, token, format);
  if (!text) return text;
  if (!file.empty()) {
    if (const auto written = write_token(file, token); !written) return written.error();
    return text;
  }
  if (format == Format::json) {
    auto document = nlohmann::ordered_json::parse(*text);
    document["token"] = token;
    return document.dump();
  }
  return fmt::format(
      "The token, which is shown this once; it goes into a file with mode 0600, for --token-file:\n"
      "\n{}\n\nIts entry in the --tokens-file of each master:\n\n{}",
      token, *text);
}

Result<std::string> token_entry(const access::EntryText& entry, const std::string& token,
                                Format format) {
  const auto hash = access::hash_of(token);
  auto text = access::write_entry(entry, hash);
  if (!text || format == Format::tables) return text;
  const nlohmann::ordered_json document{
      {"name", entry.name}, {"role", to_string(entry.role)}, {"sha256", hash}, {"entry", *text}};
  return document.dump();
}

}  // namespace tandem::ctl
