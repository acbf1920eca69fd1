// body_framing.hpp: takes the framing off a body and puts another one on (RFC 9112 §6 and §7).
//
// BodyReader removes the framing of arriving bytes: it finds the content and knows when the body
// has ended. BodyWriter frames the content that is sent on. Between them there is only content, so
// the output is always unambiguous whatever the input was: chunk extensions are dropped, sizes are
// written anew. Owner: one exchange.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "common/http1/http_head.hpp"

namespace tandem {

class BodyReader {
 public:
  struct Step {
    std::string_view content;  // within the raw bytes; joined there when chunk framing divided it
    std::size_t consumed = 0;  // raw bytes read, framing included
    bool malformed = false;    // the framing is broken: nothing after this can be trusted
  };

  BodyReader() = default;
  BodyReader(Framing framing, std::uint64_t content_length);

  // Reads as much of `raw` as belongs to the body. Moves content within `raw` (chunked only).
  // REQUIRES: !done()
  Step read(std::span<char> raw);

  // Finds the end of the body without extracting it: `raw` is not changed, and the step has no
  // content. REQUIRES: !done()
  Step scan(std::string_view raw);

  // The whole body has been read. Never true for until_close, which end_of_stream() ends.
  bool done() const { return state_ == State::done; }
  // The stream has ended. True if that completes the body (until_close), or it was complete
  // already.
  bool end_of_stream();
  // Content bytes still to come; known only for `length`.
  std::uint64_t remaining() const { return framing_ == Framing::length ? remaining_ : 0; }
  Framing framing() const { return framing_; }
  // The trailer section as lines with CRLF, without the empty line that ends it, and without fields
  // that are not allowed there (trailer_fields.hpp); empty when there is none.
  std::string_view trailers() const { return trailers_; }

 private:
  enum class State : std::uint8_t {
    content,     // length, until_close; or inside a chunk
    size_first,  // the first digit of a chunk size
    size_more,   // further digits
    size_space,  // white space after them, which only an extension may follow
    extension,   // after ';' up to CR
    size_lf,     // LF of the size line
    data_cr,     // CR after a chunk's data
    data_lf,
    trailer_start,  // first byte of a trailer line, or CR of the empty line
    trailer,        // within a trailer line
    trailer_lf,
    end_lf,  // LF of the empty line
    done,
    broken,
  };

  Step read_chunked(std::span<char> raw);
  // One byte of framing. False when it is not allowed here.
  bool take(char c);
  bool take_size_digit(char c);
  bool append_trailer(char c);
  bool end_trailer_line();

  Framing framing_ = Framing::none;
  State state_ = State::done;
  std::uint64_t remaining_ = 0;   // of the body (length) or of the chunk (chunked)
  std::uint32_t line_bytes_ = 0;  // digits, then extension bytes, of the current size line
  std::string trailers_;
  std::uint32_t trailers_dropped_ = 0;
};

class BodyWriter {
 public:
  explicit BodyWriter(Framing framing = Framing::none) : framing_(framing) {}

  struct Frame {
    std::string_view
        prefix;  // to be written before the content; lives in this object until the next call
    std::string_view suffix;  // and after it
  };

  void set_framing(Framing framing) { framing_ = framing; }
  // The framing around `bytes` of content. With `last` the suffix includes the end of the body.
  // `trailers` are lines with CRLF; they are sent only with chunked and `last`.
  Frame frame(std::size_t bytes, bool last, std::string_view trailers = {});

 private:
  Framing framing_;
  std::array<char, 24> prefix_;
  std::string suffix_;
};

}  // namespace tandem
