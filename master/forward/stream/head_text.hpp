// head_text.hpp: heads of HTTP/2 as the HTTP/1.1 text that crosses the seam, and lines of text as
// fields. What is written here is read by the strict reader of HTTP/1, so that nothing of a head is
// believed that would not be believed of an HTTP/1 client (RFC 9113 §10.3). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/http1/http_head.hpp"
#include "master/forward/http/h2/head.hpp"
#include "master/forward/http/written_head.hpp"
#include "master/forward/io/buffer.hpp"

namespace tandem::master {

// What is known of the body when its head is written as text.
struct KnownBody {
  bool none = false;                     // the head ended the message
  std::optional<std::uint64_t> bytes{};  // it is here as a whole, and has no trailers
  std::string_view websocket_key{};      // none, for it opens a WebSocket, with that key
};

// Appends the head of a request; grows `out` as needed. A body of unknown length is announced as
// chunked, which nobody takes at its word: see MessageStream::body_framing().
void write_request_text(Buffer& out, const h2::Head& head, const KnownBody& body);
// The same of a response, interim or final. A body of unknown length ends with the stream;
// `empty`: there is one, and it has no content.
void write_response_text(Buffer& out, const h2::Head& head, bool empty);
// It is no longer than this.
std::size_t response_text_bytes_max(const h2::Head& head);

// The head of a 2xx that opens a WebSocket (RFC 8441 §5), as the 101 of HTTP/1 with that
// Sec-WebSocket-Accept.
void write_websocket_opened(Buffer& out, const h2::Head& head, std::string_view accept);

// A head that this gateway has written as text, taken apart again.
// REQUIRES: `text` is such a head, whole
void read_written_request(std::string_view text, WrittenHead& head);
void read_written_response(std::string_view text, WrittenHead& head);

// Appends trailers as lines with CRLF.
void write_trailer_lines(std::string& out, const h2::Head& trailers);
// Lines with CRLF as fields; they point into `lines`. REQUIRES: the lines were checked before.
void read_lines(std::string_view lines, std::vector<Field>& fields);

}  // namespace tandem::master
