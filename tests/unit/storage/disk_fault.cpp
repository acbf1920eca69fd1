#include "tests/unit/storage/disk_fault.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdarg>
#include <mutex>
#include <optional>
#include <string_view>

namespace {

using tandem::storage::DiskFault;

struct State {
  std::mutex mutex;
  std::condition_variable lifted;
  DiskFault::Plan plan;
  std::uint64_t calls = 0;
  bool is_lifted = false;
  bool has_struck = false;
  std::string struck;
};

std::atomic<bool> in_force = false;
std::atomic<std::uint64_t> sync_count = 0;
thread_local bool is_ours = false;  // calls made from in here

State& state() {
  static State state;
  return state;
}

std::string path_of(int fd) {
  std::string path(4096, '\0');
  const auto link = "/proc/self/fd/" + std::to_string(fd);
  const auto size = syscall(SYS_readlinkat, AT_FDCWD, link.c_str(), path.data(), path.size());
  path.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return path;
}

enum class Verdict { done, fails, shortened };

// Decides what becomes of the next call; waits when it hangs. `sync`: fsync or fdatasync.
Verdict judge(const char* name, const std::string& path, bool sync) {
  State& now = state();
  std::unique_lock lock(now.mutex);
  if (!in_force) return Verdict::done;
  const auto& plan = now.plan;
  if (!path.starts_with(plan.below) || !path.ends_with(plan.named)) return Verdict::done;
  if (plan.calls == DiskFault::Calls::syncs && !sync) return Verdict::done;
  const auto number = ++now.calls;
  const bool strikes = number == plan.number || (plan.lasts && number > plan.number);
  if (!strikes || now.is_lifted) return Verdict::done;
  if (!now.has_struck) now.struck = std::string(name) + " " + path;
  now.has_struck = true;
  if (plan.form == DiskFault::Form::short_write) return Verdict::shortened;
  if (plan.form == DiskFault::Form::hang) {
    now.lifted.wait(lock, [&now] { return now.is_lifted; });
    return Verdict::done;
  }
  errno = plan.error;
  return Verdict::fails;
}

Verdict of_path(const char* name, const char* path) {
  if (!in_force || is_ours || path == nullptr) return Verdict::done;
  is_ours = true;
  const auto verdict = judge(name, path, false);
  is_ours = false;
  return verdict;
}

Verdict of_file(const char* name, int fd, bool sync = false) {
  if (!in_force || is_ours) return Verdict::done;
  is_ours = true;
  const auto verdict = judge(name, path_of(fd), sync);
  is_ours = false;
  return verdict;
}

bool fails(Verdict verdict) { return verdict == Verdict::fails; }

int sync(const char* name, long call, int fd) {
  ++sync_count;
  if (fails(of_file(name, fd, true))) return -1;
  const int done = static_cast<int>(syscall(call, fd));
  if (done == 0 && in_force && !is_ours && state().plan.synced) {
    is_ours = true;
    state().plan.synced(path_of(fd));
    is_ours = false;
  }
  return done;
}

int open_at(const char* name, int directory, const char* path, int flags, unsigned mode) {
  if (fails(of_path(name, path))) return -1;
  return static_cast<int>(syscall(SYS_openat, directory, path, flags, mode));
}

// What `size` bytes become.
std::size_t shortened(Verdict verdict, std::size_t size) {
  return verdict == Verdict::shortened && size > 1 ? size / 2 : size;
}

FILE* open_stream(const char* name, const char* path, const char* mode) {
  if (fails(of_path(name, path))) return nullptr;
  using Open = FILE*(const char*, const char*);
  return reinterpret_cast<Open*>(dlsym(RTLD_NEXT, name))(path, mode);
}

int stat_at(const char* name, const char* path, void* status, int flags) {
  if (fails(of_path(name, path))) return -1;
  return static_cast<int>(syscall(SYS_newfstatat, AT_FDCWD, path, status, flags));
}

int file_status(int fd, void* status) {
  if (fails(of_file("fstat", fd))) return -1;
  return static_cast<int>(syscall(SYS_fstat, fd, status));
}

int control(int fd, int command, void* argument) {
  const bool locks = command == F_SETLK || command == F_SETLKW || command == F_GETLK;
  if (locks && fails(of_file("fcntl", fd))) return -1;
  return static_cast<int>(syscall(SYS_fcntl, fd, command, argument));
}

int remove_name(const char* name, const char* path, int flags) {
  if (fails(of_path(name, path))) return -1;
  return static_cast<int>(syscall(SYS_unlinkat, AT_FDCWD, path, flags));
}

unsigned mode_in(std::va_list list, int flags) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(list, unsigned) : 0;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  std::va_list list;
  va_start(list, flags);
  const unsigned mode = mode_in(list, flags);
  va_end(list);
  return open_at("open", AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  std::va_list list;
  va_start(list, flags);
  const unsigned mode = mode_in(list, flags);
  va_end(list);
  return open_at("open", AT_FDCWD, path, flags, mode);
}
FILE* fopen(const char* path, const char* mode) { return open_stream("fopen", path, mode); }
FILE* fopen64(const char* path, const char* mode) { return open_stream("fopen64", path, mode); }

ssize_t read(int fd, void* bytes, size_t size) {
  if (fails(of_file("read", fd))) return -1;
  return syscall(SYS_read, fd, bytes, size);
}
ssize_t pread(int fd, void* bytes, size_t size, off_t at) {
  if (fails(of_file("pread", fd))) return -1;
  return syscall(SYS_pread64, fd, bytes, size, at);
}
ssize_t pread64(int fd, void* bytes, size_t size, off64_t at) { return pread(fd, bytes, size, at); }

ssize_t write(int fd, const void* bytes, size_t size) {
  const auto verdict = of_file("write", fd);
  if (fails(verdict)) return -1;
  return syscall(SYS_write, fd, bytes, shortened(verdict, size));
}
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
  const auto verdict = of_file("pwrite", fd);
  if (fails(verdict)) return -1;
  return syscall(SYS_pwrite64, fd, bytes, shortened(verdict, size), at);
}
ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t at) {
  return pwrite(fd, bytes, size, at);
}
ssize_t writev(int fd, const iovec* parts, int count) {
  const auto verdict = of_file("writev", fd);
  if (fails(verdict)) return -1;
  return syscall(SYS_writev, fd, parts, verdict == Verdict::shortened ? 1 : count);
}

