// head_rules.hpp: what RFC 9113 §8 asks of a head, beyond what nghttp2 sees to, by someone who will
// write it again as HTTP/1 (§10.3).
//
// nghttp2 refuses names and values with characters that they must not have, white space around
// values, pseudo-fields that are unknown, doubled, late or missing, fields of a connection, a
// second Content-Length, and content that is not as long as it says. The tests hold it to that.
// Pure.
#pragma once

#include "master/forward/http/h2/head.hpp"

namespace tandem::master::h2 {

// Why the request is malformed (§8.1.1), so that its stream is reset; nullptr: it is not. One that
// is sound and still cannot be served is refused.
const char* judge_request(Head& head);
// The same of a response's head, an interim one included.
const char* judge_response(const Head& head);

}  // namespace tandem::master::h2
