// line.hpp: one request as one line of JSON.
//
//   {"time":"2024-05-01T12:00:00.123Z","client":"192.0.2.1","method":"GET","target":"/a?b",
//    "status":200,"bytes":128,"duration_ms":0.412,"worker":"w1","attempts":1,
//    "request_id":"6f1c...","term":3,"service":"default"}
//
// Always in this order, on one line. What is not known is null. A target that was cut is followed
// by "target_bytes", the length that it had. Texts are what a stranger sent: quotes, backslashes
// and control characters are escaped, and a byte that is no UTF-8 appears as \u00XX, so that a line
// is always JSON and harmless on a terminal. Owner: the thread that writes the log.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

#include "master/forward/access_log/ring.hpp"

namespace tandem::master {

// Appends `text` between quotes.
void append_json_text(std::string& out, std::string_view text);

class AccessLineFormat {
 public:
  // Appends the line of `entry`, which began at `unix_us` (microseconds since 1970, UTC).
  void append(std::string& out, const AccessEntry& entry, std::int64_t unix_us);

 private:
  void append_time(std::string& out, std::int64_t unix_us);

  std::time_t second_ =
      -1;  // what `text_` says; most lines are of the same second as the one before
  char text_[32] = {};
};

}  // namespace tandem::master
