// What a server may answer to a health check over HTTP/2: frames, HPACK included, after its
// settings.
#include <string>

#include "common/base/assert.hpp"
#include "common/http2/grpc_health.hpp"
#include "common/http2/http2_call.hpp"
#include "common/http2/limits.hpp"
#include "input.hpp"

using namespace tandem;
using namespace tandem::fuzz;

namespace {

constexpr std::string_view settings("\0\0\0\4\0\0\0\0\0\0\0\0\4\1\0\0\0\0", 18);

std::size_t bytes_of(const Http2Answer::Fields& fields) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : fields) bytes += name.size() + value.size();
  return bytes;
}

void must_be_within_limits(const Http2Call& call) {
  const auto& answer = call.answer();
  TANDEM_ASSERT(answer.body.size() <= limits::http2_answer_body_bytes_max);
  TANDEM_ASSERT(bytes_of(answer.fields) + bytes_of(answer.trailers) <=
                limits::http2_answer_fields_bytes_max);
  const bool is_answered = call.end() == Http2Call::End::answered;
  TANDEM_ASSERT(!is_answered || (answer.status >= 200 && answer.status <= 999));
  TANDEM_ASSERT(is_answered || !call.why().empty());
  // Whatever was answered, it is well or there is a reason; that reason is for people.
  if (is_answered) TANDEM_ASSERT(grpc_health_problem(answer).size() < 1'024 * 1'024);
}

// What is sent are frames, behind the preface; never many for what little comes.
void must_be_frames(std::string_view sent) {
  constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  TANDEM_ASSERT(sent.starts_with(preface));
  sent.remove_prefix(preface.size());
  while (!sent.empty()) {
    TANDEM_ASSERT(sent.size() >= 9);
    const auto at = [&](int i) { return static_cast<std::size_t>(sent[i] & 0xff); };
    const auto length = at(0) << 16 | at(1) << 8 | at(2);
    TANDEM_ASSERT(length <= 16'384 && at(3) <= 9 && sent.size() >= 9 + length);
    sent.remove_prefix(9 + length);
  }
}

Http2Answer play(std::string_view input, Cuts* cuts, bool* answered) {
  Http2Call call(grpc_health_request("shop", 1s));
  call.begin({"127.0.0.1", 1});
  std::string sent;
  call.pull(sent);
  while (!input.empty() && !call.is_over()) {
    const auto bytes = cuts == nullptr ? input.size() : cuts->next(input.size());
    call.feed(input.substr(0, bytes));
    input.remove_prefix(bytes);
    if (cuts == nullptr || cuts->coin()) call.pull(sent);
    must_be_within_limits(call);
  }
  call.pull(sent);
  must_be_within_limits(call);
  must_be_frames(sent);
  *answered = call.end() == Http2Call::End::answered;
  return call.answer();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = std::string(settings).append(text_of(data, size));
  Cuts cuts(input);
  bool answered_whole = false;
  bool answered_in_pieces = false;
  const auto whole = play(input, nullptr, &answered_whole);
  const auto in_pieces = play(input, &cuts, &answered_in_pieces);
  // What is answered does not depend on how the bytes arrive.
  if (answered_whole && answered_in_pieces) {
    TANDEM_ASSERT(whole.status == in_pieces.status && whole.body == in_pieces.body &&
                  whole.fields == in_pieces.fields && whole.trailers == in_pieces.trailers);
  }
  return 0;
}
