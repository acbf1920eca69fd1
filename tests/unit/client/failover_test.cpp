// Which master is asked, and what is sent again.
#include <catch2/catch.hpp>

#include <thread>

#include "scripted_masters.hpp"

namespace tandem::test::failover_test {

using namespace std::chrono_literals;

TEST_CASE("a call goes to the master that served last") {
  Origin first(once(""));  // closes without an answer
  Origin second(always(ok("second")));
  Client client(knowing(first, second));
  for (int i = 0; i < 3; ++i) {
    const auto answer = client.Get("/");
    REQUIRE(answer);
    CHECK(answer->master == address_of(second));
    CHECK(answer->attempts == (i == 0 ? 2 : 1));
  }
  CHECK(first.request_count() == 1);
  CHECK(second.request_count() == 3);
  CHECK(second.connection_count() == 1);
}

TEST_CASE("a master that refuses connections is passed over, whatever the method") {
  Origin second(always(ok("second")));
  auto options = knowing(second);
  options.masters.insert(options.masters.begin(), refusing_address());
  for (const auto* method : {"GET", "POST", "PATCH", "PURGE"}) {
    Client client(options);
    const auto answer = client.send(method, "/", {}, "");
    REQUIRE(answer);
    CHECK(answer->body == "second");
    CHECK(answer->attempts == 2);
  }
}

TEST_CASE("an idempotent call whose answer is lost goes to the next master") {
  for (const std::string method : {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"}) {
    Origin first(once(""));
    Origin second(
        always(method == "HEAD" ? "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n" : ok("second")));
    Client client(knowing(first, second));
    const auto answer = client.send(method, "/", {}, method == "PUT" ? "new" : "");
    REQUIRE(answer);
    CHECK(answer->status == 200);
    CHECK(answer->master == address_of(second));
    CHECK(second.requests()[0].body == first.requests()[0].body);
  }
}

TEST_CASE("a POST whose answer is lost is not sent again, and its outcome is said to be unknown") {
  for (const std::string method : {"POST", "PATCH", "PURGE"}) {
    for (const std::string part :
         {"", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 O",
          "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "nonsense\r\n\r\n"}) {
      Origin first(once(part));
      Origin second(always(ok("second")));
      Client client(knowing(first, second));
      const auto answer = client.send(method, "/", {{"Idempotency-Key", "7"}}, "once");
      REQUIRE(!answer);
      CHECK(answer.error().code == ClientErrorCode::outcome_unknown);
      CHECK(answer.error().message.find(address_of(first)) != std::string::npos);
      CHECK(answer.error().attempts == 1);
      CHECK(second.connection_count() == 0);
    }
  }
}

TEST_CASE("a POST is sent again when the caller allows it") {
  Origin first(once(""));
  Origin second(always(ok("second")));
  Client client(knowing(first, second));
  CallOptions call;
  call.retry = true;
  const auto answer = client.Post("/", "twice", "text/plain", call);
  REQUIRE(answer);
  CHECK(answer->body == "second");
  CHECK(first.requests()[0].body == "twice");
  CHECK(second.requests()[0].body == "twice");
}

TEST_CASE("an answer that is cut short is no answer") {
  for (const std::string part :
       {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n",
        "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nno field\r\n\r\n"}) {
    Origin first(once(part));
    Origin second(always(ok("whole")));
    Client client(knowing(first, second));
    const auto answer = client.Get("/");
    REQUIRE(answer);
    CHECK(answer->body == "whole");
  }
}

TEST_CASE("a master's own refusal sends the call to the next master, whatever the method") {
  for (const auto* code :
       {"no_worker", "workers_full", "primary_full", "no_primary", "not_primary"}) {
    Origin first(always(unserved(code)));
    Origin second(always(ok("second")));
    Client client(knowing(first, second));
    const auto answer = client.Post("/", "order", "text/plain");
    REQUIRE(answer);
    CHECK(answer->body == "second");
    CHECK(first.request_count() == 1);
  }
}

TEST_CASE("a call waits for a master that serves") {
  Origin only([](Origin& origin, RawSocket& socket) {
    for (;;) {
      origin.receive(socket);
      socket.send(origin.request_count() < 5 ? unserved("no_primary") : ok("at last"));
    }
  });
  Client client(knowing(only));
  const auto answer = client.Post("/", "order", "text/plain");
  REQUIRE(answer);
  CHECK(answer->body == "at last");
  CHECK(answer->attempts == 5);
}

TEST_CASE("when no master serves until the deadline the caller sees the refusal") {
  Origin only(always(unserved("no_worker")));
  auto options = knowing(only);
  options.deadline = 1s;
  const auto answer = Client(options).Get("/");
  REQUIRE(answer);
  CHECK(answer->status == 503);
  CHECK(answer->has_header("retry-after"));
  CHECK(answer->attempts > 1);
}

TEST_CASE("a service's own 5xx is the caller's") {
  const std::string own_document = R"({"error":{"code":"database_down","message":"Oh."}})";
  for (const auto& own : {answer("500 Oh", "", "x"), answer("502 Bad Gateway", "", "x"),
                          answer("503 Busy", "", R"({"error":{"code":"no_worker"}})"),
                          answer("503 Busy", "Retry-After: 1\r\n", "busy"),
                          answer("503 Busy", "Retry-After: 1\r\n", own_document),
                          answer("504 Late", "Retry-After: 1\r\n", "")}) {
    Origin first(always(own));
    Origin second(always(ok("second")));
    Client client(knowing(first, second));
    const auto seen = client.Get("/");
    REQUIRE(seen);
    CHECK(seen->status >= 500);
    CHECK(seen->attempts == 1);
    CHECK(second.connection_count() == 0);
  }
}

TEST_CASE(
    "a HEAD that a master refuses itself goes to the next, one that a service refuses does not") {
  const std::string refusal = "HTTP/1.1 503 No\r\nRetry-After: 1\r\nContent-Length: 60\r\n";
  Origin first(always(refusal + "\r\n"));
  Origin second(always(refusal + "Via: 1.1 tandem\r\n\r\n"));
  Client client(knowing(first, second));
  const auto answer = client.Head("/");
  REQUIRE(answer);
  CHECK(answer->status == 503);
  CHECK(answer->master == address_of(second));
}

TEST_CASE("a standby's redirect leads to the primary, whatever the method") {
  Origin primary(always(ok("primary")));
  Origin standby(always(answer("307 Temporary Redirect",
                               "Location: http://" + address_of(primary) + "/a?b=c\r\n", "{}")));
  SECTION("that the client knows") {
    Client client(knowing(standby, primary));
    const auto answer = client.Post("/a?b=c", "order", "text/plain");
    REQUIRE(answer);
    CHECK(answer->master == address_of(primary));
    CHECK(primary.requests()[0].body == "order");
    CHECK(primary.requests()[0].field("Host") == address_of(primary));
    REQUIRE(client.Get("/a?b=c"));
    CHECK(standby.request_count() == 1);  // the primary is remembered
  }
  SECTION("that the client was not told of") {
    Client client(knowing(standby));
    REQUIRE(client.Post("/a?b=c", "order", "text/plain"));
    CHECK(primary.request_count() == 1);
  }
  SECTION("but only with the target that was asked for") {
    Client client(knowing(standby));
    const auto answer = client.Get("/a");
    REQUIRE(answer);
    CHECK(answer->status == 307);
  }
}

TEST_CASE("a service's redirect is the caller's") {
  Origin elsewhere(always(ok("stolen")));
  const auto location = "http://" + address_of(elsewhere) + "/";
  for (const auto& fields :
       {"Via: 1.1 tandem\r\nLocation: " + location + "\r\n", std::string("Location: /login\r\n"),
        std::string("Location: https://example.org/\r\n")}) {
    Origin master(always(answer("307 Temporary Redirect", fields, "")));
    Client client(knowing(master));
    const auto seen = client.Get("/", {{"Authorization", "secret"}});
    REQUIRE(seen);
    CHECK(seen->status == 307);
  }
  CHECK(elsewhere.connection_count() == 0);
}

TEST_CASE("masters that send a call in circles do not keep it past its deadline") {
  std::string other;
  std::mutex mutex;
  const auto script = [&](Origin& origin, RawSocket& socket) {
    origin.receive(socket);
    const std::lock_guard lock(mutex);
    socket.send(answer("307 Temporary Redirect", "Location: http://" + other + "/\r\n", ""));
  };
  Origin first(script);
  {
    const std::lock_guard lock(mutex);
    other = address_of(first);
  }
  auto options = knowing(first);
  options.deadline = 500ms;
  const auto answer = Client(options).Get("/");
  REQUIRE(!answer);
  CHECK(answer.error().code == ClientErrorCode::deadline);
}

TEST_CASE("after a POST to a master that hangs, another one is asked first") {
  Origin frozen(say_nothing);
  Origin second(always(ok("second")));
  Client client(knowing(frozen, second));
  CallOptions call;
  call.deadline = 500ms;
  const auto answer = client.Post("/", "order", "text/plain", call);
  REQUIRE(!answer);
  CHECK(answer.error().code == ClientErrorCode::outcome_unknown);
  CHECK(second.request_count() == 0);
  CHECK(client.Post("/", "order", "text/plain")->body == "second");
}

TEST_CASE("a call ends at its deadline, also when an answer comes byte by byte") {
  Origin slow([](Origin& origin, RawSocket& socket) {
    origin.receive(socket);
    for (;;) {
      socket.send("H");
      if (!socket.stays_silent(5)) return;
    }
  });
  Origin slow_body([](Origin& origin, RawSocket& socket) {
    origin.receive(socket);
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    for (;;) {
      socket.send("x");
      if (!socket.stays_silent(5)) return;
    }
  });
  for (const auto* master : {&slow, &slow_body}) {
    auto options = knowing(*master);
    options.deadline = 500ms;
    const auto answer = Client(options).Get("/");
    REQUIRE(!answer);
    CHECK(answer.error().code == ClientErrorCode::deadline);
  }
}

TEST_CASE("when no master can be reached the error says so and names each") {
  ClientOptions options;
  options.masters = {refusing_address(), refusing_address()};
  options.deadline = 500ms;
  const auto answer = Client(options).Post("/", "order", "text/plain");
  REQUIRE(!answer);
  CHECK(answer.error().code == ClientErrorCode::unreachable);
  for (const auto& master : options.masters) {
    CHECK(answer.error().message.find(master + ": the connection was refused") !=
          std::string::npos);
  }
}

TEST_CASE("threads share one client, and none of their calls fails when a master ends") {
  Origin first([](Origin& origin, RawSocket& socket) {
    while (origin.request_count() < 200) {
      origin.receive(socket);
      socket.send(ok("first"));
    }
  });
  Origin second(always(ok("second")));
  Client client(knowing(first, second));
  std::atomic<int> answered = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int call = 0; call < 100; ++call) {
        if (client.Get("/")) ++answered;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(answered == 800);
  CHECK(second.connections_peak() <= 8);
}

}  // namespace tandem::test::failover_test
