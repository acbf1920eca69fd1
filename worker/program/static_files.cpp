#include "worker/program/static_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <httplib.h>

#include "worker/program/ranged_content.hpp"

namespace tandem {

namespace {

constexpr std::array<std::pair<std::string_view, const char*>, 28> types{{
    {"avif", "image/avif"},
    {"css", "text/css; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"gif", "image/gif"},
    {"gz", "application/gzip"},
    {"htm", "text/html; charset=utf-8"},
    {"html", "text/html; charset=utf-8"},
    {"ico", "image/x-icon"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"md", "text/markdown; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"txt", "text/plain; charset=utf-8"},
    {"wasm", "application/wasm"},
    {"wav", "audio/wav"},
    {"webm", "video/webm"},
    {"webp", "image/webp"},
    {"woff2", "font/woff2"},
    {"xml", "application/xml"},
    {"zip", "application/zip"},
}};

const char* type_of(std::string_view path) {
  const auto name = path.substr(path.rfind('/') + 1);
  const auto dot = name.rfind('.');
  if (dot != name.npos) {
    for (const auto& [extension, type] : types) {
      if (name.substr(dot + 1) == extension) return type;
    }
  }
  return "application/octet-stream";
}

// An open file, closed with its last copy.
using File = std::shared_ptr<const int>;

// The regular file at `path` if it lies below `root`, else null.
File open_below(const std::string& root, const std::string& path) {
  if (path.find('\0') != path.npos) return nullptr;
  // Not blocking: a pipe would wait for a writer.
  const int number = ::open((root + path).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (number < 0) return nullptr;
  File file(new int(number), [](const int* open) {
    ::close(*open);
    delete open;
  });
  // Where the kernel says it is, after all dots and links.
  char real[PATH_MAX];
  const auto size = ::readlink(fmt::format("/proc/self/fd/{}", number).c_str(), real, sizeof real);
  if (size <= 0 ||
      !std::string_view(real, static_cast<std::size_t>(size)).starts_with(root + "/")) {
    return nullptr;
  }
  struct stat about {};
  if (::fstat(number, &about) != 0 || !S_ISREG(about.st_mode)) return nullptr;
  return file;
}

void send_file(const std::string& root, const httplib::Request& request,
               httplib::Response& response) {
  auto path = request.path;
  if (path.ends_with('/')) path += "index.html";
  struct stat about {};
  auto file = path.starts_with('/') ? open_below(root, path) : nullptr;
  if (file == nullptr || ::fstat(*file, &about) != 0) {
    response.status = 404;
    return response.set_content("not found\n", "text/plain");
  }
  send_content(request, response, static_cast<std::uint64_t>(about.st_size), type_of(path),
               [file](std::uint64_t offset, char* buffer, std::size_t size) -> std::size_t {
                 const auto count = ::pread(*file, buffer, size, static_cast<off_t>(offset));
                 return count > 0 ? static_cast<std::size_t>(count) : 0;
               });
}

}  // namespace

Result<> add_static_files(httplib::Server& server, const std::string& directory) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(directory.c_str(), nullptr),
                                                    std::free);
  if (real == nullptr) {
    return fail(ErrorCode::io,
                fmt::format("{} cannot be served: {}", directory, std::strerror(errno)));
  }
  // The root directory itself is "": what is below it begins with a slash then, too.
  const std::string root = std::string_view(real.get()) == "/" ? "" : real.get();
  server.Get("[^]*", [root](const httplib::Request& request, httplib::Response& response) {
    send_file(root, request, response);
  });
  return {};
}

}  // namespace tandem
