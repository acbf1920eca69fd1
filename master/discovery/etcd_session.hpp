// etcd_session.hpp: asks the servers of one etcd in turn, by the JSON gateway of its third API, as
// its user, if there is one.
//
// Etcd gives a token for a password, which ends with its time, or with the process that gave it:
// who is refused with one asks for another, and asks once more.
//
// Owner: the thread of its loop.
#pragma once

#include <cstddef>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "master/discovery/limits.hpp"
#include "master/discovery/registry_client.hpp"
#include "master/discovery/source_spec.hpp"

namespace tandem::master {

class EtcdSession {
 public:
  // Both outlive it.
  EtcdSession(boost::asio::io_context& loop, const SourceSpec& spec);

  struct Question {
    std::string target;  // such as /v3/kv/range
    std::string body{};  // JSON
    Duration answer_max = limits::source_answer_max;
    std::size_t answer_bytes_max = limits::source_answer_bytes_max;
    Http1Conversation::Enough enough{};  // see RegistryClient
  };
  // As RegistryClient::ask.
  boost::asio::awaitable<Result<HttpAnswer>> ask(Question question);
  // What was answered is no answer: the next question goes to the next server. Returns an error
  // that names this one.
  Error failed(const std::string& problem) { return client_.failed(problem); }
  // Who asked was refused, though the answer does not say so in its status.
  void forget_token() { token_.clear(); }
  std::size_t failures() const { return client_.failures(); }
  // Ends the question under way, and all later ones.
  void cancel() { client_.cancel(); }

 private:
  boost::asio::awaitable<Result<HttpAnswer>> ask_once(Question question);
  boost::asio::awaitable<Result<>> log_in();

  const SourceSpec& spec_;
  RegistryClient client_;
  std::string token_;  // empty: to be asked for, if there is a user
};

}  // namespace tandem::master
