// Services whose workers speak HTTP/2 (protocol=http2), as clients of HTTP/1 see them.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <atomic>
#include <thread>

#include "gateway.hpp"
#include "h2_client.hpp"
#include "h2_frames.hpp"
#include "h2_raw_worker.hpp"
#include "h2_worker.hpp"

namespace tandem::test::h2_workers_test {

using namespace std::chrono_literals;
using namespace std::string_literals;
namespace master = tandem::master;
using master::h2::ErrorCode;
using master::h2::Stream;

namespace {

using Request = H2Worker::Request;

void hello(H2Worker::Connection& connection, Stream& stream, const Request&) {
  connection.answer(stream, 200, "hello", {{"content-type", "text/plain"}});
}
void echo(H2Worker::Connection& connection, Stream& stream, const Request& request) {
  connection.answer(stream, 200, request.body);
}

// A worker, its listener, and more of the kind.
struct Worker {
  explicit Worker(H2Worker::Answer answer) : h2(std::move(answer)), origin(h2.script()) {}
  H2Worker h2;
  Origin origin;
};

std::string post(std::string_view body, std::string_view fields = "") {
  return fmt::format("POST /p HTTP/1.1\r\nHost: a\r\n{}Content-Length: {}\r\n\r\n{}", fields,
                     body.size(), body);
}

// A client of HTTP/2, up to the end of stream 1: the frames of that stream.
std::vector<h2::Frame> ask_in_h2(const Gateway& gateway, const std::string& frames) {
  auto client = gateway.connect();
  client.send(std::string(h2::preface) + h2::settings() + frames);
  std::vector<h2::Frame> answer;
  while (answer.empty() || !answer.back().has(h2::end_stream)) {
    auto frame = read_frame(client);
    if (frame.stream != 1) continue;
    answer.push_back(std::move(frame));
    if (answer.back().type == h2::rst_stream_type) break;
  }
  return answer;
}

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 7 + i / 256);
  return bytes;
}

}  // namespace

TEST_CASE("a worker of HTTP/2 answers a client of HTTP/1") {
  Worker worker(hello);
  Gateway gateway({worker.origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  const auto answer = gateway.ask(get("/x?y"));
  CHECK(answer.status() == 200);
  CHECK(answer.body == "hello");
  CHECK(answer.field("content-type") == "text/plain");
  const auto requests = worker.h2.requests();
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].method == "GET");
  CHECK(requests[0].path == "/x?y");
  CHECK(requests[0].host == "example.org");
  CHECK(requests[0].fields.at("x-forwarded-for") == "127.0.0.1");
  CHECK(requests[0].fields.count("connection") == 0);
  CHECK(requests[0].fields.count("host") == 0);
}

TEST_CASE("calls to a worker of HTTP/2 share a connection") {
  Worker worker(hello);
  Gateway gateway({worker.origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  CHECK(gateway.ask(get("/")).body == "hello");
  std::vector<std::thread> clients;
  std::atomic<int> good{0};
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      auto client = gateway.connect();
      for (int j = 0; j < 20; ++j) {
        client.send(get("/"));
        if (read_response(client).body == "hello") ++good;
      }
    });
  }
  for (auto& client : clients) client.join();
  CHECK(good == 160);
  CHECK(worker.origin.connection_count() == 1);
  // A place is given back after its answer has left.
  wait_until([&] { return gateway.counters(0).open_connections == 0; });
}

