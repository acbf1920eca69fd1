// What quick_head accepts, Boost.Beast reads alike; what it need not accept, it leaves to Beast.
#include <algorithm>
#include <random>
#include <string>

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <catch2/catch.hpp>

#include "common/http1/limits.hpp"
#include "common/http1/quick_head.hpp"

namespace tandem::quick_head_test {

namespace http = boost::beast::http;

namespace {

const std::string browser_request =
    "GET /shop/items?id=42&sort=price HTTP/1.1\r\nHost: shop.example.org\r\n"
    "Connection: keep-alive\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n"
    "Accept: text/html,application/xml;q=0.9,*/*;q=0.8\r\nCookie: session=0123456789abcdef\r\n\r\n";
const std::string upload =
    "PUT /a HTTP/1.0\r\nhost: h\r\nCONTENT-LENGTH: 12\r\nConnection:close\r\nX:\t v "
    "\t\r\nE:\r\n\r\n";
const std::string answer =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 128\r\nDate: Sat\r\n\r\n";

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::string text(boost::beast::string_view view) { return {view.data(), view.size()}; }

template <bool is_request>
using BeastParser = http::parser<is_request, http::empty_body>;

// Bytes of the head; 0: Beast refuses it, or waits for more.
template <bool is_request>
std::size_t read_by_beast(std::string_view bytes, BeastParser<is_request>& parser) {
  parser.header_limit(static_cast<std::uint32_t>(limits::header_bytes_max));
  parser.body_limit(boost::none);
  boost::beast::error_code error;
  const auto used = parser.put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
  return error || !parser.is_header_done() ? 0 : used;
}

// True when quick_head accepted. Fields of one name keep their order; Beast puts them together.
template <bool is_request>
bool accepted_and_agreed(std::string_view bytes) {
  QuickHead quick;
  std::vector<Field> fields;
  if (!read_quickly(bytes, fields, quick, is_request)) return false;
  CAPTURE(std::string(bytes));
  BeastParser<is_request> parser;
  REQUIRE(quick.bytes == read_by_beast<is_request>(bytes, parser));
  const auto& message = parser.get();
  CHECK(quick.version == static_cast<int>(message.version()));
  CHECK(quick.has_content_length == parser.content_length().has_value());
  CHECK(quick.content_length == parser.content_length().value_or(0));
  if constexpr (is_request) {
    CHECK(quick.method == text(message.method_string()));
    CHECK(quick.target == text(message.target()));
    CHECK(quick.keep_alive() == parser.keep_alive());
  } else {
    CHECK(quick.status == message.result_int());
    if (!quick.reason.empty()) CHECK(quick.reason == text(message.reason()));  // else the usual one
  }
  Pairs own;
  Pairs theirs;
  for (const auto& field : fields) own.emplace_back(field.name, field.value);
  for (const auto& field : message) {
    theirs.emplace_back(text(field.name_string()), text(field.value()));
  }
  const auto by_name = [](const auto& a, const auto& b) { return a.first < b.first; };
  std::stable_sort(own.begin(), own.end(), by_name);
  std::stable_sort(theirs.begin(), theirs.end(), by_name);
  CHECK(own == theirs);
  return true;
}

// Changes, removes, repeats or inserts a few bytes.
std::string damaged(std::string text, std::mt19937& random) {
  using namespace std::string_view_literals;
  static constexpr auto dangerous = "\0\t\n\r \x7f\x80\xff:,;HTTP/1.0\x1f\x0b"sv;
  for (auto times = 1 + random() % 3; times > 0 && !text.empty(); --times) {
    const auto place = random() % text.size();
    const char byte = dangerous[random() % dangerous.size()];
    switch (random() % 4) {
      case 0: text[place] = byte; break;
      case 1: text.erase(place, 1 + random() % 3); break;
      case 2: text.insert(place, text.substr(place, 1 + random() % 24)); break;
      default: text.insert(place, 1, byte); break;
    }
  }
  return text;
}

}  // namespace

TEST_CASE("ordinary heads are read quickly") {
  CHECK(accepted_and_agreed<true>(browser_request));
  CHECK(accepted_and_agreed<true>(upload + "twelve bytes"));
  CHECK(accepted_and_agreed<false>(answer));
}

TEST_CASE("whatever is accepted quickly means the same to Beast") {
  std::mt19937 random(20240607);
  int accepted = 0;
  for (int round = 0; round < 30'000; ++round) {
    accepted += accepted_and_agreed<true>(damaged(round % 2 ? browser_request : upload, random));
    accepted += accepted_and_agreed<false>(damaged(answer, random));
  }
  CHECK(accepted > 1000);
}

TEST_CASE("a head that has not ended is not read quickly") {
  for (std::size_t size = 0; size < browser_request.size(); ++size) {
    QuickHead head;
    std::vector<Field> fields;
    CHECK_FALSE(
        read_quickly(std::string_view(browser_request).substr(0, size), fields, head, true));
  }
}

TEST_CASE("what makes the end of a message hard to tell is left to Beast") {
  for (const std::string_view line :
       {"Transfer-Encoding: chunked", "Content-Length: 1\r\nContent-Length: 1",
        "Content-Length: +1", "Content-Length:", "Content-Length: 1, 1",
        "Content-Length: 1234567890123456789", "Connection: close, X",
        "Connection: close\r\nConnection: close", "Connection: Upgrade", "Proxy-Connection: close",
        "Upgrade: websocket", "A: 1\r\n folded", "A : 1", "A: 1\n"}) {
    QuickHead head;
    std::vector<Field> fields;
    const auto bytes = "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(line) + "\r\n\r\n";
    CAPTURE(bytes);
    CHECK_FALSE(read_quickly(bytes, fields, head, true));
  }
}

TEST_CASE("limits are left to Beast") {
  const auto reads = [](const std::string& bytes) {
    QuickHead head;
    std::vector<Field> fields;
    return read_quickly(bytes, fields, head, true);
  };
  const auto fields = [](std::size_t count) {
    std::string bytes = "GET / HTTP/1.1\r\n";
    for (std::size_t i = 0; i < count; ++i) bytes += "A: b\r\n";
    return bytes + "\r\n";
  };
  const auto target = [](std::size_t size) {
    return "GET /" + std::string(size - 1, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  };
  CHECK(reads(fields(limits::header_fields_max)));
  CHECK_FALSE(reads(fields(limits::header_fields_max + 1)));
  CHECK(reads(target(limits::target_bytes_max)));
  CHECK_FALSE(reads(target(limits::target_bytes_max + 1)));
}

}  // namespace tandem::quick_head_test
