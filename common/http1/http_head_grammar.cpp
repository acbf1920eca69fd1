// The part of RequestHead and ResponseHead that reads by Boost.Beast's grammar what quick_head
// leaves.
#include <algorithm>

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "common/http1/http_head.hpp"
#include "common/http1/quick_head.hpp"

namespace tandem {

namespace http = boost::beast::http;

namespace {

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

// Beast's grammar, our storage.
template <bool is_request>
class Parser final : public http::basic_parser<is_request> {
 public:
  using Error = boost::beast::error_code;

  std::string_view method, target, reason;
  std::vector<Field>* fields = nullptr;
  std::string_view bytes;
  unsigned status = 0;
  int version = 11;
  bool folded = false;
  bool too_many_fields = false;
  bool target_too_long = false;

 private:
  // Beast unfolds an obs-fold into memory of its own, where the value is then; or, when the first
  // line of the value is empty, takes the next one for it.
  bool is_folded(boost::beast::string_view name, boost::beast::string_view value) const {
    if (value.empty()) return false;
    if (value.data() < bytes.data() || value.data() >= bytes.data() + bytes.size()) return true;
    const auto* name_end = name.data() + name.size();
    return std::find(name_end, value.data(), '\n') != value.data();
  }
  void on_request_impl(http::verb, boost::beast::string_view method_text,
                       boost::beast::string_view target_text, int http_version,
                       Error& error) override {
    method = view(method_text);
    target = view(target_text);
    version = http_version;
    target_too_long = target.size() > limits::target_bytes_max;
    if (target_too_long) error = http::error::header_limit;
  }
  void on_response_impl(int code, boost::beast::string_view reason_text, int http_version,
                        Error&) override {
    status = static_cast<unsigned>(code);
    reason = view(reason_text);
    version = http_version;
  }
  void on_field_impl(http::field, boost::beast::string_view name, boost::beast::string_view value,
                     Error& error) override {
    too_many_fields = fields->size() == limits::header_fields_max;
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

template <bool is_request>
boost::beast::error_code run(Parser<is_request>& parser, std::string_view bytes,
                             std::vector<Field>& fields, std::size_t& used) {
  parser.header_limit(static_cast<std::uint32_t>(limits::header_bytes_max));
  parser.body_limit(boost::none);
  parser.fields = &fields;
  parser.bytes = bytes;
  boost::beast::error_code error;
  used = parser.put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
  // Beast waits for the eight bytes of a version even when the head has ended before them.
  if (error == http::error::need_more && bytes.find("\r\n\r\n") != bytes.npos) {
    error = http::error::bad_version;
  }
  return error;
}

// The version is one that we serve; then it is not the version that was wrong with the first line.
bool names_served_version(std::string_view bytes) {
  const auto line = bytes.substr(0, bytes.find_first_of("\r\n"));
  return line.ends_with(" HTTP/1.1") || line.ends_with(" HTTP/1.0");
}

template <bool is_request>
Refusal refusal_of(const Parser<is_request>& parser, const boost::beast::error_code& error) {
  if (parser.target_too_long) return {414, "uri_too_long", "The request target is over 16 KiB."};
  if (parser.too_many_fields) return {431, "too_many_fields", "The head has more than 256 fields."};
  if (parser.folded) return {400, "bad_request", "A field is folded over several lines."};
  if (error == http::error::header_limit)
    return {431, "head_too_large", "The head is over 64 KiB."};
  if (error == http::error::bad_version && !names_served_version(parser.bytes)) {
    return {505, "bad_version", "Only HTTP/1.1 and HTTP/1.0 are served."};
  }
  return {400, "bad_request", "The message is not well-formed HTTP/1.1."};
}

}  // namespace

HeadStatus RequestHead::parse_carefully(std::string_view bytes) {
  fields_.clear();
  Parser<true> parser;
  const auto error = run(parser, bytes, fields_, head_bytes_);
  if (error == http::error::need_more) {
    if (bytes.size() < limits::header_bytes_max) {
      if (parser.method.empty() && bytes.size() > limits::target_bytes_max + 64) {
        return refuse(414, "uri_too_long", "The request target is over 16 KiB.");
      }
      return HeadStatus::incomplete;
    }
    return refuse(431, "head_too_large", "The head is over 64 KiB.");
  }
  version_ = parser.version;
  method_ = parser.method;
  if (error) {
    refusal_ = refusal_of(parser, error);
    return HeadStatus::refused;
  }
  target_ = parser.target;
  keep_alive_ = parser.keep_alive();
  take_length(parser.content_length());
  return HeadStatus::complete;
}

HeadStatus ResponseHead::parse_carefully(std::string_view bytes, bool to_head) {
  fields_.clear();
  Parser<false> parser;
  parser.skip(to_head);
  const auto error = run(parser, bytes, fields_, head_bytes_);
  if (error == http::error::need_more && bytes.size() < limits::response_head_bytes_max) {
    return HeadStatus::incomplete;
  }
  if (error) {
    refusal_ = {502, "bad_gateway", "The worker's response is not well-formed HTTP/1.1."};
    return HeadStatus::refused;
  }
  version_ = parser.version;
  status_ = parser.status;
  reason_ = parser.reason;
  keep_alive_ = parser.keep_alive();
  take_length(parser.content_length());
  return HeadStatus::complete;
}

}  // namespace tandem
