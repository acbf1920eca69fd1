// h2_case.hpp: rows of frames that a client of HTTP/2 sends to a gateway, and what it has to see
// then: rules of RFC 9113, one by one.
#pragma once

#include <cstdint>
#include <string>

#include "gateway.hpp"
#include "h2_client.hpp"
#include "table.hpp"

namespace tandem::test {

struct H2Outcome {
  enum class Kind {
    answered,          // stream 1 was, with that status
    alive,             // the connection goes on
    stream_error,      // RST_STREAM with that code, and the connection goes on
    connection_error,  // GOAWAY with that code, and the connection is closed
    closed,            // without an error
  };
  Kind kind;
  std::uint32_t number = 0;
};

inline H2Outcome answered(unsigned status = 200) { return {H2Outcome::Kind::answered, status}; }
inline H2Outcome alive() { return {H2Outcome::Kind::alive}; }
inline H2Outcome stream_error(h2::Code code = h2::protocol_error) {
  return {H2Outcome::Kind::stream_error, code};
}
inline H2Outcome connection_error(h2::Code code = h2::protocol_error) {
  return {H2Outcome::Kind::connection_error, code};
}
inline H2Outcome closed() { return {H2Outcome::Kind::closed}; }

struct H2Case {
  std::string why;
  std::string frames;  // behind the preface and SETTINGS
  H2Outcome outcome;
  std::string afterwards{};  // sent when stream 1 has been answered
};

// At a gateway in front of a worker that answers "hello" to everything; in clear, and over TLS.
void check_h2(const H2Case& row);
// The same, and the worker is asked for nothing until then.
void check_h2_refused(const H2Case& row);

// Requests of stream 1.
namespace h2 {

inline std::string get1(const Fields& more = {}) {
  return headers(1, block(get(more)), end_stream);
}
// Its content is to follow.
inline std::string post1(const Fields& more = {}) { return headers(1, block(post(more))); }

}  // namespace h2

}  // namespace tandem::test
