#include "common/http/http1_conversation.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace tandem {

void Http1Conversation::begin(const Endpoint& peer) {
  begun_ = true;
  words_ = fmt::format(
      "{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{}{}\r\n{}", method_, target_,
      peer.to_string(), fields_,
      body_.empty() ? std::string() : fmt::format("Content-Length: {}\r\n", body_.size()), body_);
  status_ = reader_.begin();
}

void Http1Conversation::feed(std::string_view bytes) {
  while (!bytes.empty() && !is_over()) {
    const auto room = reader_.room();
    const auto size = std::min(room.size(), bytes.size());
    std::copy_n(bytes.data(), size, room.data());
    bytes.remove_prefix(size);
    status_ = reader_.take(size);
  }
  has_enough_ = reader_.has_head() && enough_ && enough_(reader_.answer());
}

}  // namespace tandem
