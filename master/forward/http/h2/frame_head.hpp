// frame_head.hpp: the nine bytes before each frame (RFC 9113 §4.1), found in what arrives.
//
// nghttp2 reads frames itself, and tells of them only what it does not leave out; the session looks
// at every one first. So the scanner parts what arrives: a frame's head is handed on whole, and
// with it as much of the payload as has come. Pure. Owner: a Session.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "master/forward/http/h2/error_code.hpp"

namespace tandem::master::h2 {

struct FrameHead {
  std::uint32_t length = 0;  // of the payload
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  StreamId stream = 0;

  bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
};

class FrameScanner {
 public:
  static constexpr std::size_t head_bytes = 9;

  // `opening`: bytes before the first frame, a client's preface.
  explicit FrameScanner(std::size_t opening) : left_(opening) {}

  struct Piece {
    std::string_view bytes;     // to be read next; may lie in the scanner
    bool begins_frame = false;  // and they start with a frame's head, see head()
  };
  // Takes the next piece from the front of `bytes`; an empty one: more bytes are needed.
  Piece next(std::string_view& bytes) {
    if (left_ > 0) return {take_payload(bytes)};
    if (held_ == 0 && bytes.size() >= head_bytes) {
      head_ = parse(bytes.data());
      const auto size = head_bytes + std::min<std::size_t>(head_.length, bytes.size() - head_bytes);
      left_ = head_.length - (size - head_bytes);
      return {take(bytes, size), true};
    }
    const auto part = take(bytes, std::min(bytes.size(), head_bytes - held_));
    part.copy(partial_.data() + held_, part.size());
    held_ += part.size();
    if (held_ < head_bytes) return {};
    held_ = 0;
    head_ = parse(partial_.data());
    left_ = head_.length;
    return {{partial_.data(), head_bytes}, true};
  }
  const FrameHead& head() const { return head_; }
  // All of the payload behind that head has been taken.
  bool has_whole_payload() const { return left_ == 0; }

 private:
  static std::string_view take(std::string_view& bytes, std::size_t size) {
    const auto piece = bytes.substr(0, size);
    bytes.remove_prefix(size);
    return piece;
  }
  std::string_view take_payload(std::string_view& bytes) {
    const auto piece = take(bytes, std::min(left_, bytes.size()));
    left_ -= piece.size();
    return piece;
  }
  static FrameHead parse(const char* bytes) {
    const auto at = [bytes](int i) { return std::uint32_t{static_cast<unsigned char>(bytes[i])}; };
    return {at(0) << 16 | at(1) << 8 | at(2), static_cast<std::uint8_t>(at(3)),
            static_cast<std::uint8_t>(at(4)),
            static_cast<StreamId>((at(5) << 24 | at(6) << 16 | at(7) << 8 | at(8)) & 0x7fffffff)};
  }

  FrameHead head_;
  std::size_t left_;  // of the payload
  std::size_t held_ = 0;
  std::array<char, head_bytes> partial_{};
};

}  // namespace tandem::master::h2
