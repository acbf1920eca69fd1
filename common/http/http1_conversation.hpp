// http1_conversation.hpp: one HTTP/1.1 request and the head of its answer, as a conversation: where
// something lies between it and the socket. Pure. Owner: one call.
#pragma once

#include <string>
#include <utility>

#include "common/http/answer_reader.hpp"
#include "common/http/conversation.hpp"

namespace tandem {

class Http1Conversation final : public Conversation {
 public:
  // `fields`: lines with CRLF, besides Host and Connection.
  Http1Conversation(std::string method, std::string target, std::string fields, AnswerLimits limits)
      : method_(std::move(method)),
        target_(std::move(target)),
        fields_(std::move(fields)),
        reader_(limits, method_ == "HEAD") {}

  void begin(const Endpoint& peer) override;
  void pull(std::string& out) override { out += std::exchange(words_, {}); }
  void feed(std::string_view bytes) override;
  bool is_over() const override {
    return reader_.has_head() || (begun_ && status_ != AnswerReader::Status::incomplete);
  }

  // The head of an answer has come.
  bool is_answered() const { return reader_.has_head(); }
  HttpAnswer& answer() { return reader_.answer(); }

 private:
  const std::string method_;
  const std::string target_;
  const std::string fields_;
  AnswerReader reader_;
  AnswerReader::Status status_ = AnswerReader::Status::incomplete;
  std::string words_;
  bool begun_ = false;
};

}  // namespace tandem
