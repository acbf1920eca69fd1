#include "common/http/answer_reader.hpp"

#include <algorithm>

#include <boost/asio.hpp>

#include "common/base/assert.hpp"
#include "common/http/channel.hpp"
#include "common/http1/field_text.hpp"

namespace tandem {

namespace asio = boost::asio;

namespace {

constexpr std::size_t read_bytes = 8 * 1024;
constexpr unsigned interims_max = 16;
constexpr unsigned switching_protocols = 101;

}  // namespace

std::string_view HttpAnswer::field(std::string_view name) const {
  const auto found = std::find_if(fields.begin(), fields.end(), [&](const auto& each) {
    return equal_ignoring_case(each.first, name);
  });
  return found == fields.end() ? std::string_view() : std::string_view(found->second);
}

AnswerReader::Status AnswerReader::begin() {
  TANDEM_ASSERT(!has_head_ || body_.done());
  head_.clear();
  answer_ = {};
  body_bytes_ = 0;
  interims_ = 0;
  begun_ = false;
  has_head_ = false;
  return read();
}

std::span<char> AnswerReader::room() {
  TANDEM_ASSERT(room_ == 0);
  raw_.reserve(limits_.head_bytes_max + read_bytes);
  const auto held = raw_.size();
  raw_.resize(held + read_bytes);
  room_ = read_bytes;
  return {raw_.data() + held, room_};
}

AnswerReader::Status AnswerReader::take(std::size_t bytes) {
  TANDEM_ASSERT(bytes <= room_);
  raw_.resize(raw_.size() - (room_ - bytes));
  room_ = 0;
  return read();
}

AnswerReader::Status AnswerReader::end_of_stream() {
  raw_.resize(raw_.size() - room_);
  room_ = 0;
  return has_head_ && body_.end_of_stream() ? Status::complete : Status::cut;
}

AnswerReader::Status AnswerReader::read() {
  begun_ = begun_ || !raw_.empty();
  while (!has_head_) {
    if (const auto status = read_head(); status != Status::complete) return status;
  }
  return read_body();
}

// Reads one head, of an interim response or of the answer itself.
AnswerReader::Status AnswerReader::read_head() {
  if (raw_.empty()) return Status::incomplete;
  switch (head_.parse(raw_, to_head_)) {
    case HeadStatus::incomplete:
      return raw_.size() >= limits_.head_bytes_max ? Status::too_long : Status::incomplete;
    case HeadStatus::refused: return Status::malformed;
    case HeadStatus::complete: break;
  }
  if (head_.head_bytes() > limits_.head_bytes_max) return Status::too_long;
  const bool switches = head_.status() == switching_protocols;
  if (switches && !limits_.may_switch) return Status::malformed;
  if (head_.is_interim()) {
    raw_.erase(0, head_.head_bytes());
    head_.clear();
    return ++interims_ > interims_max ? Status::malformed : Status::complete;
  }
  has_head_ = true;
  answer_.status = head_.status();
  answer_.keep_alive = head_.keep_alive();
  answer_.fields.reserve(head_.fields().size());
  for (const auto& field : head_.fields()) answer_.fields.emplace_back(field.name, field.value);
  body_ = BodyReader(head_.framing(), head_.content_length());
  const bool fits = body_.remaining() <= limits_.body_bytes_max;
  raw_.erase(0, head_.head_bytes());
  return fits ? Status::complete : Status::too_long;
}

AnswerReader::Status AnswerReader::read_body() {
  while (!body_.done()) {
    if (raw_.empty()) return Status::incomplete;
    const auto step = body_.read({raw_.data(), raw_.size()});
    if (step.malformed) return Status::malformed;
    body_bytes_ += step.content.size();
    if (body_bytes_ > limits_.body_bytes_max) return Status::too_long;
    if (limits_.keeps_body) answer_.body.append(step.content);
    const auto consumed = step.consumed;  // the step refers to the bytes that are erased
    raw_.erase(0, consumed);
    if (consumed == 0) return Status::incomplete;
  }
  return Status::complete;
}

asio::awaitable<AnswerReader::Status> read_answer(Channel& socket, AnswerReader& reader,
                                                  boost::system::error_code& error) {
  auto status = reader.begin();
  while (status == AnswerReader::Status::incomplete) {
    const auto room = reader.room();
    const auto bytes = co_await socket.async_read_some(
        asio::buffer(room.data(), room.size()), asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::eof) {
      status = reader.end_of_stream();
    } else if (error) {
      co_return AnswerReader::Status::cut;
    } else {
      status = reader.take(bytes);
    }
  }
  co_return status;
}

}  // namespace tandem
