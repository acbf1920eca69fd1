// Requests that nobody should send, byte for byte: each is served rightly or refused, and the
// requests behind it on the same connection get their own answers.
#include <fmt/format.h>

#include "tests/gateway/raw_socket.hpp"
#include "tests/unit/worker/serving.hpp"

namespace tandem::test::odd_requests_test {
namespace {

const std::string inner = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

std::string request(const std::string& line, const std::string& fields, const std::string& body) {
  return line + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n" + body;
}

std::string with_length(const std::string& line, const std::string& fields,
                        const std::string& body) {
  return request(line, fields + fmt::format("Content-Length: {}\r\n", body.size()), body);
}

std::string chunked(const std::string& line, const std::string& fields, const std::string& body) {
  return request(line, fields + "Transfer-Encoding: chunked\r\n",
                 fmt::format("{:x}\r\n{}\r\n0\r\n\r\n", body.size(), body));
}

// Every path and method that cpp-httplib knows: method, path, Content-Encoding, body. /read with a
// content reader, which stops after one byte at /stop.
struct Worker {
  static void add(httplib::Server& server) {
    const auto answer = [](const httplib::Request& request, httplib::Response& response) {
      response.set_content(fmt::format("{} {} [{}] {}", request.method, request.path,
                                       request.get_header_value("Content-Encoding"), request.body),
                           "text/plain");
    };
    const auto read = [](const httplib::Request& request, httplib::Response& response,
                         const httplib::ContentReader& reader) {
      std::string body;
      const bool whole = reader([&](const char* data, std::size_t size) {
        body.append(data, size);
        return request.path != "/read/stop";
      });
      response.set_content(fmt::format("{} {}", whole ? "whole" : "not whole", body.size()),
                           "text/plain");
    };
    server.Post("/read.*", read);
    server.Get("/.*", answer);
    server.Post("/.*", httplib::Server::Handler(answer));
    server.Put("/.*", httplib::Server::Handler(answer));
    server.Patch("/.*", httplib::Server::Handler(answer));
    server.Delete("/.*", httplib::Server::Handler(answer));
    server.Options("/.*", answer);
    server.set_payload_max_length(100'000);
  }

  Serving serving{add};

  RawSocket connect() const { return RawSocket::connect(serving.address().port); }

  // Sends it with two others behind it. All that are answered on its connection get their own
  // answers; the answer to it.
  Message answer_to(const std::string& bytes, bool to_head = false) const {
    auto socket = connect();
    socket.send(bytes + request("GET /first", "", "") +
                with_length("POST /second", "Connection: close\r\n", "second body"));
    auto answer = read_response(socket, to_head);
    if (answer.field("Connection") == "close") {
      CHECK(socket.read_to_end().empty());
      return answer;
    }
    CHECK(read_response(socket).body == "GET /first [] ");
    CHECK(read_response(socket).body == "POST /second [] second body");
    CHECK(socket.read_to_end().empty());
    return answer;
  }
};

}  // namespace

TEST_CASE(
    "a target of 16 KiB is served whatever its path is matched with, and a longer one refused") {
  Worker worker;
  for (const std::size_t bytes : {8'300, 16 * 1024 - 1}) {
    const auto path = "/" + std::string(bytes, 'a');
    INFO(bytes);
    const auto answer = worker.answer_to(with_length("POST " + path, "", inner));
    CHECK(answer.status() == 200);
    CHECK((answer.body == "POST " + path + " [] " + inner));
  }
  const auto longer =
      worker.answer_to(with_length("POST /" + std::string(16 * 1024, 'a'), "", inner));
  CHECK(longer.status() == 414);
  const Serving groups{[](httplib::Server& server) {
    server.Get("/(a|b)*", [](const httplib::Request&, httplib::Response&) {});
  }};
  auto socket = RawSocket::connect(groups.address().port);
  socket.send(request("GET /" + std::string(16 * 1024 - 1, 'a'), "", ""));
  CHECK(read_response(socket).status() == 200);
}

TEST_CASE("heads as long as a master takes them are served, and longer ones refused") {
  Worker worker;
  const auto field = [](std::size_t bytes) { return "X: " + std::string(bytes, 'x') + "\r\n"; };
  CHECK(worker.answer_to(with_length("POST /a", field(9 * 1024), inner)).body ==
        "POST /a [] " + inner);
  CHECK(worker.answer_to(with_length("POST /a", field(60 * 1024), inner)).status() == 200);
  CHECK(worker.answer_to(with_length("POST /a", field(70 * 1024), inner)).status() == 431);
  std::string fields;
  for (int i = 0; i < 254; ++i) fields += fmt::format("X-{}: y\r\n", i);
  CHECK(worker.answer_to(request("GET /a", fields + "X-Last: y\r\n", "")).status() == 200);
  CHECK(worker.answer_to(with_length("POST /a", fields + "X-Last: y\r\n", inner)).status() == 431);
}

TEST_CASE("methods without routes are not implemented, and their bodies are no requests") {
  Worker worker;
  for (const auto* method : {"QUERY", "LOCK", "get", "Post", "PRI", "PROPFIND", "TRACE"}) {
    INFO(method);
    CHECK(worker.answer_to(request(std::string(method) + " /a", "", "")).status() == 501);
    if (method == std::string("TRACE")) continue;
    CHECK(worker.answer_to(with_length(std::string(method) + " /a", "", inner)).status() == 501);
    CHECK(worker.answer_to(chunked(std::string(method) + " /a", "", inner)).status() == 501);
  }
  CHECK(worker.answer_to(request("CONNECT x:1", "", "")).status() == 405);
}

TEST_CASE("every body is read to its end or the connection ends, with every method") {
  Worker worker;
  for (const auto* method : {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}) {
    INFO(method);
    const bool to_head = method == std::string("HEAD");
    const auto line = std::string(method) + " /a";
    const bool read = RequestStream::reads_body(method);
    const auto body = fmt::format("{} /a [] {}", method, read ? inner : "");
    for (const auto& bytes : {with_length(line, "", inner), chunked(line, "", inner)}) {
      const auto answer = worker.answer_to(bytes, to_head);
      CHECK(answer.status() == 200);
      if (!to_head) CHECK(answer.body == body);
    }
  }
}

TEST_CASE("chunks, their extensions and trailers are taken off") {
  Worker worker;
  const auto send = [&](const std::string& body) {
    return worker.answer_to(request("POST /a", "Transfer-Encoding: chunked\r\n", body));
  };
  CHECK(send("3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: GET / HTTP/1.1\r\n\r\n").body ==
        "POST /a [] abcde");
  CHECK(send("0\r\n\r\n").body == "POST /a [] ");
  for (const auto* broken : {"3\r\nabcd\r\n0\r\n\r\n", "-1\r\n\r\n", "3\nabc\n0\n\n", "xyz\r\n\r\n",
                             "11111111111111111\r\n", "3\r\nabc\r\n0\r\nno trailer\r\n\r\n"}) {
    INFO(broken);
    CHECK(send(broken).status() == 400);
  }
}

TEST_CASE("content is given as it was sent, and not decoded") {
  Worker worker;
  for (const auto* coding : {"gzip", "deflate", "br", "gzip, br", "GZIP"}) {
    INFO(coding);
    const auto field = fmt::format("Content-Encoding: {}\r\n", coding);
    const auto body = fmt::format("POST /a [{}] {}", coding, inner);
    CHECK(worker.answer_to(with_length("POST /a", field, inner)).body == body);
    CHECK(worker.answer_to(chunked("POST /a", field, inner)).body == body);
    CHECK(worker.answer_to(with_length("POST /read", field, inner)).body ==
          fmt::format("whole {}", inner.size()));
  }
  // A bomb stays as small as it came.
  const std::string zeros(10'000'000, '\0');
  std::string bomb;
  httplib::detail::gzip_compressor().compress(zeros.data(), zeros.size(), true,
                                              [&](const char* data, std::size_t size) {
                                                bomb.append(data, size);
                                                return true;
                                              });
  REQUIRE(bomb.size() < 100'000);
  CHECK(worker.answer_to(with_length("POST /read", "Content-Encoding: gzip\r\n", bomb)).body ==
        fmt::format("whole {}", bomb.size()));
}

TEST_CASE("every byte of content counts against the limit, in chunks as with a length") {
  Worker worker;
  for (const std::string path : {"/a", "/read"}) {
    INFO(path);
    for (const std::size_t bytes : {100'000, 100'001}) {
      INFO(bytes);
      const unsigned status = bytes <= 100'000 ? 200 : 413;
      const std::string body(bytes, 'x');
      CHECK(worker.answer_to(with_length("POST " + path, "", body)).status() == status);
      CHECK(worker.answer_to(chunked("POST " + path, "", body)).status() == status);
      CHECK(worker.answer_to(chunked("DELETE " + path, "", body)).status() == status);
    }
  }
  // One that never ends is refused at the limit.
  auto endless = worker.connect();
  endless.send(request("POST /a", "Transfer-Encoding: chunked\r\n", "fffffffff\r\n"));
  endless.send(std::string(200'000, 'x'));
  CHECK(read_response(endless).status() == 413);
}

TEST_CASE("multipart forms are read, and those that are none shift nothing") {
  Worker worker;
  const auto form = [&](const std::string& type, const std::string& body) {
    return worker.answer_to(
        with_length("POST /a", "Content-Type: multipart/form-data" + type + "\r\n", body));
  };
  CHECK(form("; boundary=b",
             "--b\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\nv\r\n--b--\r\n")
            .status() == 200);
  CHECK(form("", inner).status() == 400);
  CHECK(form("; boundary=b", inner).status() == 400);
}

TEST_CASE("a body that a handler does not read to its end ends the connection, unless it is here") {
  Worker worker;
  worker.answer_to(with_length("POST /read/stop", "", inner + inner));
  auto socket = worker.connect();
  socket.send(request("POST /read/stop", "Content-Length: 90000\r\n", inner));
  const auto answer = read_response(socket);
  CHECK(answer.body.starts_with("not whole"));
  CHECK(answer.field("Connection") == "close");
  socket.send(request("GET /first", "", ""));
  CHECK(socket.read_to_end().empty());
}

TEST_CASE("100 Continue is said when the body is wanted") {
  Worker worker;
  auto socket = worker.connect();
  socket.send(request("POST /a", "Expect: 100-continue\r\nContent-Length: 5\r\n", ""));
  CHECK(socket.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  socket.send("abcde" + request("DELETE /b",
                                "Expect: 100-continue\r\n"
                                "Transfer-Encoding: chunked\r\n",
                                ""));
  CHECK(read_response(socket).body == "POST /a [] abcde");
  CHECK(socket.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  socket.send("1\r\nx\r\n0\r\n\r\n");
  CHECK(read_response(socket).body == "DELETE /b [] x");
  // A client that sends it all the same has not waited for it.
  CHECK(worker.answer_to(with_length("POST /a", "Expect: 100-continue\r\n", "abcde")).body ==
        "POST /a [] abcde");
  CHECK(worker.answer_to(with_length("POST /a", "Expect: else\r\n", inner)).status() == 417);
  // Nobody wants it: nobody is asked for it.
  auto unwanted = worker.connect();
  unwanted.send(request("GET /c", "Expect: 100-continue\r\nContent-Length: 5\r\n", ""));
  const auto answer = read_response(unwanted);
  CHECK(answer.status() == 200);
  CHECK(answer.field("Connection") == "close");
}

TEST_CASE("a service that declines an expectation does not execute the request") {
  std::atomic<int> executed{0};
  const Serving serving{[&](httplib::Server& server) {
    server.set_expect_100_continue_handler(
        [](const httplib::Request&, httplib::Response&) { return 417; });
    server.Post("/.*", [&](const httplib::Request&, httplib::Response&) { ++executed; });
  }};
  auto socket = RawSocket::connect(serving.address().port);
  socket.send(request("POST /a", "Expect: 100-continue\r\nContent-Length: 5\r\n", ""));
  const auto answer = read_response(socket);
  CHECK(answer.status() == 417);
  CHECK(answer.field("Connection") == "close");
  CHECK(socket.read_to_end().empty());
  CHECK(executed == 0);
}

TEST_CASE("what two readers could take differently is refused") {
  Worker worker;
  for (const std::string& odd : std::vector<std::string>{
           request("GET  /a", "", ""), request("GET /a b", "", ""), std::string("GET /a\r\n\r\n"),
           request("GET /a", "Content-Length: 1\r\nContent-Length: 2\r\n", "xx"),
           request("POST /a", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
           request("POST /a", "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
           request("GET /a", "X : y\r\n", ""), request("GET /a", "Host: y\r\n", ""),
           request("GET /a", "X: y\r\n z\r\n", ""), std::string("GET /a HTTP/1.1\nHost: x\n\n")}) {
    INFO(odd);
    auto socket = worker.connect();
    socket.send(odd + request("GET /first", "", ""));
    const auto answer = read_response(socket);
    CHECK(answer.status() >= 400);
    CHECK(answer.field("Connection") == "close");
    CHECK(socket.read_to_end().empty());
  }
}

TEST_CASE("fields come to a handler as they were sent, and those of the connection are its own") {
  std::string seen;
  const Serving serving{[&](httplib::Server& server) {
    server.Get("/.*", [&](const httplib::Request& request, httplib::Response&) {
      seen = request.get_header_value("X") + " " + request.get_header_value("REMOTE_ADDR") + " " +
             request.get_param_value("q") + " " + request.target + " " +
             request.get_header_value("Host");
    });
  }};
  auto socket = RawSocket::connect(serving.address().port);
  socket.send(
      "GET http://y/a?q=%41?b HTTP/1.1\r\nHost: x\r\nX: %0d%0aY\r\nRemote_Addr: 9.9.9.9\r\n\r\n");
  CHECK(read_response(socket).status() == 200);
  CHECK(seen == "%0d%0aY 127.0.0.1 A?b /a?q=%41?b y");
}

}  // namespace tandem::test::odd_requests_test
