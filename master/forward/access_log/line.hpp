// line.hpp: one request as one line: JSON, or the "combined" format that log readers know.
//
//   {"time":"2024-05-01T12:00:00.123Z","client":"192.0.2.1","method":"GET","target":"/a?b",
//    "status":200,"bytes":128,"duration_ms":0.412,"worker":"w1","attempts":1,
//    "request_id":"6f1c...","term":3,"service":"default"}
//   192.0.2.1 - - [01/May/2024:12:00:00 +0000] "GET /a?b HTTP/1.1" 200 128 "-" "curl/7.88.1"
//
// JSON has the fields that were chosen, in their order, on one line. What is not known is null. A
// target that was cut is followed by "target_bytes", the length that it had. Texts are what a
// stranger sent: quotes, backslashes and control characters are escaped, and a byte that is no
// UTF-8 appears as \u00XX, so that a line is always JSON and harmless on a terminal. In the
// combined format all of these and all beyond ASCII are \xXX, as nginx writes them, and what is not
// known is
// "-". Owner: the thread that writes the log.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

#include "master/forward/access_log/fields.hpp"
#include "master/forward/access_log/options.hpp"
#include "master/forward/access_log/ring.hpp"

namespace tandem::master {

// "HTTP/1.1" for 11; empty when it is not known.
std::string_view protocol_name(unsigned version);

class AccessLineFormat {
 public:
  explicit AccessLineFormat(AccessFormat format = AccessFormat::json,
                            AccessFields fields = AccessFields::usual())
      : format_(format), fields_(std::move(fields)) {}

  // Appends the line of `entry`, which began at `unix_us` (microseconds since 1970, UTC).
  void append(std::string& out, const AccessEntry& entry, std::int64_t unix_us);

 private:
  void append_json(std::string& out, const AccessEntry& entry, std::int64_t unix_us);
  void append_combined(std::string& out, const AccessEntry& entry, std::int64_t unix_us);
  void append_member(std::string& out, AccessField field, const AccessEntry& entry,
                     std::int64_t unix_us);
  void append_time(std::string& out, const char* form, std::int64_t unix_us);

  AccessFormat format_;
  AccessFields fields_;
  // What `text_` says; most lines are of the same second as the one before.
  std::time_t second_ = -1;
  char text_[40] = {};
};

}  // namespace tandem::master
