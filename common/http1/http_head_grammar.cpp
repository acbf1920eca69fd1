// The part of RequestHead and ResponseHead that reads the heads that quick_head rejects: the first
// line by start_line, the fields by Boost.Beast's grammar.
#include <algorithm>

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "common/http1/field_kind.hpp"
#include "common/http1/http_head.hpp"
#include "common/http1/limits.hpp"
#include "common/http1/start_line.hpp"

namespace tandem {

namespace http = boost::beast::http;

namespace {

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

// Beast's grammar for fields, with our storage.
template <bool is_request>
class Parser final : public http::basic_parser<is_request> {
 public:
  using Error = boost::beast::error_code;

  std::vector<Field>* fields = nullptr;
  std::string_view bytes;  // behind the first line
  bool folded = false;
  bool too_many_fields = false;

 private:
  // Fields that another gateway may have added on top of the client's; RequestHead counts again.
  static constexpr std::size_t added_fields_max = 16;
  static constexpr auto fields_max =
      is_request ? limits::header_fields_max + added_fields_max : limits::response_fields_max;

  // Beast unfolds an obs-fold into memory of its own, to which the value then points; if the first
  // line of the value is empty, it takes the next line as the value.
  bool is_folded(boost::beast::string_view name, boost::beast::string_view value) const {
    if (value.empty()) return false;
    if (value.data() < bytes.data() || value.data() >= bytes.data() + bytes.size()) return true;
    const auto* name_end = name.data() + name.size();
    return std::find(name_end, value.data(), '\n') != value.data();
  }
  // Beast sees a first line that we wrote.
  void on_request_impl(http::verb, boost::beast::string_view, boost::beast::string_view, int,
                       Error&) override {}
  void on_response_impl(int, boost::beast::string_view, int, Error&) override {}
  void on_field_impl(http::field, boost::beast::string_view name, boost::beast::string_view value,
                     Error& error) override {
    too_many_fields = fields->size() == fields_max;
    folded = is_folded(name, value);
    if (too_many_fields || folded) {
      error = http::error::bad_field;
      return;
    }
    const auto name_text = view(name);
    fields->push_back({kind_of(name_text), name_text, view(value)});
  }
  void on_header_impl(Error&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Error&) override {}
  std::size_t on_body_impl(boost::beast::string_view body, Error&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, boost::beast::string_view, Error&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, boost::beast::string_view body, Error&) override {
    return body.size();
  }
  void on_finish_impl(Error&) override {}
};

// A first line with the same meaning for Beast, which accepts fewer forms.
std::string_view line_for(const RequestLine& line) {
  return line.version == 10 ? "GET / HTTP/1.0\r\n" : "GET / HTTP/1.1\r\n";
}

class LineFor {
 public:
  explicit LineFor(const StatusLine& line) {
    if (line.version == 10) text_[7] = '0';
    text_[9] = static_cast<char>('0' + line.status / 100);
    text_[10] = static_cast<char>('0' + line.status / 10 % 10);
    text_[11] = static_cast<char>('0' + line.status % 10);
  }
  std::string_view text() const { return {text_, sizeof text_ - 1}; }

 private:
  char text_[16] = "HTTP/1.1 200 \r\n";
};

// Reads the fields after the first line, which has `line_bytes`. `used`: bytes of the head.
template <bool is_request>
boost::beast::error_code run(Parser<is_request>& parser, std::string_view first,
                             std::string_view bytes, std::size_t line_bytes,
                             std::vector<Field>& fields, std::size_t& used) {
  constexpr auto all = static_cast<std::uint32_t>(limits::header_bytes_max + 64);
  parser.header_limit(all);
  parser.body_limit(boost::none);
  parser.fields = &fields;
  boost::beast::error_code error;
  parser.put(boost::asio::const_buffer(first.data(), first.size()), error);
  if (error != http::error::need_more) return http::error::bad_value;
  parser.bytes = bytes.substr(0, limits::header_bytes_max).substr(line_bytes);
  if (parser.bytes.empty()) return error;
  used = line_bytes +
         parser.put(boost::asio::const_buffer(parser.bytes.data(), parser.bytes.size()), error);
  // At a bare LF that may end the head, Beast waits for the next byte.
  if (error == http::error::need_more && bytes.ends_with("\n\n")) {
    error = http::error::bad_line_ending;
  }
  return error;
}

Refusal refusal_of(LineStatus line) {
  if (line == LineStatus::too_long) {
    return {414, "uri_too_long", "The request target is over 16 KiB."};
  }
  if (line == LineStatus::bad_version) {
    return {505, "bad_version", "Only HTTP/1.1 and HTTP/1.0 are served."};
  }
  return {400, "bad_request", "The message is not well-formed HTTP/1.1."};
}

constexpr Refusal too_large{431, "head_too_large", "The head is over 64 KiB."};

Refusal refusal_of(const Parser<true>& parser, const boost::beast::error_code& error) {
  if (parser.too_many_fields) return {431, "too_many_fields", "The head has more than 256 fields."};
  if (parser.folded) return {400, "bad_request", "A field is folded over several lines."};
  if (error == http::error::header_limit) return too_large;
  return refusal_of(LineStatus::malformed);
}

}  // namespace

HeadStatus RequestHead::parse_carefully(std::string_view bytes) {
  fields_.clear();
  RequestLine line;
  const auto first = read_request_line(bytes, line);
  method_ = line.method;
  if (first == LineStatus::incomplete) return HeadStatus::incomplete;
  if (first != LineStatus::complete) {
    refusal_ = refusal_of(first);
    return HeadStatus::refused;
  }
  target_ = sent_target_ = line.target;
  version_ = line.version;
  Parser<true> parser;
  const auto error = run(parser, line_for(line), bytes, line.bytes, fields_, head_bytes_);
  if (error == http::error::need_more && bytes.size() < limits::header_bytes_max) {
    return HeadStatus::incomplete;
  }
  if (error) {
    refusal_ = error == http::error::need_more ? too_large : refusal_of(parser, error);
    return HeadStatus::refused;
  }
  keep_alive_ = parser.keep_alive();
  take_length(parser.content_length());
  return HeadStatus::complete;
}

HeadStatus ResponseHead::parse_carefully(std::string_view bytes, bool to_head) {
  fields_.clear();
  StatusLine line;
  const auto first = read_status_line(bytes, line);
  boost::beast::error_code error = http::error::need_more;
  Parser<false> parser;
  parser.skip(to_head);
  if (first == LineStatus::complete) {
    error = run(parser, LineFor(line).text(), bytes, line.bytes, fields_, head_bytes_);
  } else if (first != LineStatus::incomplete) {
    error = http::error::bad_status;
  }
  if (error == http::error::need_more && bytes.size() < limits::response_head_bytes_max) {
    return HeadStatus::incomplete;
  }
  if (error) {
    refusal_ = {502, "bad_gateway", "The worker's response is not well-formed HTTP/1.1."};
    return HeadStatus::refused;
  }
  version_ = line.version;
  status_ = line.status;
  reason_ = line.reason;
  keep_alive_ = parser.keep_alive();
  take_length(parser.content_length());
  return HeadStatus::complete;
}

}  // namespace tandem
