// Request heads: the verdict does not depend on how the bytes arrive, and what we make of a head
// that we accept means the same to the next reader, once and for all.
#include "common/http1/limits.hpp"
#include "input.hpp"
#include "master/forward/io/buffer.hpp"
#include "master/forward/http/h1/head_writer.hpp"
#include "common/http1/http_head.hpp"

using namespace tandem;
using namespace tandem::fuzz;
using namespace tandem::master;

namespace {

constexpr RequestContext context{.via = "tandem-a",
                                 .sender = {.address = "192.0.2.1", .port = "8080"},
                                 .request_id = "00000000000000000000000000000000",
                                 .worker_host = "127.0.0.1:9001",
                                 .term = "7.000102030405060708090a0b0c0d0e0f"};

void must_agree(const RequestHead& a, const RequestHead& b) {
  TANDEM_ASSERT(a.method() == b.method());
  TANDEM_ASSERT(a.target() == b.target());
  TANDEM_ASSERT(a.host() == b.host());
  TANDEM_ASSERT(a.version() == b.version());
  TANDEM_ASSERT(a.framing() == b.framing());
  TANDEM_ASSERT(a.content_length() == b.content_length());
  TANDEM_ASSERT(a.head_bytes() == b.head_bytes());
  TANDEM_ASSERT(a.fields().size() == b.fields().size());
  TANDEM_ASSERT(a.keep_alive() == b.keep_alive());
  TANDEM_ASSERT(a.upgrade() == b.upgrade());
  TANDEM_ASSERT(a.expects_continue() == b.expects_continue());
}

void must_not_depend_on_arrival(std::string_view message, HeadStatus verdict,
                                const RequestHead& whole) {
  Cuts cuts(message);
  RequestHead head;
  auto status = HeadStatus::incomplete;
  for (std::size_t arrived = 0; arrived < message.size() && status == HeadStatus::incomplete;) {
    arrived += cuts.next(message.size() - arrived);
    if (cuts.coin()) head.clear();  // as after the bytes have moved
    status = head.parse(message.substr(0, arrived));
  }
  if (status == HeadStatus::incomplete && verdict == HeadStatus::refused) {
    // What is wrong may be found only once the end of the head has come.
    TANDEM_ASSERT(message.find("\r\n\r\n") == message.npos);
    return;
  }
  TANDEM_ASSERT(status == verdict);
  if (status == HeadStatus::complete) must_agree(head, whole);
}

std::string_view expected_target(const RequestHead& request, std::string& room) {
  if (request.target().starts_with('/') || request.target() == "*") return request.target();
  if (request.target().empty()) return request.method() == "OPTIONS" ? "*" : "/";
  return room = "/" + std::string(request.target());
}

void must_be_unambiguous(const RequestHead& head) {
  unsigned hosts = 0;
  unsigned framings = 0;
  for (const auto& field : head.fields()) {
    hosts += field.kind == FieldKind::host;
    framings +=
        field.kind == FieldKind::content_length || field.kind == FieldKind::transfer_encoding;
    TANDEM_ASSERT(field.kind != FieldKind::keep_alive && field.kind != FieldKind::proxy_connection);
    TANDEM_ASSERT(field.kind != FieldKind::underscored && field.kind != FieldKind::look_alike);
    TANDEM_ASSERT(field.kind != FieldKind::client_claim);
  }
  TANDEM_ASSERT(hosts == 1);
  TANDEM_ASSERT(framings <= 1);
}

void must_mean_the_same(const RequestHead& request) {
  Buffer out;
  write_request_head(out, request, context);
  RequestHead again;
  const auto status = again.parse(out.view());
  if (status == HeadStatus::refused && again.refusal().status == 431) {
    // Our own fields pushed it over a limit that it was just below.
    TANDEM_ASSERT(request.fields().size() + 10 > limits::header_fields_max ||
                  request.head_bytes() + 2048 > limits::header_bytes_max);
    return;
  }
  TANDEM_ASSERT(status == HeadStatus::complete);
  TANDEM_ASSERT(again.head_bytes() == out.size());
  std::string room;
  TANDEM_ASSERT(again.method() == request.method());
  TANDEM_ASSERT(again.target() == expected_target(request, room));
  TANDEM_ASSERT(again.host() == (request.names_host() ? request.host() : context.worker_host));
  TANDEM_ASSERT(again.expects_continue() == request.expects_continue());
  TANDEM_ASSERT(again.version() == 11);
  TANDEM_ASSERT(again.framing() == request.framing());
  TANDEM_ASSERT(again.content_length() == request.content_length());
  TANDEM_ASSERT(again.upgrade() == request.upgrade());
  must_be_unambiguous(again);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto message = text_of(data, size);
  RequestHead head;
  const auto verdict = head.parse(message);
  must_not_depend_on_arrival(message, verdict, head);
  if (verdict == HeadStatus::complete) {
    TANDEM_ASSERT(head.head_bytes() <= message.size());
    must_mean_the_same(head);
  }
  if (verdict == HeadStatus::refused) TANDEM_ASSERT(head.refusal().status >= 400);
  return 0;
}
