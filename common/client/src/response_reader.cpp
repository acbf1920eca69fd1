#include "common/client/src/response_reader.hpp"

#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "common/http1/limits.hpp"

namespace tandem::client {

namespace {

namespace http = boost::beast::http;
using SystemError = boost::system::error_code;

constexpr int interim_responses_max = 16;
constexpr int status_continue = 100;
constexpr int switching_protocols = 101;  // never asked for

}  // namespace

// Beast's grammar, with our storage.
class ResponseReader::Parser : public http::basic_parser<false> {
  using Text = boost::beast::string_view;

 public:
  Parser(bool to_head, std::uint32_t head_bytes_max) {
    header_limit(head_bytes_max);
    body_limit(boost::none);
    skip(to_head);
  }

  void take_body_by(const Take& take) { take_ = &take; }
  bool was_refused() const { return refused_; }
  int status() const { return head_.status; }
  void release_head(ClientResponse& response) {
    response.status = head_.status;
    response.reason = std::move(head_.reason);
    response.headers = std::move(head_.headers);
  }

 protected:
  void on_request_impl(http::verb, Text, Text, int, SystemError&) override {}
  void on_response_impl(int status, Text reason, int, SystemError&) override {
    head_.status = status;
    head_.reason = std::string(reason);
  }
  void on_field_impl(http::field, Text name, Text value, SystemError&) override {
    if (!is_header_done()) head_.headers.emplace(std::string(name), std::string(value));
  }
  void on_header_impl(SystemError&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, SystemError&) override {}
  std::size_t on_body_impl(Text body, SystemError& error) override {
    return hand_over(body, error);
  }
  void on_chunk_header_impl(std::uint64_t, Text, SystemError&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, Text body, SystemError& error) override {
    return hand_over(body, error);
  }
  void on_finish_impl(SystemError&) override {}

 private:
  std::size_t hand_over(Text body, SystemError& error) {
    refused_ = take_ == nullptr || !(*take_)({body.data(), body.size()});
    if (refused_) error = http::error::body_limit;
    return body.size();
  }

  ClientResponse head_;
  const Take* take_ = nullptr;
  bool refused_ = false;
};

ResponseReader::ResponseReader(Connection& connection, Wait& wait, bool to_head)
    : connection_(connection), wait_(wait), to_head_(to_head) {}

ResponseReader::~ResponseReader() = default;

// Parses the received bytes, and waits for more if they are not enough. `whole`: some progress was
// made.
ReadEnd ResponseReader::advance(Instant until) {
  SystemError error;
  if (!pending_.empty()) {
    const auto used = parser_->put(boost::asio::buffer(pending_), error);
    pending_.erase(0, used);
    if (parser_->was_refused()) return ReadEnd::refused;
    if (error && error != http::error::need_more) return ReadEnd::malformed;
    if (!error && (used > 0 || parser_->is_done())) return ReadEnd::whole;
    error = {};
  }
  switch (connection_.receive(pending_, wait_, until)) {
    case Connection::Received::some: begun_ = true; break;
    case Connection::Received::late: return ReadEnd::late;
    case Connection::Received::dead: return ReadEnd::dead;
    case Connection::Received::broken: return ReadEnd::lost;
    case Connection::Received::end:
      if (!parser_->got_some()) return ReadEnd::lost;
      parser_->put_eof(error);
      if (error == http::error::partial_message || error == http::error::end_of_stream) {
        return ReadEnd::lost;
      }
      if (error) return ReadEnd::malformed;
      break;
  }
  return ReadEnd::whole;
}

Interim ResponseReader::await_continue(Instant until) {
  for (;;) {
    if (!parser_) {
      parser_ = std::make_unique<Parser>(to_head_, limits::response_head_bytes_max);
    }
    while (!parser_->is_header_done()) {
      const auto came = advance(until);
      if (came == ReadEnd::late && !wait_.deadline().has_passed()) return Interim::silent;
      if (came != ReadEnd::whole) return Interim::answered;
    }
    const int status = parser_->status();
    const bool is_interim = status / 100 == 1 && status != switching_protocols;
    if (!is_interim || ++interim_ > interim_responses_max) return Interim::answered;
    parser_.reset();
    if (status == status_continue) return Interim::go_on;
  }
}

ReadEnd ResponseReader::read_head(ClientResponse& response) {
  for (; interim_ <= interim_responses_max; ++interim_) {
    if (!parser_) {
      parser_ = std::make_unique<Parser>(to_head_, limits::response_head_bytes_max);
    }
    while (!parser_->is_header_done()) {
      if (const auto came = advance(Instant::forever()); came != ReadEnd::whole) return came;
    }
    const int status = parser_->status();
    if (status == switching_protocols) return ReadEnd::malformed;
    if (status / 100 != 1) {
      parser_->release_head(response);
      return ReadEnd::whole;
    }
    parser_.reset();
  }
  return ReadEnd::malformed;
}

ReadEnd ResponseReader::read_body(const Take& take) {
  parser_->take_body_by(take);
  parser_->eager(true);
  while (!parser_->is_done()) {
    if (const auto came = advance(Instant::forever()); came != ReadEnd::whole) return came;
  }
  return ReadEnd::whole;
}

bool ResponseReader::leaves_reusable() const {
  return parser_->keep_alive() && !parser_->need_eof() && pending_.empty();
}

}  // namespace tandem::client
