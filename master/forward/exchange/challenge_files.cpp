#include "master/forward/exchange/challenge_files.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <future>
#include <utility>

#include "common/base/ascii.hpp"
#include "common/base/clock.hpp"
#include "master/forward/exchange/limits.hpp"
#include "master/forward/io/reactor.hpp"

namespace tandem::master {

namespace {

class File {
 public:
  // Below `directory`, unless that is AT_FDCWD; never by way of a link then.
  File(int directory, const std::string& name, int flags)
      : fd_(::openat(directory, name.c_str(), flags | O_CLOEXEC | O_NOCTTY)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

// RFC 8555 §8.3: of the alphabet of base64url.
bool is_token(std::string_view text) {
  const auto is_good = [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_'; };
  return !text.empty() && text.size() <= limits::challenge_token_bytes_max &&
         std::all_of(text.begin(), text.end(), is_good);
}

Error refuse(const char* sentence) { return fail(ErrorCode::not_found, sentence); }

Result<std::string> read_whole(int fd) {
  struct stat about {};
  if (::fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
    return refuse("What lies there is no regular file.");
  }
  std::string content(limits::challenge_bytes_max + 1, '\0');
  std::size_t size = 0;
  while (size < content.size()) {
    const auto got = ::read(fd, content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refuse("The challenge's file cannot be read.");
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > limits::challenge_bytes_max) return refuse("The challenge's file is too long.");
  content.resize(size);
  return content;
}

}  // namespace

// What the thread has; it outlives the object where the disk never answers.
struct ChallengeFiles::Reader {
  explicit Reader(std::string directory) : webroot(std::move(directory)) {}

  const std::string webroot;
  Reactor queue;  // takes no lock of whoever posts
  std::atomic<unsigned> waiting{0};
  std::promise<void> ended;
};

Result<std::string> ChallengeFiles::read_now(const std::string& webroot, std::string_view target) {
  auto token = target.substr(std::min(challenge_prefix.size(), target.size()));
  token = token.substr(0, token.find('?'));
  if (!is_token(token)) return refuse("This is no token of ACME.");
  constexpr int directory = O_PATH | O_DIRECTORY;
  const File root(AT_FDCWD, webroot, directory);
  const File well_known(root.fd(), ".well-known", directory | O_NOFOLLOW);
  const File challenges(well_known.fd(), "acme-challenge", directory | O_NOFOLLOW);
  // O_NONBLOCK: a FIFO is opened at once, and refused.
  const File file(challenges.fd(), std::string(token), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (file.fd() >= 0) return read_whole(file.fd());
  return errno == ELOOP ? refuse("Links in the directory of --acme-webroot are not followed.")
                        : refuse("There is no such challenge.");
}

ChallengeFiles::ChallengeFiles(std::string webroot)
    : reader_(std::make_shared<Reader>(std::move(webroot))), thread_([reader = reader_] {
        reader->queue.run(1h, [](Instant) {});
        reader->ended.set_value();
      }) {
  pthread_setname_np(thread_.native_handle(), "challenges");
}

ChallengeFiles::~ChallengeFiles() {
  reader_->queue.post([reader = reader_.get()] { reader->queue.release(); });
  const auto ended = reader_->ended.get_future().wait_for(limits::challenge_read_max);
  ended == std::future_status::ready ? thread_.join() : thread_.detach();
}

std::shared_ptr<const ChallengeFiles::Reading> ChallengeFiles::read(std::string_view target) {
  if (reader_->waiting.fetch_add(1, std::memory_order_relaxed) >= limits::challenges_waiting_max) {
    reader_->waiting.fetch_sub(1, std::memory_order_relaxed);
    return nullptr;
  }
  auto reading = std::make_shared<Reading>();
  reader_->queue.post([reader = reader_.get(), reading, target = std::string(target)] {
    reading->content_ = read_now(reader->webroot, target);
    reading->done_.store(true, std::memory_order_release);
    reader->waiting.fetch_sub(1, std::memory_order_relaxed);
  });
  return reading;
}

}  // namespace tandem::master
