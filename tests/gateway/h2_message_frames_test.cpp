// RFC 9113 §6.1 to §6.4 at a gateway: DATA, HEADERS, PRIORITY, RST_STREAM.
#include "h2_case.hpp"

namespace tandem::test::h2_message_frames_test {

using namespace std::string_literals;
using h2::frame;
using h2::get1;
using h2::post1;

namespace {

const auto get_block = h2::block(h2::get());
const auto open1 = h2::open_headers(1, get_block.substr(0, 10));
const auto rest = get_block.substr(10);
const auto whole = h2::end_stream | h2::end_headers;
const auto padded_end = h2::end_stream | h2::padded;

std::string padded_headers(unsigned padding, const std::string& behind) {
  return frame(h2::headers_type, whole | h2::padded, 1,
               std::string(1, static_cast<char>(padding)) + behind);
}

[[maybe_unused]] const bool data = each_row_is_a_case<H2Case>(
    "HTTP/2 §6.1",
    {
        {"DATA of the connection", h2::data(0, "test", h2::end_stream), connection_error()},
        {"DATA on a stream that is not open", get1() + h2::data(1, "test", h2::end_stream),
         connection_error(h2::stream_closed)},
        {"padding longer than the payload",
         post1({{"content-length", "4"}}) + h2::data(1, "\x06Test", padded_end),
         connection_error()},
        {"padding as long as the payload", post1() + h2::data(1, "\x04Test"s.substr(0, 4), 9),
         connection_error()},
        {"padding that is said and not there", post1() + h2::data(1, "", padded_end),
         connection_error(h2::frame_size_error)},
        {"DATA", post1() + h2::data(1, "test", h2::end_stream), answered()},
        {"several frames of DATA",
         post1() + h2::data(1, "te") + h2::data(1, "st") + h2::data(1, "!", h2::end_stream),
         answered()},
        {"DATA with padding", post1() + h2::data(1, "\x06test\0\0\0\0\0\0"s, padded_end),
         answered()},
        {"DATA with the most padding",
         post1() + h2::data(1, "\xffx" + std::string(255, '\0'), padded_end), answered()},
        {"DATA that is padding alone, and ends", post1() + h2::data(1, "\x02\0\0"s, padded_end),
         answered()},
        {"padding that is no zeros is taken", post1() + h2::data(1, "\x02hiXX", padded_end),
         answered()},
        {"empty DATA, and it ends", post1() + h2::data(1, "", h2::end_stream), answered()},
    },
    check_h2, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool headers = each_row_is_a_case<H2Case>(
    "HTTP/2 §6.2",
    {
        {"PRIORITY where CONTINUATION must be",
         open1 + h2::priority(1) + h2::continuation(1, rest, h2::end_headers), connection_error()},
        {"HEADERS of another stream where CONTINUATION must be",
         open1 + h2::headers(3, get_block, h2::end_stream) +
             h2::continuation(1, rest, h2::end_headers),
         connection_error()},
        {"HEADERS of the connection", h2::headers(0, get_block, h2::end_stream),
         connection_error()},
        {"padding longer than HEADERS",
         padded_headers(static_cast<unsigned>(get_block.size() + 2), get_block),
         connection_error()},
        {"padding over all of HEADERS",
         padded_headers(static_cast<unsigned>(get_block.size() + 1), get_block),
         connection_error()},
        {"padding that is said and not there", frame(h2::headers_type, whole | h2::padded, 1),
         connection_error(h2::frame_size_error)},
        {"too short for its priority",
         frame(h2::headers_type, whole | h2::with_priority, 1, "\0\0"s),
         connection_error(h2::frame_size_error)},
        {"HEADERS", get1(), answered()},
        {"HEADERS with padding", padded_headers(6, get_block + std::string(6, '\0')), answered()},
        {"HEADERS with padding and priority",
         frame(h2::headers_type, whole | h2::padded | h2::with_priority, 1,
               "\x03"s + h2::priority_fields(0, 255) + get_block + "\0\0\0"s),
         answered()},
        {"HEADERS with END_STREAM whose fields end in CONTINUATION",
         h2::open_headers(1, get_block.substr(0, 10), h2::end_stream) +
             h2::continuation(1, rest, h2::end_headers),
         answered()},
    },
    check_h2, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool priority = each_row_is_a_case<H2Case>(
    "HTTP/2 §6.3",
    {
        {"PRIORITY of the connection", h2::priority(0), connection_error()},
        {"PRIORITY that is too short", get1() + frame(h2::priority_type, 0, 1, "\x80\0\0\1"s),
         connection_error(h2::frame_size_error)},
        {"PRIORITY that is too long", get1() + frame(h2::priority_type, 0, 1, "\0\0\0\0\0\0"s),
         connection_error(h2::frame_size_error)},
        {"the least weight", h2::priority(1, 0, 1) + get1(), answered()},
        {"the largest weight", h2::priority(1, 0, 256) + get1(), answered()},
        {"a dependency on another stream", h2::priority(3, 1) + get1(), answered()},
        {"an exclusive dependency", h2::priority(1, 0x80000000) + get1(), answered()},
        {"PRIORITY of an idle stream, then a request on a lower one", h2::priority(3) + get1(),
         answered()},
    },
    check_h2, CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool rst_stream = each_row_is_a_case<H2Case>(
    "HTTP/2 §6.4",
    {
        {"RST_STREAM of the connection", h2::rst_stream(0, h2::cancel), connection_error()},
        {"RST_STREAM of an idle stream", h2::rst_stream(1, h2::cancel), connection_error()},
        {"RST_STREAM that is too short", get1() + frame(h2::rst_stream_type, 0, 1, "\0\0\0"s),
         connection_error(h2::frame_size_error)},
        {"RST_STREAM that is too long", get1() + frame(h2::rst_stream_type, 0, 1, "\0\0\0\0\x08"s),
         connection_error(h2::frame_size_error)},
        {"RST_STREAM of an open stream", post1() + h2::rst_stream(1, h2::cancel), alive()},
        {"RST_STREAM behind content", post1() + h2::data(1, "x") + h2::rst_stream(1, h2::cancel),
         alive()},
    },
    check_h2, CATCH_INTERNAL_LINEINFO);

}  // namespace

}  // namespace tandem::test::h2_message_frames_test
