// Chunked bodies: content and verdict do not depend on how the bytes arrive, and what is framed
// anew has the same content and trailers.
#include <string>

#include "input.hpp"
#include "common/http1/body_framing.hpp"

using namespace tandem;
using namespace tandem::fuzz;
using namespace tandem;

namespace {

struct Body {
  std::string content;
  std::string trailers;
  std::size_t consumed = 0;
  bool done = false;
  bool malformed = false;
};

// Reads `raw` in the pieces that `piece` gives: piece(left) is from 1 to left.
template <class Piece>
Body read(std::string raw, Piece piece) {
  Body body;
  BodyReader reader(Framing::chunked, 0);
  while (body.consumed < raw.size() && !reader.done() && !body.malformed) {
    const auto bytes = piece(raw.size() - body.consumed);
    const auto step = reader.read({raw.data() + body.consumed, bytes});
    TANDEM_ASSERT(step.consumed <= bytes);
    TANDEM_ASSERT(step.content.size() <= step.consumed);
    TANDEM_ASSERT(step.malformed || reader.done() || step.consumed == bytes);
    body.malformed = step.malformed;
    body.content += step.content;
    body.consumed += step.consumed;
  }
  body.done = reader.done();
  body.trailers = reader.trailers();
  TANDEM_ASSERT(!(body.done && body.malformed));
  // The end of the stream completes no chunked body.
  TANDEM_ASSERT(reader.end_of_stream() == body.done);
  return body;
}

std::string frame_anew(const Body& body, Cuts& cuts) {
  std::string raw;
  BodyWriter writer(Framing::chunked);
  std::string_view left = body.content;
  while (!left.empty()) {
    const auto bytes = cuts.next(left.size());
    const bool last = bytes == left.size() && cuts.coin();
    const auto frame = writer.frame(bytes, last, body.trailers);
    raw += frame.prefix;
    raw += left.substr(0, bytes);
    raw += frame.suffix;
    left.remove_prefix(bytes);
    if (last) return raw;
  }
  const auto frame = writer.frame(0, true, body.trailers);
  raw += frame.prefix;
  raw += frame.suffix;
  return raw;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string raw(text_of(data, size));
  Cuts cuts(raw);
  const auto whole = read(raw, [](std::size_t left) { return left; });
  const auto pieces = read(raw, [&](std::size_t left) { return cuts.next(left); });
  TANDEM_ASSERT(pieces.done == whole.done);
  TANDEM_ASSERT(pieces.malformed == whole.malformed);
  TANDEM_ASSERT(pieces.consumed == whole.consumed);
  if (!whole.malformed) TANDEM_ASSERT(pieces.content == whole.content);
  TANDEM_ASSERT(pieces.trailers == whole.trailers);
  // Looking for the end finds the same one, and moves nothing.
  BodyReader looking(Framing::chunked, 0);
  const auto found = looking.scan(raw);
  TANDEM_ASSERT(looking.done() == whole.done && found.malformed == whole.malformed);
  TANDEM_ASSERT(found.consumed == whole.consumed);
  if (!whole.done) return 0;

  const auto framed = frame_anew(whole, cuts);
  const auto again = read(framed, [&](std::size_t left) { return cuts.next(left); });
  TANDEM_ASSERT(again.done);
  TANDEM_ASSERT(again.consumed == framed.size());
  TANDEM_ASSERT(again.content == whole.content);
  TANDEM_ASSERT(again.trailers == whole.trailers);
  return 0;
}