TEST_CASE("bodies pass to a worker of HTTP/2 and back, short and long, with a length and without") {
  Worker worker(echo);
  Gateway gateway({worker.origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  for (const std::size_t size : {1, 1'000, 60'000, 1'000'000}) {
    const auto body = pattern(size);
    CHECK(gateway.ask(post(body)).body == body);
    auto chunked = fmt::format(
        "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "{:x}\r\n",
        size);
    chunked += body + "\r\n0\r\n\r\n";
    CHECK(gateway.ask(chunked).body == body);
  }
  for (const auto& request : worker.h2.requests()) {
    CHECK(request.fields.count("transfer-encoding") == 0);
  }
  CHECK(worker.origin.connection_count() == 1);
}

TEST_CASE("trailers pass to a worker of HTTP/2 and back") {
  Worker worker([](H2Worker::Connection& connection, Stream& stream, const Request&) {
    connection.answer(stream, 200, "hello", {}, {{"grpc-status", "0"}});
  });
  Gateway gateway({worker.origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  const auto answer = gateway.ask(
      "POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE\r\n"
      "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n");
  CHECK(answer.body == "hello");
  CHECK(answer.trailers == "grpc-status: 0\r\n");
  const auto requests = worker.h2.requests();
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].trailers.at("x-sum") == "1");
  CHECK(requests[0].fields.at("te") == "trailers");
}

TEST_CASE("answers of HTTP/2 without content have none in HTTP/1") {
  Worker worker([](H2Worker::Connection& connection, Stream& stream, const Request& request) {
    connection.answer(stream, request.path == "/204" ? 204 : 200, "");
  });
  Gateway gateway({worker.origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  auto client = gateway.connect();
  client.send(get("/204"));
  CHECK(read_response(client).status() == 204);
  client.send(get("/200"));
  const auto empty = read_response(client);
  CHECK(empty.field("content-length") == "0");
  client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto to_head = read_response(client, true);
  CHECK(to_head.status() == 200);
  CHECK(to_head.field("content-length") == "");
  client.send(get("/204"));
  CHECK(read_response(client).status() == 204);
}

TEST_CASE("a call that a worker of HTTP/2 refuses goes elsewhere, whatever its method") {
  std::atomic<int> refused{0};
  Worker refusing([&](H2Worker::Connection& connection, Stream& stream, const Request&) {
    ++refused;
    connection.session().reset(stream, ErrorCode::refused_stream);
  });
  Worker good(echo);
  Gateway gateway({refusing.origin.port(), good.origin.port()});
  gateway.set({"protocol=http2", "balance=round_robin"});
  gateway.settle();
  for (int i = 0; i < 4; ++i) {
    const auto answer = gateway.ask(post("hello"));
    CHECK(answer.status() == 200);
    CHECK(answer.body == "hello");
  }
  CHECK(refused > 0);
  CHECK(gateway.reported_failures() == 0);
}

TEST_CASE(
    "a call that a worker of HTTP/2 resets is not sent again when it may have been executed") {
  Worker worker([](H2Worker::Connection& connection, Stream& stream, const Request&) {
    connection.session().reset(stream, ErrorCode::internal_error);
  });
  Gateway gateway({worker.origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  CHECK(gateway.ask(post("hello")).status() == 502);
  CHECK(worker.h2.requests().size() == 1);
}

TEST_CASE("an answer of HTTP/2 that breaks off is never ended as if it were whole") {
  Worker worker([](H2Worker::Connection& connection, Stream& stream, const Request&) {
    static const std::string half(40'000, 'x');
    connection.session().send_head(stream, 200, {}, false);
    connection.session().send_content(stream, half, false);
  });
  // The rest never comes.
  Gateway gateway({worker.origin.port()}, {.timeouts = {.body_idle = 300ms}});
  gateway.set({"protocol=http2"});
  gateway.settle();
  auto client = gateway.connect();
  client.send(get("/"));
  bool reset = false;
  const auto all = client.read_to_end(&reset);
  CHECK(all.find("\r\n0\r\n") == all.npos);
  wait_until([&] { return !worker.h2.resets().empty(); });
}

TEST_CASE("a worker of HTTP/2 that drains loses no call") {
  std::atomic<int> served{0};
  Worker worker([&](H2Worker::Connection& connection, Stream& stream, const Request& request) {
    if (++served % 5 == 0) connection.session().begin_drain();
    echo(connection, stream, request);
  });
  Gateway gateway({worker.origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  auto client = gateway.connect();
  for (int i = 0; i < 50; ++i) {
    client.send(post("hello"));
    const auto answer = read_response(client);
    CHECK(answer.status() == 200);
    CHECK(answer.body == "hello");
  }
  CHECK(served == 50);
  CHECK(worker.origin.connection_count() > 1);
  CHECK(gateway.reported_failures() == 0);
}

TEST_CASE("a client that leaves has its call at a worker of HTTP/2 cancelled") {
  Worker worker([](H2Worker::Connection&, Stream&, const Request&) {});
  Gateway gateway({worker.origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  {
    auto client = gateway.connect();
    client.send(get("/"));
    wait_until([&] { return worker.h2.requests().size() == 1; });
    client.reset();
  }
  wait_until([&] { return !worker.h2.resets().empty(); });
  CHECK(worker.h2.resets().front() == static_cast<std::uint32_t>(ErrorCode::cancel));
  wait_until([&] { return gateway.counters(0).open_connections == 0; });
}

TEST_CASE("a worker that speaks HTTP/1 is no worker of HTTP/2") {
  Origin origin(always(ok("hello")));
  Gateway gateway({origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  CHECK(gateway.ask(get("/")).status() >= 502);
}

TEST_CASE("what a worker may hold counts its streams") {
  std::atomic<int> at_work{0};
  Worker worker([&](H2Worker::Connection& connection, Stream& stream, const Request& request) {
    if (request.path == "/hold") {
      ++at_work;
      return;
    }
    hello(connection, stream, request);
  });
  Gateway gateway({worker.origin.port()}, {.connections = 1, .timeouts = {.queue_wait = 100ms}});
  gateway.set({"protocol=http2"});
  gateway.settle();
  auto holding = gateway.connect();
  holding.send(get("/hold"));
  wait_until([&] { return at_work == 1; });
  CHECK(gateway.ask(get("/")).status() == 503);
  holding.reset();
  wait_until([&] { return gateway.counters(0).open_connections == 0; });
  CHECK(gateway.ask(get("/")).body == "hello");
}

TEST_CASE("a worker that takes one stream on a connection has as many connections as calls") {
  // Answers each request when two are here.
  std::atomic<int> waiting{0};
  Origin origin([&](Origin&, RawSocket& socket) {
    socket.read_until("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    socket.send(h2::settings({{h2::max_concurrent_streams, 1}}) + h2::settings_ack());
    const std::string ok = h2::block({{":status", "204"}});
    for (;;) {
      const auto frame = read_frame(socket);
      if (frame.type != h2::headers_type) continue;
      ++waiting;
      wait_until([&] { return waiting >= 2; });
      socket.send(h2::headers(frame.stream, ok, h2::end_stream));
    }
  });
  Gateway gateway({origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  auto first = gateway.connect();
  auto second = gateway.connect();
  first.send(get("/"));
  second.send(get("/"));
  CHECK(read_response(first).status() == 204);
  CHECK(read_response(second).status() == 204);
  CHECK(origin.connection_count() == 2);
}

TEST_CASE("a call of gRPC passes from a client of HTTP/2 to a worker of HTTP/2 and back") {
  Worker worker([](H2Worker::Connection& connection, Stream& stream, const Request& request) {
    if (request.path == "/none") {
      // Trailers-only: one head that ends the stream.
      connection.answer(stream, 200, "", {{"grpc-status", "12"}, {"grpc-message", "no%20such"}});
    } else {
      connection.answer(stream, 200, request.body, {{"content-type", "application/grpc"}},
                        {{"grpc-status", "0"}});
    }
  });
  Gateway gateway({worker.origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  const auto call = [](std::string_view path) {
    auto fields = h2::post({{"te", "trailers"}, {"content-type", "application/grpc"}});
    fields[3].second = path;
    return h2::headers(1, h2::block(fields)) + h2::data(1, "\0\0\0\0\2hi"s, h2::end_stream);
  };
  const auto answer = ask_in_h2(gateway, call("/some"));
  REQUIRE(answer.size() == 3);
  h2::Decoder decoder;
  const auto head = decoder.decode(answer[0].payload);
  CHECK(head[0] == std::pair(":status"s, "200"s));
  CHECK(std::count(head.begin(), head.end(), std::pair("content-type"s, "application/grpc"s)) == 1);
  CHECK(answer[1].payload == "\0\0\0\0\2hi"s);
  CHECK(decoder.decode(answer[2].payload) == h2::Fields{{"grpc-status", "0"}});
  CHECK(answer[2].has(h2::end_stream));
  CHECK(worker.h2.requests()[0].fields.at("te") == "trailers");

  const auto none = ask_in_h2(gateway, call("/none"));
  REQUIRE(none.size() == 1);
  h2::Decoder fresh;
  const auto only = fresh.decode(none[0].payload);
  CHECK(std::count(only.begin(), only.end(), std::pair("grpc-status"s, "12"s)) == 1);
}

}  // namespace tandem::test::h2_workers_test
