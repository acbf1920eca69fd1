#include "worker/src/request_reader.hpp"

#include <algorithm>
#include <array>

#include "common/base/clock.hpp"
#include "common/base/limits.hpp"
#include "common/http1/limits.hpp"

namespace tandem {

RequestReader::Head RequestReader::read_head() {
  head_.clear();
  failed_ = false;
  const auto deadline = now() + limits::header_read_max;
  for (;;) {
    const auto status = head_.parse(io_.view());
    if (status == HeadStatus::complete) return Head::complete;
    if (status == HeadStatus::refused) {
      refusal_ = head_.refusal();
      return Head::refused;
    }
    const char* before = io_.view().data();
    const auto left = std::max<Duration>(deadline - now(), Duration::zero());
    const auto received = io_.receive(left);
    if (received == ConnectionIo::Received::closed) return Head::gone;
    if (received == ConnectionIo::Received::timed_out) {
      refusal_ = {408, "request_timeout", "The request head did not arrive in time."};
      return Head::refused;
    }
    if (io_.view().data() != before) head_.clear();
  }
}

void RequestReader::begin_body(std::uint64_t content_bytes_max) {
  io_.consume(head_.head_bytes());
  body_ = BodyReader(head_.framing(), head_.content_length());
  content_bytes_ = 0;
  content_bytes_max_ = content_bytes_max;
}

std::ptrdiff_t RequestReader::fail(unsigned status, const char* code, const char* message) {
  failed_ = true;
  refusal_ = {status, code, message};
  return -1;
}

std::ptrdiff_t RequestReader::fail(ConnectionIo::Received received) {
  if (received == ConnectionIo::Received::timed_out) {
    return fail(408, "request_timeout", "The request body did not arrive in time.");
  }
  return fail(400, "bad_request", "The request body is incomplete.");
}

bool RequestReader::count(std::size_t bytes) {
  content_bytes_ += bytes;
  if (content_bytes_ <= content_bytes_max_) return true;
  fail(413, "content_too_large", "The request body is longer than this worker takes.");
  return false;
}

// Reads a body of known length in large pieces, bypassing the buffer.
std::ptrdiff_t RequestReader::receive_content(std::span<char> into) {
  std::size_t bytes = 0;
  const auto wanted = std::min<std::uint64_t>(into.size(), body_.remaining());
  const auto received = io_.receive_into(into.first(static_cast<std::size_t>(wanted)), bytes);
  if (received != ConnectionIo::Received::bytes) return fail(received);
  body_.read(into.first(bytes));
  return count(bytes) ? static_cast<std::ptrdiff_t>(bytes) : -1;
}

std::ptrdiff_t RequestReader::read_content(std::span<char> into) {
  if (failed_) return -1;
  while (!body_.done() && !into.empty()) {
    if (io_.arrived().empty()) {
      if (body_.framing() == Framing::length && into.size() >= limits::buffer_bytes) {
        return receive_content(into);
      }
      const auto received = io_.receive();
      if (received != ConnectionIo::Received::bytes) return fail(received);
    }
    const auto raw = io_.arrived();
    const auto step = body_.read(raw.first(std::min(raw.size(), into.size())));
    if (step.malformed) {
      return fail(400, "bad_request", "The request body is not well-formed.");
    }
    std::copy(step.content.begin(), step.content.end(), into.begin());
    io_.consume(step.consumed);
    if (!count(step.content.size())) return -1;
    if (!step.content.empty()) return static_cast<std::ptrdiff_t>(step.content.size());
  }
  return 0;
}

bool RequestReader::read_all(std::string& content) {
  std::array<char, 4096> piece;
  for (;;) {
    const auto bytes = read_content(piece);
    if (bytes <= 0) return bytes == 0;
    content.append(piece.data(), static_cast<std::size_t>(bytes));
  }
}

void RequestReader::drop_content(std::uint64_t bytes_max) {
  std::array<char, 4096> piece;
  for (std::uint64_t dropped = 0; dropped < bytes_max;) {
    const auto bytes = read_content(piece);
    if (bytes <= 0) return;
    dropped += static_cast<std::uint64_t>(bytes);
  }
}

bool RequestReader::consumed() {
  while (!failed_ && !body_.done() && !io_.view().empty()) {
    const auto step = body_.read(io_.arrived());
    io_.consume(step.consumed);
    if (step.malformed) return false;
  }
  return !failed_ && body_.done();
}

}  // namespace tandem
