#include "common/base/private_directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include <fmt/format.h>

namespace tandem {

namespace {

constexpr mode_t others = S_IRWXG | S_IRWXO;

// "lock", the log with all that lies beside it, and the small files, with their drafts.
bool is_ours(std::string_view name) {
  if (name.starts_with("cluster.db")) return true;
  if (name.ends_with(".new")) name.remove_suffix(4);
  return name == "lock" || name == "masters.json" || name == "masters" || name == "witness_port";
}

class PrivateDirectory {
 public:
  PrivateDirectory(const std::string& path, std::string_view field) : path_(path), field_(field) {}

  Result<> open() {
    if (::mkdir(path_.c_str(), S_IRWXU) != 0 && errno != EEXIST) return refused(path_, cause());
    list_.reset(::opendir(path_.c_str()));
    struct stat status {};
    if (list_ == nullptr || ::fstat(::dirfd(list_.get()), &status) != 0)
      return refused(path_, cause());
    if (status.st_uid != ::geteuid()) {
      return refused(path_, "belongs to another user: give it to the one that runs this program");
    }
    if (auto tightened = tighten_files(); !tightened) return tightened;
    if ((status.st_mode & others) == 0) return {};
    if (has_others_) {
      return refused(
          path_, fmt::format("can be entered by other users and holds files that are not "
                             "Tandem's: chmod 700 it, or name a directory that is Tandem's alone"));
    }
    if (::fchmod(::dirfd(list_.get()), S_IRWXU) != 0) return refused(path_, cause());
    return {};
  }

 private:
  Result<> tighten_files() {
    while (const auto* entry = ::readdir(list_.get())) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (!is_ours(name)) {
        has_others_ = true;
        continue;
      }
      if (auto tightened = tighten(entry->d_name); !tightened) return tightened;
    }
    return {};
  }

  Result<> tighten(const char* name) {
    const auto path = fmt::format("{}/{}", path_, name);
    struct stat status {};
    const int directory = ::dirfd(list_.get());
    if (::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
      return errno == ENOENT ? Result<>() : refused(path, cause());
    }
    if (!S_ISREG(status.st_mode)) return refused(path, "is not a file: move it away");
    if (status.st_uid != ::geteuid()) return refused(path, "belongs to another user: move it away");
    if ((status.st_mode & others) == 0) return {};
    if (::fchmodat(directory, name, S_IRUSR | S_IWUSR, 0) != 0) return refused(path, cause());
    return {};
  }

  static std::string cause() { return fmt::format("cannot be used: {}", std::strerror(errno)); }
  Error refused(const std::string& path, std::string_view why) const {
    return fail(ErrorCode::io, fmt::format("{} {} {}", field_, path, why), std::string(field_));
  }

  const std::string path_;
  const std::string_view field_;
  std::unique_ptr<DIR, int (*)(DIR*)> list_{nullptr, ::closedir};
  bool has_others_ = false;
};

}  // namespace

Result<> make_private(const std::string& path, std::string_view field) {
  return PrivateDirectory(path, field).open();
}

}  // namespace tandem
