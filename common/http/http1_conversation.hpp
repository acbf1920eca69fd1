// http1_conversation.hpp: one HTTP/1.1 request and the head of its answer, or as much of the answer
// as its owner wants, as a conversation: where something lies between it and the socket, or an
// answer has no end of its own. Pure. Owner: one call.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "common/http/answer_reader.hpp"
#include "common/http/conversation.hpp"

namespace tandem {

class Http1Conversation final : public Conversation {
 public:
  // Whether what has come of an answer is enough; called when its head is there.
  using Enough = std::function<bool(const HttpAnswer&)>;

  // The head is enough. `fields`: lines with CRLF, besides Host and Connection.
  Http1Conversation(std::string method, std::string target, std::string fields, AnswerLimits limits)
      : Http1Conversation(std::move(method), std::move(target), std::move(fields), {}, limits,
                          [](const HttpAnswer&) { return true; }) {}
  // With a body; empty: there is none, nor a Content-Length in `fields`. An empty `enough` wants
  // all of the answer.
  Http1Conversation(std::string method, std::string target, std::string fields, std::string body,
                    AnswerLimits limits, Enough enough)
      : method_(std::move(method)),
        target_(std::move(target)),
        fields_(std::move(fields)),
        body_(std::move(body)),
        enough_(std::move(enough)),
        reader_(limits, method_ == "HEAD") {}

  void begin(const Endpoint& peer) override;
  void pull(std::string& out) override { out += std::exchange(words_, {}); }
  void feed(std::string_view bytes) override;
  bool is_over() const override {
    return has_enough_ || (begun_ && status_ != AnswerReader::Status::incomplete);
  }

  // The connection has ended, which may be the end of the answer.
  void end() { status_ = reader_.end_of_stream(); }

  // The head of an answer has come.
  bool is_answered() const { return reader_.has_head(); }
  AnswerReader::Status status() const { return status_; }
  HttpAnswer& answer() { return reader_.answer(); }

 private:
  const std::string method_;
  const std::string target_;
  const std::string fields_;
  const std::string body_;
  const Enough enough_;
  AnswerReader reader_;
  AnswerReader::Status status_ = AnswerReader::Status::incomplete;
  std::string words_;
  bool begun_ = false;
  bool has_enough_ = false;
};

}  // namespace tandem
