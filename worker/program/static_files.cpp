#include "worker/program/static_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <httplib.h>

#include "common/http1/field_text.hpp"
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
      if (equal_ignoring_case(name.substr(dot + 1), extension)) return type;
    }
  }
  return "application/octet-stream";
}

// Whether a name in the path, other than . and .., begins with a dot.
bool has_dotfile(std::string_view path) {
  while (!path.empty()) {
    const auto end = std::min(path.find('/'), path.size());
    const auto name = path.substr(0, end);
    if (name.starts_with('.') && name != "." && name != "..") return true;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return false;
}

// The opened file or directory of a path.
struct Opened {
  std::shared_ptr<const int> file;  // closed with its last copy; null: there is nothing to serve
  struct stat about {};

  explicit operator bool() const { return file != nullptr; }
  bool is_directory() const { return S_ISDIR(about.st_mode); }
};

class StaticFiles {
 public:
  // `root`: the directory's real path; "" for the root directory, so that paths below it begin with
  // a slash in any case.
  StaticFiles(std::string root, bool dotfiles) : root_(std::move(root)), dotfiles_(dotfiles) {}

  void answer(const httplib::Request& request, httplib::Response& response) const {
    auto path = request.path;
    if (path.ends_with('/')) path += "index.html";
    const auto found = open_below(path);
    if (found && found.is_directory() && open_below(path + "/index.html").file) {
      return redirect_to_directory(request, response);
    }
    if (!found || !S_ISREG(found.about.st_mode)) {
      response.status = 404;
      return response.set_content("not found\n", "text/plain");
    }
    send_content(
        request, response, content_of(path, found.about),
        [file = found.file](std::uint64_t offset, char* buffer, std::size_t size) -> std::size_t {
          const auto count = ::pread(*file, buffer, size, static_cast<off_t>(offset));
          return count > 0 ? static_cast<std::size_t>(count) : 0;
        });
  }

 private:
  // Opens a regular file or a directory at `path` if it lies below the root.
  Opened open_below(const std::string& path) const {
    if (!path.starts_with('/') || path.find('\0') != path.npos) return {};
    if (!dotfiles_ && has_dotfile(path)) return {};
    // Non-blocking, because opening a pipe would wait for a writer.
    const int number = ::open((root_ + path).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (number < 0) return {};
    Opened opened;
    opened.file.reset(new int(number), [](const int* open) {
      ::close(*open);
      delete open;
    });
    // The real path according to the kernel, with all dots and links resolved.
    char real[PATH_MAX];
    const auto size =
        ::readlink(fmt::format("/proc/self/fd/{}", number).c_str(), real, sizeof real);
    const std::string_view place(real, size > 0 ? static_cast<std::size_t>(size) : 0);
    if (!place.starts_with(root_ + "/")) return {};
    if (!dotfiles_ && has_dotfile(place.substr(root_.size()))) return {};
    if (::fstat(number, &opened.about) != 0) return {};
    return S_ISREG(opened.about.st_mode) || opened.is_directory() ? opened : Opened{};
  }

  static Content content_of(const std::string& path, const struct stat& about) {
    const auto size = static_cast<std::uint64_t>(about.st_size);
    const auto changed = about.st_mtim;
    // The tag has no inode, so it is equal on all workers that serve copies with the same times.
    return {size,
            type_of(path),
            {fmt::format("\"{:x}.{:x}-{:x}\"", changed.tv_sec, changed.tv_nsec, size),
             std::min(changed.tv_sec, std::time(nullptr))}};
  }

  // Uses the path as sent, to keep its encoding, with one slash at its start, since two would name
  // a host.
  static void redirect_to_directory(const httplib::Request& request, httplib::Response& response) {
    const std::string_view target = request.target;
    const auto query = std::min(target.find('?'), target.size());
    const auto path = target.substr(0, query);
    const auto start = std::min(path.find_first_not_of('/'), path.size());
    response.status = 301;
    response.set_header("Location",
                        fmt::format("/{}/{}", path.substr(start), target.substr(query)));
  }

  std::string root_;
  bool dotfiles_;
};

}  // namespace

Result<> add_static_files(httplib::Server& server, const std::string& directory,
                          Dotfiles dotfiles) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(directory.c_str(), nullptr),
                                                    std::free);
  if (real == nullptr) {
    return fail(ErrorCode::io,
                fmt::format("{} cannot be served: {}", directory, std::strerror(errno)));
  }
  const StaticFiles files(std::string_view(real.get()) == "/" ? "" : real.get(),
                          dotfiles == Dotfiles::served);
  server.Get("[^]*", [files](const httplib::Request& request, httplib::Response& response) {
    files.answer(request, response);
  });
  const auto refuse = [](const httplib::Request&, httplib::Response& response) {
    response.status = 405;
    response.set_header("Allow", "GET, HEAD");
    response.set_content("method not allowed\n", "text/plain");
  };
  // A content reader that is not used, so that the answer does not wait for the body.
  const auto refuse_unread = [refuse](const httplib::Request& request, httplib::Response& response,
                                      const httplib::ContentReader&) { refuse(request, response); };
  server.Post("[^]*", refuse_unread);
  server.Put("[^]*", refuse_unread);
  server.Patch("[^]*", refuse_unread);
  server.Delete("[^]*", refuse_unread);
  server.Options("[^]*", refuse);
  return {};
}

}  // namespace tandem
