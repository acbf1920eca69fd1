// start_line.hpp: the first line of a message (RFC 9112 §3 and §4), byte by byte and strictly.
//
// A verdict does not depend on later bytes: what is refused stays refused, whatever else arrives.
// Minor versions above 1 are read as 1 (RFC 9110 §2.5), so `version` is 10 or 11. Pure; views point
// into the bytes.
#pragma once

#include <cstddef>
#include <string_view>

namespace tandem {

enum class LineStatus {
  incomplete,  // more bytes are needed
  complete,
  malformed,
  bad_version,  // a request of an unsupported version
  too_long,     // the target, or the line as a whole, is over its limit
};

struct RequestLine {
  std::string_view method;
  std::string_view target;  // visible ASCII, at most limits::target_bytes_max
  int version = 11;
  std::size_t bytes = 0;  // of the line, CRLF included
};
LineStatus read_request_line(std::string_view bytes, RequestLine& line);

struct StatusLine {
  unsigned status = 0;
  std::string_view reason;  // may be absent, and the space before it too
  int version = 11;
  std::size_t bytes = 0;
};
// Never returns bad_version or too_long.
LineStatus read_status_line(std::string_view bytes, StatusLine& line);

}  // namespace tandem
