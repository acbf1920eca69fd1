// One question over HTTP/2, and grpc.health.v1, against servers that answer byte by byte.
#include <catch2/catch.hpp>

#include "common/http2/grpc_health.hpp"
#include "common/http2/http2_call.hpp"
#include "common/http2/limits.hpp"
#include "session_fixture.hpp"

namespace tandem::test::http2_call_test {

using namespace std::chrono_literals;
using End = Http2Call::End;

namespace {

const Endpoint peer{"127.0.0.1", 50051};

std::string said_by(Http2Call& call) {
  std::string words;
  call.pull(words);
  return words;
}

// A call that has been begun, and what it said.
struct Asked {
  explicit Asked(Http2Request request) : call(std::move(request)) {
    call.begin(peer);
    words = said_by(call);
  }
  Http2Call call;
  std::string words;
};

std::string head(const h2::Fields& fields, std::uint8_t flags = h2::no_flags) {
  return h2::settings() + h2::headers(1, h2::block(fields), flags);
}

std::string grpc_message(std::string_view message) {
  std::string frame(5, '\0');
  frame[4] = static_cast<char>(message.size());
  return frame.append(message);
}

std::string grpc_answer(std::string_view message, const h2::Fields& trailers) {
  return head({{":status", "200"}, {"content-type", "application/grpc"}}) +
         h2::data(1, grpc_message(message)) + h2::headers(1, h2::block(trailers), h2::end_stream);
}

// What a health check makes of such bytes; "" when it is healthy.
std::string problem_of(const std::string& bytes) {
  Asked asked(grpc_health_request("", 1s));
  asked.call.feed(bytes);
  said_by(asked.call);
  if (asked.call.end() != End::answered) return asked.call.why();
  return grpc_health_problem(asked.call.answer());
}

}  // namespace

TEST_CASE("a question is one stream of a connection of its own, and has the whole answer") {
  Asked asked({.path = "/ready?x", .fields = {{"user-agent", "test"}}});
  Side server(Role::server);
  server.feed(asked.words);
  REQUIRE(server.told.has("head 1 GET 127.0.0.1:50051 /ready?x ends"));
  const std::vector<Field> fields{{FieldKind::other, "x-a", "b"}};
  server.session.send_head(server.stream(1), 204, fields, true);
  server.pull();
  std::string answer;
  for (const auto& frame : server.sent) {
    answer += h2::frame(frame.type, frame.flags, frame.stream, frame.payload);
  }
  for (const char byte : answer) asked.call.feed({&byte, 1});
  CHECK(asked.call.end() == End::answered);
  CHECK(asked.call.answer().status == 204);
  CHECK(asked.call.answer().field("x-a") == "b");
  auto last = said_by(asked.call);
  CHECK(h2::take_frames(last).back().type == h2::goaway_type);
}

TEST_CASE("interim answers are passed over, and trailers are told from a head") {
  Asked asked({});
  asked.call.feed(head({{":status", "103"}, {"link", "x"}}));
  CHECK_FALSE(asked.call.is_over());
  asked.call.feed(h2::headers(1, h2::block({{":status", "200"}})) + h2::data(1, "hello"));
  CHECK_FALSE(asked.call.is_over());
  asked.call.feed(h2::headers(1, h2::block({{"grpc-status", "0"}}), h2::end_stream));
  CHECK(asked.call.end() == End::answered);
  CHECK(asked.call.answer().status == 200);
  CHECK(asked.call.answer().field("link").empty());
  CHECK(asked.call.answer().body == "hello");
  CHECK(asked.call.answer().trailer("grpc-status") == "0");
}

TEST_CASE("where the head is all that is wanted, content is not waited for") {
  Asked asked({.head_only = true});
  asked.call.feed(head({{":status", "503"}}));
  CHECK(asked.call.end() == End::answered);
  CHECK(asked.call.answer().status == 503);
}

TEST_CASE("a server that resets, leaves, or speaks something else gives no answer, and says why") {
  const std::vector<std::pair<std::string, std::string>> cases{
      {h2::settings() + h2::rst_stream(1, 7), "the stream was reset (REFUSED_STREAM)"},
      {h2::settings() + h2::goaway(0, 0), "the stream was reset (REFUSED_STREAM)"},
      {"HTTP/1.1 400 Bad Request\r\n\r\n", "it answers in HTTP/1, not in HTTP/2"},
      {"SSH-2.0-OpenSSH_9.2\r\n", "the answer is not HTTP/2"},
      {h2::settings() + h2::frame(h2::data_type, 0, 0, "x"), "the answer is not HTTP/2"},
      {h2::settings(), "the connection ended before the answer"},
  };
  for (const auto& [bytes, why] : cases) {
    Asked asked({});
    asked.call.feed(bytes);
    said_by(asked.call);
    CHECK(asked.call.end() != End::answered);
    CHECK(asked.call.why() == why);
  }
}

// nghttp2 asserts that nobody else has ended the connection, and would abort the process.
TEST_CASE("what comes behind an answer in the same bytes is not looked at") {
  const std::string answer = head({{":status", "200"}}, h2::end_stream);
  for (const auto& more :
       {h2::frame_of_length(20'000, h2::data_type, 0, 1, "x"),
        h2::frame_of_length(20'000, h2::headers_type, 0, 3, "x"), std::string(9, '\xff'),
        h2::frame(h2::settings_type, 0, 0, "12345"), h2::goaway(0, 1), h2::window_update(0, 0)}) {
    Asked asked({});
    asked.call.feed(answer + more + more);
    CHECK(asked.call.end() == End::answered);
    CHECK(asked.call.answer().status == 200);
    said_by(asked.call);
  }
}

TEST_CASE("an answer whose status is none is no answer, whatever else it says") {
  for (const auto* status : {"000", "077", "099"}) {
    Asked asked(grpc_health_request("", 1s));
    asked.call.feed(head({{":status", status}, {"grpc-status", "0"}}) +
                    h2::data(1, std::string("\0\0\0\0\2\x08\1", 7)) +
                    h2::headers(1, h2::block({{"grpc-status", "0"}}), h2::end_stream));
    CHECK(asked.call.end() == End::malformed);
    CHECK(asked.call.why() == "the answer has no status");
  }
}

TEST_CASE("an answer without end is not listened to for ever") {
  Asked fields({});
  h2::Fields many{{":status", "200"}};
  for (int i = 0; i < 8; ++i) many.emplace_back("x-" + std::to_string(i), std::string(1'500, 'x'));
  for (int i = 0; i < 20 && !fields.call.is_over(); ++i) {
    many[0].second = "103";
    fields.call.feed((i == 0 ? h2::settings() : "") + h2::headers(1, h2::block(many)));
  }
  CHECK(fields.call.end() == End::too_long);

  Asked content({});
  content.call.feed(head({{":status", "200"}}));
  content.call.feed(h2::data(1, std::string(limits::http2_answer_body_bytes_max, 'x')));
  CHECK_FALSE(content.call.is_over());
  content.call.feed(h2::data(1, "x"));
  CHECK(content.call.end() == End::too_long);

  Asked pings({});
  pings.call.feed(h2::settings());
  std::size_t sent = 0;
  for (; !pings.call.is_over(); sent += h2::ping().size()) {
    pings.call.feed(h2::ping());
    CHECK(said_by(pings.call).size() < 64);
  }
  CHECK(pings.call.end() == End::too_long);
  CHECK(sent <= limits::http2_answer_bytes_max + h2::ping().size());
}

TEST_CASE("a health check of gRPC is a call of Health/Check for the service that is named") {
  Asked asked(grpc_health_request("shop.Orders", 1500ms));
  Side server(Role::server);
  server.feed(asked.words);
  CHECK(server.told.has("head 1 POST 127.0.0.1:50051 /grpc.health.v1.Health/Check"));
  CHECK(server.told.content == grpc_message("\x0a\x0bshop.Orders"));
  const auto& fields = server.told.heads.at(1)->fields();
  const auto value = [&](std::string_view name) {
    for (const auto& field : fields) {
      if (field.name == name) return std::string(field.value);
    }
    return std::string();
  };
  CHECK(value("content-type") == "application/grpc");
  CHECK(value("te") == "trailers");
  CHECK(value("grpc-timeout") == "1500m");
  CHECK(grpc_health_request("", 1s).body == grpc_message(""));
}

TEST_CASE("only SERVING is healthy, and everything else says what is wrong") {
  using Texts = std::vector<std::pair<std::string, std::string>>;
  const h2::Fields fine{{"grpc-status", "0"}};
  CHECK(problem_of(grpc_answer("\x08\x01", fine)).empty());
  CHECK(problem_of(grpc_answer("\x12\x01x\x08\x01", fine)).empty());  // with a field of later
  const auto trailers_only = [](const h2::Fields& fields) {
    h2::Fields all{{":status", "200"}, {"content-type", "application/grpc"}};
    all.insert(all.end(), fields.begin(), fields.end());
    return head(all, h2::end_stream);
  };
  const auto no_message = "grpc.health.v1 answered what is no message of it"s;
  for (const auto& [bytes, problem] : Texts{
           {grpc_answer("\x08\x02", fine), "grpc.health.v1 says NOT_SERVING"},
           {grpc_answer("\x08\x03", fine), "grpc.health.v1 says SERVICE_UNKNOWN"},
           {grpc_answer("", fine), "grpc.health.v1 says UNKNOWN"},
           {grpc_answer("\x08\x63", fine), "grpc.health.v1 says 99"},
           {grpc_answer("\x08", fine), no_message},
           {grpc_answer("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", fine), no_message},
           {grpc_answer("\x12\x7fx", fine), no_message},
           {trailers_only(fine), no_message},
           {head({{":status", "200"}}) + h2::data(1, "\1\0\0\0\2\x08\1"s) +
                h2::headers(1, h2::block(fine), h2::end_stream),
            no_message},
           {trailers_only({{"grpc-status", "5"}}),
            "grpc.health.v1 knows no service of that name (NOT_FOUND)"},
           {trailers_only({{"grpc-status", "14"}, {"grpc-message", "warming\x1bup"}}),
            "the stream was reset (PROTOCOL_ERROR)"},
           {trailers_only({{"grpc-status", "14"}, {"grpc-message", "warming up"}}),
            "grpc.health.v1 failed with status 14: warming up"},
           {trailers_only({{"grpc-status", "x"}}), "status 200, which is no answer of gRPC"},
           {head({{":status", "404"}}, h2::end_stream), "status 404, which is no answer of gRPC"},
       }) {
    CHECK(problem_of(bytes) == problem);
  }
  CHECK_THAT(problem_of(trailers_only({{"grpc-status", "12"}})),
             Catch::StartsWith("the server has no grpc.health.v1.Health (UNIMPLEMENTED)"));
}

}  // namespace tandem::test::http2_call_test
