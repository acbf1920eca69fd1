// link.hpp: what the two processes of an upgrade talk over: a pair of Unix sockets that keeps
// messages apart, so that descriptors arrive with the text that says what they are.
//
// The old process makes the pair, and the new one inherits its end: nobody else can reach it. The
// environment names the end that was inherited; since anybody could say that, it is believed only
// of a socket whose other end belongs to the parent process, of the same user.
//
// A message is an object of JSON with a member `is`. Owner: one thread at a time.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/held_socket.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"

namespace tandem::master {

inline constexpr const char* upgrade_environment = "TANDEM_UPGRADE_SOCKET";

class UpgradeLink {
 public:
  struct Message {
    std::string text;
    std::vector<HeldSocket> descriptors{};  // as many as there was room for
    bool is_cut = false;                    // some were lost: there was no room
  };

  // Both ends. Errors: `io`.
  static Result<std::pair<UpgradeLink, UpgradeLink>> pair();
  // The end that was inherited, named by the environment, which says it no more. Errors:
  // `not_found`: it names none; `invalid`: it is not from the parent process.
  static Result<UpgradeLink> inherited();

  int descriptor() const { return end_.get(); }
  bool is_open() const { return end_.get() >= 0; }
  void close() { end_ = HeldSocket(); }

  // The descriptors stay the caller's. Errors: `unavailable`: the other process has ended;
  // `timed_out`; `io`.
  Result<> send(std::string_view text, std::span<const int> descriptors, Instant deadline) const;
  // Errors: the same.
  Result<Message> receive(Instant deadline) const;

 private:
  explicit UpgradeLink(int end) : end_(end) {}
  Result<> await(short events, Instant deadline) const;

  HeldSocket end_;
};

}  // namespace tandem::master
