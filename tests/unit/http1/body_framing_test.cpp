#include "common/http1/body_framing.hpp"

#include <catch2/catch.hpp>

namespace tandem::body_framing_test {
namespace {

struct Read {
  std::string content;
  std::string trailers;
  std::size_t consumed = 0;
  bool done = false;
  bool malformed = false;
};

// Reads `raw` in pieces of `step` bytes.
Read read_in_steps(BodyReader reader, const std::string& raw, std::size_t step) {
  Read all;
  while (all.consumed < raw.size() && !reader.done()) {
    auto piece = raw.substr(all.consumed, step);
    const auto read = reader.read({piece.data(), piece.size()});
    all.content += read.content;
    all.consumed += read.consumed;
    all.malformed = read.malformed;
    if (read.malformed) break;
  }
  all.done = reader.done();
  all.trailers = reader.trailers();
  return all;
}

}  // namespace

TEST_CASE(
    "looking for the end of a body finds it, in any pieces, and leaves the bytes as they are") {
  const std::string chunked = "5;x\r\nhello\r\n1\r\n!\r\n0\r\nX-A: 1\r\n\r\n";
  for (std::size_t step = 1; step <= chunked.size(); ++step) {
    INFO(step);
    const auto raw = chunked + "GET / HTTP/1.1";
    BodyReader reader(Framing::chunked, 0);
    std::size_t at = 0;
    while (!reader.done()) at += reader.scan(std::string_view(raw).substr(at, step)).consumed;
    CHECK(at == chunked.size());
    CHECK(reader.trailers() == "X-A: 1\r\n");
  }
  BodyReader length(Framing::length, 5);
  CHECK(length.scan("hel").consumed == 3);
  CHECK(length.scan("lo, world").consumed == 2);
  CHECK(length.done());
  BodyReader broken(Framing::chunked, 0);
  CHECK(broken.scan("5\r\nhelloX").malformed);
  CHECK(broken.scan("\r\n").malformed);
}

TEST_CASE("a chunked body is the same however it is cut into pieces") {
  const std::string raw =
      "5\r\nhello\r\nA;name=\"va lue\"\r\n0123456789\r\n00\r\nX-A: 1\r\nX-B:\r\n\r\nGET / HTTP/1.1";
  for (std::size_t step = 1; step <= raw.size(); ++step) {
    INFO(step);
    const auto read = read_in_steps(BodyReader(Framing::chunked, 0), raw, step);
    CHECK(read.done);
    CHECK(read.content == "hello0123456789");
    CHECK(read.trailers == "X-A: 1\r\nX-B:\r\n");
    CHECK(raw.substr(read.consumed) == "GET / HTTP/1.1");
  }
}

TEST_CASE("a body of known length ends at its length") {
  const auto read = read_in_steps(BodyReader(Framing::length, 5), "helloworld", 3);
  CHECK(read.done);
  CHECK(read.content == "hello");
  CHECK(read.consumed == 5);
  CHECK(BodyReader(Framing::length, 0).done());
  CHECK(BodyReader(Framing::none, 0).done());
}

TEST_CASE("a body that ends with its connection is complete only then") {
  BodyReader reader(Framing::until_close, 0);
  std::string raw = "some";
  CHECK(reader.read({raw.data(), raw.size()}).content == "some");
  CHECK_FALSE(reader.done());
  CHECK(reader.end_of_stream());
}

TEST_CASE("the end of the stream does not complete a body that said its length") {
  BodyReader length(Framing::length, 10);
  CHECK_FALSE(length.end_of_stream());
  BodyReader chunked(Framing::chunked, 0);
  CHECK_FALSE(chunked.end_of_stream());
}

TEST_CASE("chunk sizes are read to the largest that there is, and not beyond") {
  std::string largest = "ffffffffffffffff\r\n";
  BodyReader reader(Framing::chunked, 0);
  CHECK_FALSE(reader.read({largest.data(), largest.size()}).malformed);
  std::string beyond = "1ffffffffffffffff\r\n";
  BodyReader other(Framing::chunked, 0);
  CHECK(other.read({beyond.data(), beyond.size()}).malformed);
}

TEST_CASE("what is written chunked reads back as what it was") {
  BodyWriter writer(Framing::chunked);
  std::string raw;
  for (const auto* content : {"a", "bb", "", "cccccccccccccccccccccccccccccccccccccccc"}) {
    const auto frame = writer.frame(std::string_view(content).size(), false);
    raw += frame.prefix;
    raw += content;
    raw += frame.suffix;
  }
  raw += writer.frame(0, true, "X: 1\r\n").suffix;
  const auto read = read_in_steps(BodyReader(Framing::chunked, 0), raw, 7);
  CHECK(read.done);
  CHECK(read.content == "abbcccccccccccccccccccccccccccccccccccccccc");
  CHECK(read.trailers == "X: 1\r\n");
}

TEST_CASE("other framings put nothing around content") {
  BodyWriter writer(Framing::length);
  const auto frame = writer.frame(10, true, "X: 1\r\n");
  CHECK(frame.prefix.empty());
  CHECK(frame.suffix.empty());
}

}  // namespace tandem::body_framing_test
