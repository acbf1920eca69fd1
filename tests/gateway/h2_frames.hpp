// h2_frames.hpp: HTTP/2 as bytes, for tests that must be able to break every rule: frames with any
// type, flags and length, and HPACK in literals alone.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem::test::h2 {

enum Type : std::uint8_t {
  data_type = 0,
  headers_type = 1,
  priority_type = 2,
  rst_stream_type = 3,
  settings_type = 4,
  push_promise_type = 5,
  ping_type = 6,
  goaway_type = 7,
  window_update_type = 8,
  continuation_type = 9,
};

enum Flag : std::uint8_t {
  no_flags = 0,
  end_stream = 0x1,
  ack = 0x1,
  end_headers = 0x4,
  padded = 0x8,
  with_priority = 0x20,
};

enum Setting : std::uint16_t {
  header_table_size = 1,
  enable_push = 2,
  max_concurrent_streams = 3,
  initial_window_size = 4,
  max_frame_size = 5,
  max_header_list_size = 6,
  enable_connect_protocol = 8,
};

enum Code : std::uint32_t {
  no_error = 0x0,
  protocol_error = 0x1,
  internal_error = 0x2,
  flow_control_error = 0x3,
  stream_closed = 0x5,
  frame_size_error = 0x6,
  refused_stream = 0x7,
  cancel = 0x8,
  compression_error = 0x9,
  enhance_your_calm = 0xb,
};

struct Frame {
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::int32_t stream = 0;
  std::string payload;

  bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
  // The error code of RST_STREAM and GOAWAY, the increment of WINDOW_UPDATE, and so on.
  std::uint32_t number(std::size_t offset = 0) const;
};

using Fields = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

std::string number16(std::uint16_t number);
std::string number32(std::uint32_t number);

// A frame whose length is right.
std::string frame(std::uint8_t type, std::uint8_t flags, std::int32_t stream,
                  std::string_view payload = {});
// One that says another length.
std::string frame_of_length(std::uint32_t length, std::uint8_t type, std::uint8_t flags,
                            std::int32_t stream, std::string_view payload = {});

std::string settings(std::initializer_list<std::pair<std::uint16_t, std::uint32_t>> entries = {});
std::string settings_ack();
// A whole head: END_HEADERS is set.
std::string headers(std::int32_t stream, std::string_view block, std::uint8_t flags = no_flags);
// The beginning of one, and what goes on with it: END_HEADERS is not set unless `flags` say so.
std::string open_headers(std::int32_t stream, std::string_view part, std::uint8_t flags = no_flags);
std::string continuation(std::int32_t stream, std::string_view part, std::uint8_t flags = no_flags);
std::string data(std::int32_t stream, std::string_view content, std::uint8_t flags = no_flags);
// `weight` is one more than what is sent.
std::string priority_fields(std::uint32_t dependency = 0, unsigned weight = 16);
std::string priority(std::int32_t stream, std::uint32_t dependency = 0, unsigned weight = 16);
std::string rst_stream(std::int32_t stream, std::uint32_t code);
std::string ping(std::string_view eight_bytes = "12345678", std::uint8_t flags = no_flags);
std::string goaway(std::int32_t last, std::uint32_t code);
std::string window_update(std::int32_t stream, std::uint32_t increment);

// HPACK: literals without indexing, not compressed.
std::string block(const Fields& fields);
// A number with a prefix of so many bits, below `first_bits` of its first byte (RFC 7541 §5.1).
std::string hpack_number(std::size_t number, unsigned prefix_bits, std::uint8_t first_bits = 0);
// A literal that is put into the table, for those who fill it.
std::string indexed_literal(std::string_view name, std::string_view value);
// The same with a name of the static table (RFC 7541, appendix A).
std::string indexed_literal(unsigned name, std::string_view value);

// A literal that nobody may put into a table (RFC 7541 §6.2.3).
std::string never_indexed_literal(std::string_view name, std::string_view value);

// The pseudo-fields of GET / of host a, and more.
Fields get(const Fields& more = {});
Fields post(const Fields& more = {});
// The same, with one pseudo-field changed, or left out when `value` is empty.
Fields get_with(std::string_view pseudo, std::string_view value);

// The frames at the start of `bytes`, which are taken out of it.
std::vector<Frame> take_frames(std::string& bytes);

// Decodes heads, in their order on a connection.
class Decoder {
 public:
  Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder();
  Fields decode(std::string_view block);
  // Of the last head, the names that must never be indexed (RFC 7541 §6.2.3).
  const std::vector<std::string>& never_indexed() const { return never_indexed_; }

 private:
  void* inflater_;
  std::vector<std::string> never_indexed_;
};

}  // namespace tandem::test::h2
