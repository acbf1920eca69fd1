// challenge_files.hpp: the answers to challenges of ACME (RFC 8555 §8.3), as certbot and others lay
// them into --acme-webroot: /.well-known/acme-challenge/TOKEN.
//
// A thread of its own reads them, one after the other, since a disk may be slow, or never answer
// (a network's). Who asks looks at the reading until it is done, or gives it up; a thread that
// hangs is left behind at the end. Anybody may ask for anything there, so a token is what RFC 8555
// says it is, no link below the directory is followed, and what is no regular file of a few
// kilobytes is not served.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "common/base/result.hpp"

namespace tandem::master {

inline constexpr std::string_view challenge_prefix = "/.well-known/acme-challenge/";

// A target that is nobody else's where there is an --acme-webroot.
inline bool asks_for_challenge(std::string_view target) {
  return target.starts_with(challenge_prefix);
}

class ChallengeFiles {
 public:
  // Starts the thread.
  explicit ChallengeFiles(std::string webroot);
  ~ChallengeFiles();
  ChallengeFiles(const ChallengeFiles&) = delete;
  ChallengeFiles& operator=(const ChallengeFiles&) = delete;

  class Reading {
   public:
    bool is_done() const { return done_.load(std::memory_order_acquire); }
    // Errors: `not_found`, with a sentence for the client. REQUIRES: is_done()
    const Result<std::string>& content() const { return content_; }

   private:
    friend class ChallengeFiles;
    Result<std::string> content_{std::string()};
    std::atomic<bool> done_{false};
  };
  // Begins to read what a target asks for. Null: too many wait already. Any thread; never waits.
  std::shared_ptr<const Reading> read(std::string_view target);

  // What lies there. Any thread; blocks for the disk.
  static Result<std::string> read_now(const std::string& webroot, std::string_view target);

 private:
  struct Reader;

  const std::shared_ptr<Reader> reader_;
  std::thread thread_;
};

}  // namespace tandem::master
