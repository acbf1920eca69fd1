#include "common/http1/body_framing.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "common/base/ascii.hpp"
#include "common/base/assert.hpp"
#include "common/http1/field_text.hpp"
#include "common/http1/limits.hpp"
#include "common/http1/trailer_fields.hpp"

namespace tandem {

namespace {

// A chunk size has at most 16 hex digits (64 bits); a size line with its extensions is short in
// practice, and a long one only costs the reader (CVE-2023-39326).
constexpr std::uint32_t size_digits_max = 16;
constexpr std::uint32_t extension_bytes_max = 1024;
constexpr std::size_t trailer_bytes_max = 16 * 1024;

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

BodyReader::BodyReader(Framing framing, std::uint64_t content_length) : framing_(framing) {
  switch (framing) {
    case Framing::none: state_ = State::done; break;
    case Framing::length:
      remaining_ = content_length;
      state_ = content_length == 0 ? State::done : State::content;
      break;
    case Framing::chunked: state_ = State::size_first; break;
    case Framing::until_close: state_ = State::content; break;
  }
}

BodyReader::Step BodyReader::read(std::span<char> raw) {
  TANDEM_ASSERT(state_ != State::done);
  if (state_ == State::broken) return {{}, 0, true};
  if (framing_ == Framing::chunked) return read_chunked(raw);
  auto bytes = raw.size();
  if (framing_ == Framing::length) {
    bytes = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, remaining_));
    remaining_ -= bytes;
    if (remaining_ == 0) state_ = State::done;
  }
  return {{raw.data(), bytes}, bytes, false};
}

BodyReader::Step BodyReader::scan(std::string_view raw) {
  TANDEM_ASSERT(state_ != State::done);
  if (framing_ == Framing::until_close) return {{}, raw.size(), false};
  std::size_t read = 0;
  while (read < raw.size() && state_ != State::done) {
    if (state_ != State::content) {
      if (state_ == State::broken || !take(raw[read])) {
        state_ = State::broken;
        return {{}, read, true};
      }
      ++read;
      continue;
    }
    const auto bytes =
        static_cast<std::size_t>(std::min<std::uint64_t>(raw.size() - read, remaining_));
    read += bytes;
    remaining_ -= bytes;
    if (remaining_ == 0) state_ = framing_ == Framing::chunked ? State::data_cr : State::done;
  }
  return {{}, read, false};
}

bool BodyReader::end_of_stream() {
  if (framing_ == Framing::until_close) state_ = State::done;
  return state_ == State::done;
}

BodyReader::Step BodyReader::read_chunked(std::span<char> raw) {
  std::size_t read = 0;
  std::size_t kept = 0;  // content so far, at [first, first + kept)
  std::size_t first = 0;
  while (read < raw.size() && state_ != State::done) {
    if (state_ != State::content) {
      if (!take(raw[read])) {
        state_ = State::broken;
        return {{}, read, true};
      }
      ++read;
      continue;
    }
    const auto bytes =
        static_cast<std::size_t>(std::min<std::uint64_t>(raw.size() - read, remaining_));
    if (kept == 0) {
      first = read;
    } else {
      std::memmove(raw.data() + first + kept, raw.data() + read, bytes);
    }
    kept += bytes;
    read += bytes;
    remaining_ -= bytes;
    if (remaining_ == 0) state_ = State::data_cr;
  }
  return {{raw.data() + first, kept}, read, false};
}

bool BodyReader::take_size_digit(char c) {
  const int digit = hex_value(c);
  if (digit < 0 || ++line_bytes_ > size_digits_max) return false;
  remaining_ = remaining_ * 16 + static_cast<unsigned>(digit);
  state_ = State::size_more;
  return true;
}

bool BodyReader::append_trailer(char c) {
  if (trailers_.size() == trailer_bytes_max) return false;
  trailers_.push_back(c);
  return true;
}

bool BodyReader::end_trailer_line() {
  const auto last = trailers_.rfind('\n');
  const auto begin = last == trailers_.npos ? 0 : last + 1;
  const auto line = std::string_view(trailers_).substr(begin);
  if (!may_be_trailer(line.substr(0, line.find(':')))) {
    trailers_.resize(begin);
    return ++trailers_dropped_ <= limits::header_fields_max;
  }
  return append_trailer('\r') && append_trailer('\n');
}

bool BodyReader::take(char c) {
  switch (state_) {
    case State::size_first:
      remaining_ = 0;
      line_bytes_ = 0;
      return take_size_digit(c);
    case State::size_more:
      if (c == ';') {
        line_bytes_ = 0;
        state_ = State::extension;
        return true;
      }
      if (c == '\r') {
        state_ = State::size_lf;
        return true;
      }
      if (c == ' ' || c == '\t') {
        line_bytes_ = 1;
        state_ = State::size_space;
        return true;
      }
      return take_size_digit(c);
    case State::size_space:
      if (c == ';') state_ = State::extension;
      return (c == ' ' || c == '\t' || c == ';') && ++line_bytes_ <= extension_bytes_max;
    case State::extension:
      if (c == '\r') {
        state_ = State::size_lf;
        return true;
      }
      return is_field_character(c) && ++line_bytes_ <= extension_bytes_max;
    case State::size_lf:
      state_ = remaining_ == 0 ? State::trailer_start : State::content;
      return c == '\n';
    case State::data_cr: state_ = State::data_lf; return c == '\r';
    case State::data_lf: state_ = State::size_first; return c == '\n';
    case State::trailer_start:
      if (c == '\r') {
        state_ = State::end_lf;
        return true;
      }
      state_ = State::trailer;
      line_bytes_ = 0;  // 1 once the colon has been read
      return is_token_character(c) && append_trailer(c);
    case State::trailer:
      if (c == '\r') {
        state_ = State::trailer_lf;
        return line_bytes_ == 1;
      }
      if (line_bytes_ == 0) {
        if (c == ':') line_bytes_ = 1;
        return (c == ':' || is_token_character(c)) && append_trailer(c);
      }
      return is_field_character(c) && append_trailer(c);
    case State::trailer_lf: state_ = State::trailer_start; return c == '\n' && end_trailer_line();
    case State::end_lf: state_ = State::done; return c == '\n';
    case State::content:
    case State::done:
    case State::broken: break;
  }
  assertion_failed("a framing state", __FILE__, __LINE__);
}

BodyWriter::Frame BodyWriter::frame(std::size_t bytes, bool last, std::string_view trailers) {
  if (framing_ != Framing::chunked) return {};
  std::string_view prefix;
  suffix_.clear();
  if (bytes > 0) {
    const auto written = std::to_chars(prefix_.data(), prefix_.data() + 16, bytes, 16);
    TANDEM_ASSERT(written.ec == std::errc{});
    *written.ptr = '\r';
    *(written.ptr + 1) = '\n';
    prefix = {prefix_.data(), static_cast<std::size_t>(written.ptr + 2 - prefix_.data())};
    suffix_ = "\r\n";
  }
  if (last) {
    suffix_ += "0\r\n";
    suffix_ += trailers;
    suffix_ += "\r\n";
  }
  return {prefix, suffix_};
}

}  // namespace tandem
