// verdict.hpp: rows of frames that a client sends after its preface, and what a server says to
// them.
#pragma once

#include <optional>
#include <string>

#include "session_fixture.hpp"
#include "tests/gateway/table.hpp"

namespace tandem::test {

struct Verdict {
  enum class Scope { accepted, stream, connection };
  Scope scope = Scope::accepted;
  ErrorCode why = ErrorCode::no_error;
  std::string told{};  // an event that there must be; empty: any
};

inline Verdict stream_error(ErrorCode why = ErrorCode::protocol_error) {
  return {Verdict::Scope::stream, why};
}
inline Verdict connection_error(ErrorCode why = ErrorCode::protocol_error) {
  return {Verdict::Scope::connection, why};
}
inline Verdict accepted(std::string told = {}) {
  return {Verdict::Scope::accepted, ErrorCode::no_error, std::move(told)};
}

struct Sent {
  std::string why;
  std::string frames;
  Verdict verdict;
  StreamId stream = 1;  // that a stream error is about
};

// All at once, and once more byte by byte.
inline void check_verdict(const Sent& row) {
  for (const bool bytewise : {false, true}) {
    Server server;
    if (bytewise) {
      for (const char byte : row.frames) server.feed({&byte, 1});
    } else {
      server.feed(row.frames);
    }
    INFO(fmt::format("{} told: {}", bytewise ? "byte by byte" : "at once",
                     fmt::join(server.told.lines, ", ")));
    switch (row.verdict.scope) {
      case Verdict::Scope::accepted:
        CHECK(server.goaway_code() == -1);
        CHECK(server.frames(h2::rst_stream_type).empty());
        if (!row.verdict.told.empty()) CHECK(server.told.has(row.verdict.told));
        break;
      case Verdict::Scope::stream:
        CHECK(server.goaway_code() == -1);
        CHECK(server.reset_code(row.stream) == code(row.verdict.why));
        // Whoever was told of the stream is told of its end.
        CHECK(server.told.streams.count(row.stream) == 0);
        // The connection goes on.
        server.get(101);
        CHECK(server.told.has("head 101 GET a / ends"));
        break;
      case Verdict::Scope::connection:
        CHECK(server.goaway_code() == code(row.verdict.why));
        CHECK(server.session.is_finished());
        break;
    }
  }
}

// The head of a request with these fields in place of GET's.
inline std::string request(const h2::Fields& fields, std::uint8_t flags = h2::end_stream) {
  return h2::headers(1, h2::block(fields), flags);
}
inline std::string get_with_field(std::string_view name, std::string_view value) {
  return request(h2::get({{std::string(name), std::string(value)}}));
}

}  // namespace tandem::test
