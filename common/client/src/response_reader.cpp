#include "common/client/src/response_reader.hpp"

#include <limits>
#include <optional>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "common/base/limits.hpp"

namespace tandem::client {

namespace {

namespace http = boost::beast::http;
using Parser = http::response_parser<http::string_body>;

constexpr int interim_responses_max = 16;
constexpr int switching_protocols = 101;  // never asked for

ReadEnd end_of(const boost::system::error_code& error) {
  if (error == http::error::body_limit) return ReadEnd::too_long;
  if (error == http::error::partial_message || error == http::error::end_of_stream) {
    return ReadEnd::lost;
  }
  return ReadEnd::malformed;
}

// Reads on until the parser has one message. `pending`: what has come and is not parsed.
ReadEnd read_message(Connection& connection, Parser& parser, std::string& pending,
                     ReadOutcome& outcome, Instant deadline) {
  boost::system::error_code error;
  while (!parser.is_done()) {
    if (!pending.empty()) {
      const auto used = parser.put(boost::asio::buffer(pending), error);
      pending.erase(0, used);
      if (error && error != http::error::need_more) return end_of(error);
      if (!error && (used > 0 || parser.is_done())) continue;
      error = {};
    }
    switch (connection.receive(pending, deadline)) {
      case Connection::Received::some: outcome.begun = true; break;
      case Connection::Received::timed_out: return ReadEnd::timed_out;
      case Connection::Received::broken: return ReadEnd::lost;
      case Connection::Received::end:
        if (!parser.got_some()) return ReadEnd::lost;
        parser.put_eof(error);
        if (error) return end_of(error);
        break;
    }
  }
  return ReadEnd::whole;
}

void take(Parser& parser, ClientResponse& response) {
  auto message = parser.release();
  response.status = static_cast<int>(message.result_int());
  response.reason = std::string(message.reason());
  for (const auto& field : message) {
    response.headers.emplace(std::string(field.name_string()), std::string(field.value()));
  }
  response.body = std::move(message.body());
}

}  // namespace

ReadOutcome read_response(Connection& connection, bool to_head, std::size_t body_bytes_max,
                          Instant deadline, ClientResponse& response) {
  ReadOutcome outcome;
  std::string pending;
  for (int interim = 0; interim <= interim_responses_max; ++interim) {
    Parser parser;
    parser.header_limit(limits::response_head_bytes_max);
    parser.body_limit(body_bytes_max);
    parser.skip(to_head);
    parser.eager(true);
    outcome.end = read_message(connection, parser, pending, outcome, deadline);
    const int status = parser.is_header_done() ? static_cast<int>(parser.get().result_int()) : 0;
    response.status = status;
    if (outcome.end != ReadEnd::whole) return outcome;
    if (status == switching_protocols) break;
    if (status / 100 == 1) continue;
    outcome.reusable = parser.keep_alive() && !parser.need_eof() && pending.empty();
    take(parser, response);
    return outcome;
  }
  outcome.end = ReadEnd::malformed;
  return outcome;
}

}  // namespace tandem::client
