// registry_client.hpp: asks the servers of one registry over HTTP/1.1, or by another conversation,
// in clear or with TLS, each on a connection of its own. A server that does not answer as it should
// gives its turn to the next.
//
// Owner: the thread of its loop. Files of secrets and certificates are read there, again and again,
// so that one may replace them.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/http/http1_conversation.hpp"
#include "common/http/http_call.hpp"
#include "master/discovery/limits.hpp"
#include "master/discovery/source_spec.hpp"

namespace tandem::master {

class RegistryClient {
 public:
  // Both outlive it.
  RegistryClient(boost::asio::io_context& loop, const SourceSpec& spec);

  struct Question {
    HttpRequest request{};
    Duration answer_max{};
    // See Http1Conversation: where it is set, what has come when the time is over is an answer.
    Http1Conversation::Enough enough{};
    std::size_t answer_bytes_max = limits::source_answer_bytes_max;
  };
  // An answer of 2xx. Errors, a few words that name the server: `conflict`: it refuses the request,
  // whose outcome is decided with that; `unavailable`: what has become of it is not known.
  boost::asio::awaitable<Result<HttpAnswer>> ask(Question question);
  // Holds a conversation with the server whose turn it is; took() or failed() then says what has
  // become of it. Errors: `unavailable`, for TLS alone; it has failed() then.
  boost::asio::awaitable<Result<HttpOutcome>> converse(std::shared_ptr<Conversation> conversation,
                                                       HttpCallOptions options);
  void took() { failures_ = 0; }
  // Returns an error that names the server.
  Error failed(const std::string& problem, ErrorCode code = ErrorCode::unavailable);
  // Ends the question under way, and all later ones.
  void cancel() { calls_.cancel(); }
  // So many questions in a row have failed.
  std::size_t failures() const { return failures_; }

 private:
  const SourceSpec& spec_;
  HttpCalls calls_;
  std::size_t turn_ = 0;  // of which server
  std::size_t failures_ = 0;
};

// The content of a file with a secret, without the white space around it. Blocks for the disk.
// Errors: `invalid`, naming the file.
Result<std::string> read_secret(const std::string& file);

}  // namespace tandem::master
