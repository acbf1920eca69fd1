#include "worker/src/connection_server.hpp"

#include <catch2/catch.hpp>

#include "tests/gateway/raw_socket.hpp"
#include "tests/unit/worker/recording_master.hpp"

namespace tandem::test::connection_server_test {
namespace {

// Sends `bytes` as they are, and returns all that comes until the server closes.
std::string talk(const Endpoint& address, const std::string& bytes) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(address.port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  timeval patience{20, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  std::string received;
  if (::connect(socket, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0 &&
      ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(bytes.size())) {
    char buffer[4096];
    for (ssize_t size = 0; (size = ::recv(socket, buffer, sizeof buffer, 0)) > 0;) {
      received.append(buffer, static_cast<std::size_t>(size));
    }
  }
  ::close(socket);
  return received;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) ++found;
  return found;
}

// Answers every path with the method, the path and the body's size.
struct Server : ConnectionServer {
  Endpoint address;
  Server() {
    const auto answer = [](const httplib::Request& request, httplib::Response& response) {
      response.set_content(
          request.method + " " + request.path + " " + std::to_string(request.body.size()) + "\n",
          "text/plain");
    };
    Get("/.*", answer);
    Post("/.*", answer);
    Delete("/.*", answer);
    set_payload_max_length(1000);
  }
  void open() {
    auto opened = ConnectionServer::open({"127.0.0.1", 0}, 8);
    REQUIRE(opened.ok());
    address = *opened;
  }
};

const std::string last = "GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

}  // namespace

TEST_CASE("requests sent one after the other without waiting are all answered, in order") {
  Server server;
  server.open();
  std::string requests;
  for (int i = 0; i < 50; ++i) {
    requests +=
        "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde";
  }
  const auto answers = talk(server.address, requests + last);
  CHECK(count(answers, "HTTP/1.1 200 OK") == 51);
  CHECK(answers.find("POST /0 5\n") < answers.find("POST /49 5\n"));
  CHECK(answers.find("GET /last 0\n") != answers.npos);
}

TEST_CASE("the body of a GET is not taken for the next request") {
  Server server;
  server.open();
  const std::string hidden = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n";
  const auto get = [](const std::string& body) {
    return "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
  };
  const auto answers = talk(server.address, get(hidden) + last);
  CHECK(count(answers, "HTTP/1.1 200 OK") == 2);
  CHECK(answers.find("/hidden") == answers.npos);
  CHECK(answers.find("GET /last 0\n") != answers.npos);
  // One that is longer than it is worth reading ends the connection.
  server.set_payload_max_length(10'000'000);
  const auto ended = talk(server.address, get(std::string(1'000'000, 'x')) + last);
  CHECK(count(ended, "HTTP/1.1 200 OK") == 1);
  CHECK(ended.find("Connection: close") != ended.npos);
}

TEST_CASE("a request whose body may come but has no length has none") {
  Server server;
  server.open();
  const auto answers = talk(server.address,
                            "POST /a HTTP/1.1\r\nHost: x\r\n\r\n"
                            "DELETE /b HTTP/1.1\r\nHost: x\r\n\r\n" +
                                last);
  CHECK(answers.find("POST /a 0\n") != answers.npos);
  CHECK(answers.find("DELETE /b 0\n") != answers.npos);
  CHECK(answers.find("GET /last 0\n") != answers.npos);
}

TEST_CASE("the body of a request that was answered before routing is not taken for the next one") {
  Server server;
  server.before_request([](const httplib::Request& request, httplib::Response& response) {
    if (request.path != "/refused") return false;
    response.status = 403;
    return true;
  });
  server.open();
  const auto refused =
      "POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(last.size()) +
      "\r\n\r\n";
  const auto answers = talk(server.address, refused + last + last);
  CHECK(count(answers, "HTTP/1.1 ") == 2);
  CHECK(answers.find("HTTP/1.1 403") == 0);
  CHECK(answers.find("GET /last 0\n") != answers.npos);
  // What has not arrived when it is answered is not waited for.
  RawSocket slow = RawSocket::connect(server.address.port);
  slow.send(refused);
  CHECK(read_response(slow).field("Connection") == "close");
  slow.send(last);
  CHECK(slow.read_to_end().empty());
  // Without a body the connection goes on.
  const auto bare = talk(server.address, "GET /refused HTTP/1.1\r\nHost: x\r\n\r\n" + last);
  CHECK(count(bare, "HTTP/1.1 ") == 2);
}

TEST_CASE("a body past the limit is refused, one at the limit is not") {
  Server server;
  server.open();
  const auto post = [&](std::size_t size) {
    return talk(server.address,
                "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " +
                    std::to_string(size) + "\r\n\r\n" + std::string(size, 'x'));
  };
  CHECK(post(1000).find("HTTP/1.1 200") == 0);
  CHECK(post(1001).find("HTTP/1.1 413") == 0);
}

TEST_CASE("a server that stops answers the request it has and then closes") {
  Server server;
  server.open();
  httplib::Client client(server.address.host, server.address.port);
  client.set_keep_alive(true);
  REQUIRE(client.Get("/"));
  server.stop(1s);
  CHECK(!client.Get("/"));
  CHECK(server.requests_in_flight() == 0);
}

}  // namespace tandem::test::connection_server_test
