// The part of Exchange that has a short body here as a whole before a worker is chosen.
#include "master/forward/exchange/exchange.hpp"
#include "master/forward/exchange/limits.hpp"

#include <algorithm>
#include <cstring>

namespace tandem::master {

namespace {

// A body that is looked for behind its head, as long as it may be gathered.
struct Gathering {
  enum class Found { part, whole, too_long, malformed };

  explicit Gathering(const ClientSide& client)
      : head_bytes(client.request.head_bytes()),
        reader(client.stream.body_framing(client.request.framing()),
               client.request.content_length()),
        pace(client.times.timeouts().pace) {}

  // `in`: the head, and what has arrived behind it.
  Found look(std::string_view in) {
    if (reader.done()) return Found::whole;
    const auto step = reader.scan(in.substr(head_bytes + bytes));
    bytes += step.consumed;
    if (step.malformed) return Found::malformed;
    if (reader.done()) return Found::whole;
    return bytes < limits::replay_bytes_max ? Found::part : Found::too_long;
  }

  const std::size_t head_bytes;
  BodyReader reader;
  BodyPace pace;
  std::size_t bytes = 0;  // of the body that have been looked at, framing included
};

}  // namespace

// One that waits for 100 Continue waits for the worker to say so, or, if it is a standby, for a
// worker to be asked. A gRPC call that is not here as a
// whole may be a conversation, in which the worker speaks before the client has ended.
bool Exchange::may_gather() const {
  const auto& request = client_.request;
  if (request.expects_continue() || client_.awaits_word) return false;
  if (client_.is_grpc && request.framing() == Framing::chunked) return false;
  return request.framing() == Framing::chunked ||
         request.content_length() <= limits::replay_bytes_max;
}

// Nothing: the body is here, or is going to be streamed. Something: the request has been answered,
// and ended so.
Task<std::optional<Ending>> Exchange::gather_body() {
  client_.streaming = !may_gather();
  if (client_.streaming) co_return std::nullopt;
  Gathering gathering(client_);
  for (;;) {
    const auto found = gathering.look(client_.in.view());
    if (found == Gathering::Found::whole) break;
    if (found == Gathering::Found::malformed) {
      auto answering = answer_bad_body(400);
      co_return co_await answering;
    }
    if (found == Gathering::Found::too_long) {
      client_.streaming = true;
      break;
    }
    if (!make_room_for_body()) {
      client_.streaming = true;
      auto answering = answer(503, "out_of_memory", "This master has no memory for the body.");
      co_return co_await answering;
    }
    const auto since = context_.coarse_now();
    context_.arm(deadline_, std::min(client_.times.body_idle(since), gathering.pace.patience()));
    auto reading = client_.stream.read(client_.in);
    const IoResult got = co_await reading;
    if (got.error == asio::error::eof && gathering.reader.end_of_stream()) break;
    if (!got.ok()) {
      if (aborted_ || !deadline_.expired()) co_return Ending::close;
      auto answering = answer_bad_body(408);
      co_return co_await answering;
    }
    gathering.pace.note(context_.coarse_now() - since, got.bytes);
    client_.in.commit(got.bytes);
  }
  deadline_.disarm();
  if (!client_.streaming && !take_body(gathering.bytes)) {
    auto answering = answer_bad_body(413);
    co_return co_await answering;
  }
  co_return std::nullopt;
}

// For the whole body when it takes more than a buffer. False: there is no memory for it.
bool Exchange::make_room_for_body() {
  auto& in = client_.in;
  if (in.free_size() > 0) return true;
  const auto body_bytes = client_.request.has_content_length()
                              ? static_cast<std::size_t>(client_.request.content_length())
                              : limits::replay_bytes_max;
  const auto whole = client_.request.head_bytes() + body_bytes;
  if (in.capacity() < whole && context_.memory() == Context::Memory::exhausted) return false;
  in.capacity() < whole ? in.grow(whole) : in.compact();
  client_.request.parse_moved(in.view());
  return true;
}

// The body lies behind the head, `bytes` with its framing, of which only the content stays. False:
// it is over the limit.
bool Exchange::take_body(std::size_t bytes) {
  auto& in = client_.in;
  char* const body = in.data() + client_.request.head_bytes();
  BodyReader reader(client_.stream.body_framing(client_.request.framing()),
                    client_.request.content_length());
  const auto content = reader.done() ? std::string_view() : reader.read({body, bytes}).content;
  const auto allowed = context_.options().body_bytes_max;
  if (allowed > 0 && content.size() > allowed) return false;
  client_.body = {body, content.size()};
  client_.note.request_bytes = content.size();
  client_.trailers = reader.trailers().empty() ? client_.stream.trailers() : reader.trailers();
  if (content.size() == bytes) return true;
  std::memmove(body, content.data(), content.size());
  // What has arrived behind it is the next request.
  const auto behind = in.size() - client_.request.head_bytes() - bytes;
  std::memmove(body + content.size(), body + bytes, behind);
  in.drop_back(bytes - content.size());
  return true;
}

// The client has not sent its body, or not as it must.
Task<Ending> Exchange::answer_bad_body(unsigned status) {
  client_.streaming = true;  // the rest of it is not going to be read
  const std::string_view code = status == 408   ? "request_timeout"
                                : status == 413 ? "body_too_large"
                                                : "bad_request";
  const char* message = status == 408   ? "The request body did not arrive in time."
                        : status == 413 ? "The request body is over the configured limit."
                                        : "The request body is not well-formed.";
  auto answering = answer(status, code, message);
  co_return co_await answering;
}

}  // namespace tandem::master