int fdatasync(int fd) { return sync("fdatasync", SYS_fdatasync, fd); }
int fsync(int fd) { return sync("fsync", SYS_fsync, fd); }

int ftruncate(int fd, off_t size) {
  if (fails(of_file("ftruncate", fd))) return -1;
  return static_cast<int>(syscall(SYS_ftruncate, fd, size));
}
int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }

int stat(const char* path, struct stat* status) noexcept {
  return stat_at("stat", path, status, 0);
}
int stat64(const char* path, struct stat64* status) noexcept {
  return stat_at("stat", path, status, 0);
}
int lstat(const char* path, struct stat* status) noexcept {
  return stat_at("lstat", path, status, AT_SYMLINK_NOFOLLOW);
}
int lstat64(const char* path, struct stat64* status) noexcept {
  return stat_at("lstat", path, status, AT_SYMLINK_NOFOLLOW);
}
int fstat(int fd, struct stat* status) noexcept { return file_status(fd, status); }
int fstat64(int fd, struct stat64* status) noexcept { return file_status(fd, status); }
int access(const char* path, int mode) noexcept {
  if (fails(of_path("access", path))) return -1;
  return static_cast<int>(syscall(SYS_faccessat, AT_FDCWD, path, mode));
}

int fcntl(int fd, int command, ...) {
  std::va_list list;
  va_start(list, command);
  void* argument = va_arg(list, void*);
  va_end(list);
  return control(fd, command, argument);
}
int fcntl64(int fd, int command, ...) {
  std::va_list list;
  va_start(list, command);
  void* argument = va_arg(list, void*);
  va_end(list);
  return control(fd, command, argument);
}

int rename(const char* from, const char* to) noexcept {
  if (fails(of_path("rename", from))) return -1;
  return static_cast<int>(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}
int unlink(const char* path) noexcept { return remove_name("unlink", path, 0); }
int remove(const char* path) noexcept {
  if (fails(of_path("remove", path))) return -1;
  if (syscall(SYS_unlinkat, AT_FDCWD, path, 0) == 0) return 0;
  if (errno != EISDIR && errno != EPERM) return -1;
  return static_cast<int>(syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR));
}
int mkdir(const char* path, mode_t mode) noexcept {
  if (fails(of_path("mkdir", path))) return -1;
  return static_cast<int>(syscall(SYS_mkdirat, AT_FDCWD, path, mode));
}

}  // extern "C"

namespace tandem::storage {

DiskFault::DiskFault(Plan plan) {
  State& now = state();
  const std::lock_guard lock(now.mutex);
  now.plan = std::move(plan);
  now.calls = 0;
  now.is_lifted = now.has_struck = false;
  now.struck.clear();
  in_force = true;
}

DiskFault::~DiskFault() {
  lift();
  in_force = false;
}

void DiskFault::lift() {
  State& now = state();
  const std::lock_guard lock(now.mutex);
  now.is_lifted = true;
  now.lifted.notify_all();
}

std::uint64_t DiskFault::calls() const {
  const std::lock_guard lock(state().mutex);
  return state().calls;
}
bool DiskFault::has_struck() const {
  const std::lock_guard lock(state().mutex);
  return state().has_struck;
}
std::string DiskFault::struck() const {
  const std::lock_guard lock(state().mutex);
  return state().struck;
}

std::uint64_t syncs() { return sync_count; }

}  // namespace tandem::storage
