// captured_stderr.hpp: what is written to stderr while this object lives. One at a time.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <string>

#include <catch2/catch.hpp>

namespace tandem {

class CapturedStderr {
 public:
  CapturedStderr() {
    REQUIRE(file_ != nullptr);
    std::fflush(stderr);
    saved_ = ::dup(STDERR_FILENO);
    ::dup2(::fileno(file_), STDERR_FILENO);
  }
  ~CapturedStderr() {
    restore();
    std::fclose(file_);
  }
  CapturedStderr(const CapturedStderr&) = delete;
  CapturedStderr& operator=(const CapturedStderr&) = delete;

  // All of it; no more is captured.
  std::string text() {
    restore();
    std::string text(64 * 1024, '\0');
    std::rewind(file_);
    text.resize(std::fread(text.data(), 1, text.size(), file_));
    return text;
  }

 private:
  void restore() {
    if (saved_ < 0) return;
    std::fflush(stderr);
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
    saved_ = -1;
  }

  std::FILE* const file_ = std::tmpfile();
  int saved_ = -1;
};

}  // namespace tandem
