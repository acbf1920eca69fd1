// quick_head.hpp: reads the heads that nearly everybody sends, quickly, and no others.
//
// A head is read here only when nothing about it is unusual: whole, every line in order, at most
// one Content-Length and one Connection, which says keep-alive or close. All else (what is
// incomplete, wrong, folded, repeated, chunked, upgraded, over a limit) is left to Beast's grammar
// in http_head, whose verdict alone counts. So this can only be wrong by accepting, and what it
// accepts Beast reads alike: tests/unit/http1/quick_head_test.cpp and the fuzzers compare them.
//
// It takes a fifth of the instructions: values are looked through sixteen bytes at a time.
// Pure; views point into the bytes.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/http1/http_head.hpp"

namespace tandem {

struct QuickHead {
  std::string_view method;  // of a request
  std::string_view target;
  unsigned status = 0;  // of a response
  std::string_view reason;
  int version = 11;
  bool has_content_length = false;
  std::uint64_t content_length = 0;
  bool says_close = false;
  bool says_keep_alive = false;
  std::size_t bytes = 0;  // of the head, empty line included

  // RFC 9112 §9.3, a body that the close ends left aside.
  bool keep_alive() const { return version >= 11 ? !says_close : says_keep_alive; }
};

// True: `head` and `fields` say what stands at the start of `bytes`. False: Beast must look, and
// both are worth nothing. REQUIRES: fields.empty()
bool read_quickly(std::string_view bytes, std::vector<Field>& fields, QuickHead& head,
                  bool is_request);

}  // namespace tandem
