#include "ctl/terminal.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

#include "common/base/write_text.hpp"

namespace tandem::ctl {

namespace {

volatile sig_atomic_t told_to_end = 0;

void note_end(int) { told_to_end = 1; }

void on_signal(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigaction(signal, &action, nullptr);
}

// ECMA-48 and what xterm made of it: another screen, a cursor that is not shown.
constexpr const char* enter = "\x1b[?1049h\x1b[?25l";
constexpr const char* leave = "\x1b[?25h\x1b[?1049l";
constexpr const char* home = "\x1b[H";
constexpr const char* clear_to_end_of_line = "\x1b[K";
constexpr const char* clear_below = "\x1b[J";

}  // namespace

bool Terminal::is_there() { return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1; }

Terminal::Terminal() {
  ::tcgetattr(STDIN_FILENO, &before_);
  auto raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  told_to_end = 0;
  on_signal(SIGTERM, note_end);
  on_signal(SIGHUP, note_end);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  write_text(stdout, enter);
  std::fflush(stdout);
}

Terminal::~Terminal() {
  write_text(stdout, leave);
  std::fflush(stdout);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  on_signal(SIGTERM, SIG_DFL);
  on_signal(SIGHUP, SIG_DFL);
}

std::pair<std::size_t, std::size_t> Terminal::size() const {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) {
    return {24, 80};
  }
  return {size.ws_row, size.ws_col};
}

bool Terminal::show(const std::string& screen) {
  std::string text = home;
  for (const char c : screen) {
    if (c == '\n') text += clear_to_end_of_line + std::string("\r");
    text += c;
  }
  text += clear_to_end_of_line + std::string(clear_below);
  return write_text(stdout, text) && std::fflush(stdout) == 0;
}

std::optional<char> Terminal::key(Duration timeout) {
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  if (::poll(&input, 1, static_cast<int>(ms)) <= 0) return std::nullopt;
  char key = 'q';
  return ::read(STDIN_FILENO, &key, 1) == 1 ? key : 'q';
}

bool Terminal::was_told_to_end() const { return told_to_end != 0; }

}  // namespace tandem::ctl
