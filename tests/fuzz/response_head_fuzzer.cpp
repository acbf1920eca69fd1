// Response heads: the verdict does not depend on how the bytes arrive, and what a client is sent of
// a head that we accept has the framing that the body will have.
#include "common/http1/limits.hpp"
#include "input.hpp"
#include "master/forward/io/buffer.hpp"
#include "master/forward/http/h1/head_writer.hpp"
#include "common/http1/http_head.hpp"

using namespace tandem;
using namespace tandem::fuzz;
using namespace tandem::master;

namespace {

void must_agree(const ResponseHead& a, const ResponseHead& b) {
  TANDEM_ASSERT(a.status() == b.status());
  TANDEM_ASSERT(a.reason() == b.reason());
  TANDEM_ASSERT(a.version() == b.version());
  TANDEM_ASSERT(a.framing() == b.framing());
  TANDEM_ASSERT(a.content_length() == b.content_length());
  TANDEM_ASSERT(a.head_bytes() == b.head_bytes());
  TANDEM_ASSERT(a.fields().size() == b.fields().size());
  TANDEM_ASSERT(a.keep_alive() == b.keep_alive());
}

void must_not_depend_on_arrival(std::string_view message, bool to_head, HeadStatus verdict,
                                const ResponseHead& whole) {
  Cuts cuts(message);
  ResponseHead head;
  auto status = HeadStatus::incomplete;
  for (std::size_t arrived = 0; arrived < message.size() && status == HeadStatus::incomplete;) {
    arrived += cuts.next(message.size() - arrived);
    if (cuts.coin()) head.clear();
    status = head.parse(message.substr(0, arrived), to_head);
  }
  if (status == HeadStatus::incomplete && verdict == HeadStatus::refused) {
    TANDEM_ASSERT(message.find("\r\n\r\n") == message.npos);
    return;
  }
  TANDEM_ASSERT(status == verdict);
  if (status == HeadStatus::complete) must_agree(head, whole);
}

// The head that was written is that of `response`, with `framing`.
void must_mean_the_same(const Buffer& out, const ResponseHead& response, bool to_head,
                        Framing framing) {
  ResponseHead again;
  const auto status = again.parse(out.view(), to_head);
  if (status == HeadStatus::refused) {
    TANDEM_ASSERT(response.fields().size() + 8 > limits::response_fields_max ||
                  response.head_bytes() + 2048 > limits::header_bytes_max);
    return;
  }
  TANDEM_ASSERT(status == HeadStatus::complete);
  TANDEM_ASSERT(again.head_bytes() == out.size());
  TANDEM_ASSERT(again.status() == response.status());
  TANDEM_ASSERT(again.reason() == response.reason());
  TANDEM_ASSERT(again.framing() == framing);
  if (framing == Framing::length)
    TANDEM_ASSERT(again.content_length() == response.content_length());
  unsigned framings = 0;
  for (const auto& field : again.fields()) {
    framings +=
        field.kind == FieldKind::content_length || field.kind == FieldKind::transfer_encoding;
    TANDEM_ASSERT(field.kind != FieldKind::tandem && field.kind != FieldKind::look_alike);
  }
  // RFC 9110 §8.6, RFC 9112 §6.1: neither field stands in 1xx and 204.
  TANDEM_ASSERT(framings <= (response.status() < 200 || response.status() == 204 ? 0u : 1u));
}

void write_and_read_again(const ResponseHead& response, bool to_head) {
  Buffer out;
  if (response.is_interim()) {
    write_interim_head(out, response, "tandem-a");
    return must_mean_the_same(out, response, to_head, Framing::none);
  }
  for (const int client_version : {10, 11}) {
    auto framing = response.framing();
    if (framing == Framing::until_close || framing == Framing::chunked) {
      framing = client_version == 11 ? Framing::chunked : Framing::until_close;
    }
    out.clear();
    write_response_head(out, response,
                        {.via = "tandem-a",
                         .framing = framing,
                         .client_version = client_version,
                         .keep_alive = framing != Framing::until_close,
                         .stripped = {.prefix = "/shop", .host = "a"}});
    must_mean_the_same(out, response, to_head, framing);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto message = text_of(data, size);
  for (const bool to_head : {false, true}) {
    ResponseHead head;
    const auto verdict = head.parse(message, to_head);
    must_not_depend_on_arrival(message, to_head, verdict, head);
    if (verdict == HeadStatus::complete) write_and_read_again(head, to_head);
  }
  return 0;
}
