// Services that write what cannot be right: no byte of it is taken for the next answer.
#include <stdexcept>

#include "tests/gateway/raw_socket.hpp"
#include "tests/unit/worker/serving.hpp"

namespace tandem::test::odd_responses_test {
namespace {

constexpr const char* text = "text/plain";

void add(httplib::Server& server) {
  using httplib::DataSink;
  using httplib::Request;
  using httplib::Response;
  server.Get("/good",
             [](const Request&, Response& response) { response.set_content("good", text); });
  for (const int status : {204, 304}) {
    server.Get("/" + std::to_string(status), [status](const Request&, Response& response) {
      response.status = status;
      response.set_content("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", text);
    });
  }
  server.Get("/more", [](const Request&, Response& response) {
    response.set_content_provider(4, text, [](std::size_t, std::size_t, DataSink& sink) {
      return sink.write("wellHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", 47);
    });
  });
  server.Get("/less", [](const Request&, Response& response) {
    response.set_content_provider(100, text, [](std::size_t offset, std::size_t, DataSink& sink) {
      return offset == 0 && sink.write("well", 4);
    });
  });
  server.Get("/unframed", [](const Request&, Response& response) {
    response.set_content_provider(text, [](std::size_t, DataSink& sink) {
      sink.write("well", 4);
      sink.done();
      return true;
    });
  });
  server.Get("/unframed-broken", [](const Request&, Response& response) {
    response.set_content_provider(text, [](std::size_t, DataSink& sink) {
      sink.write("well", 4);
      return false;
    });
  });
  server.Get("/injected", [](const Request&, Response& response) {
    response.headers.emplace("X", "y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
  });
  server.Get("/two-lengths", [](const Request&, Response& response) {
    response.set_header("Content-Length", "2");
    response.set_content("well", text);
  });
  server.Get("/interim", [](const Request&, Response& response) { response.status = 103; });
  server.Get("/thrown", [](const Request&, Response&) { throw std::runtime_error("no"); });
  server.set_error_handler(httplib::Server::Handler([](const Request& request, Response&) {
    if (request.path == "/none") throw std::runtime_error("no");
  }));
}

// Asks for it, and for /good twice on the same connection if that goes on.
Message answer_to(const std::string& target) {
  const Serving serving{add};
  auto socket = RawSocket::connect(serving.address().port);
  const std::string good = "GET /good HTTP/1.1\r\nHost: x\r\n\r\n";
  socket.send("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n" + good + good);
  auto answer = read_response(socket);
  if (answer.field("Connection") == "close") {
    CHECK(socket.read_to_end().empty());
  } else {
    CHECK(read_response(socket).body == "good");
    CHECK(read_response(socket).body == "good");
  }
  return answer;
}

}  // namespace

TEST_CASE("a status that has no body is sent without the one that a service gives it") {
  CHECK(answer_to("/204").status() == 204);
  CHECK(answer_to("/204").count("Content-Length") == 0);
  CHECK(answer_to("/304").status() == 304);
}

TEST_CASE("a service writes no more than the length that it announced") {
  CHECK(answer_to("/more").body == "well");
}

TEST_CASE("a service that writes less than it announced ends the connection") {
  const Serving serving{add};
  auto socket = RawSocket::connect(serving.address().port);
  socket.send("GET /less HTTP/1.1\r\nHost: x\r\n\r\nGET /good HTTP/1.1\r\nHost: x\r\n\r\n");
  socket.read_until("\r\n\r\n");
  CHECK(socket.read_to_end() == "well");
}

TEST_CASE("a response without a length ends with its connection, by a reset when it is not whole") {
  CHECK(answer_to("/unframed").body == "well");
  const Serving serving{add};
  auto socket = RawSocket::connect(serving.address().port);
  socket.send("GET /unframed-broken HTTP/1.1\r\nHost: x\r\n\r\n");
  bool reset = false;
  socket.read_to_end(&reset);
  CHECK(reset);
}

TEST_CASE("a response that is not well-formed becomes a 500") {
  for (const auto* target : {"/injected", "/two-lengths", "/interim"}) {
    INFO(target);
    const auto answer = answer_to(target);
    CHECK(answer.status() == 500);
    CHECK(answer.body.find("evil") == answer.body.npos);
  }
}

TEST_CASE("what a handler throws is a 500, whichever handler it is") {
  CHECK(answer_to("/thrown").status() == 500);
  CHECK(answer_to("/none").status() == 500);
}

}  // namespace tandem::test::odd_responses_test
