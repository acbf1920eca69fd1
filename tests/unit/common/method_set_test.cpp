// Which methods may be sent again, as an operator says it.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "common/wire/limits.hpp"
#include "common/wire/method_set.hpp"

namespace tandem::method_set_test {

using tandem::wire::MethodSet;

namespace {

// A,B,C...: so many methods, the first of so many letters.
std::string methods(std::size_t count, std::size_t letters = 2) {
  std::string text(letters, 'X');
  for (std::size_t i = 1; i < count; ++i) text += fmt::format(",M{}", i);
  return text;
}

}  // namespace

TEST_CASE("where nothing is said the idempotent methods may be sent again (RFC 9110 §9.2.2)") {
  const auto& methods = MethodSet::idempotent();
  for (const auto* method : {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"}) {
    INFO(method);
    CHECK(methods.contains(method));
  }
  for (const auto* method :
       {"POST", "PATCH", "CONNECT", "get", "GE", "GETS", "GET,HEAD", "", ","}) {
    INFO(method);
    CHECK_FALSE(methods.contains(method));
  }
}

TEST_CASE("methods are written as they are read") {
  for (const auto* text : {"none", "GET", "GET,HEAD,POST", "M-SEARCH,VERSION-CONTROL"}) {
    CHECK(MethodSet::parse(text)->to_string() == text);
  }
  CHECK(MethodSet::parse("")->to_string() == "none");
  CHECK(MethodSet::parse("GET,POST,GET")->to_string() == "GET,POST");
  CHECK(MethodSet::parse("none")->names().empty());
  CHECK_FALSE(MethodSet::parse("none")->contains("GET"));
}

TEST_CASE("what is no method is refused") {
  for (const auto* text : {"get", "Get", "GET,", ",GET", "GET,,PUT", "GET PUT", "GET;PUT",
                           "GET, PUT", "GET,none", ",", "*", "GET\r\n"}) {
    INFO(text);
    CHECK_FALSE(MethodSet::parse(text));
  }
}

TEST_CASE("the number of methods has a limit, and the length of a name") {
  CHECK(MethodSet::parse(methods(limits::retry_methods_max))->names().size() ==
        limits::retry_methods_max);
  CHECK_FALSE(MethodSet::parse(methods(limits::retry_methods_max + 1)));
  CHECK(MethodSet::parse(methods(1, limits::method_name_bytes_max)));
  CHECK_FALSE(MethodSet::parse(methods(1, limits::method_name_bytes_max + 1)));
  MethodSet longest;
  for (std::size_t i = 0; i < limits::retry_methods_max; ++i) {
    CHECK(longest.add(std::string(limits::method_name_bytes_max - 1, 'X') + char('A' + i)));
  }
  CHECK(longest.names().size() == limits::retry_methods_max);
  CHECK(longest.add(longest.names().back()));  // it is there already
  CHECK_FALSE(longest.add("GET"));
  CHECK(MethodSet::parse(longest.to_string()) == longest);
}

TEST_CASE("methods of gRPC are named by their paths, or all of a service") {
  const auto methods = MethodSet::parse("GET,/shop.Orders/Find,/shop.Stock/*");
  REQUIRE(methods);
  CHECK(methods->to_string() == "GET,/shop.Orders/Find,/shop.Stock/*");
  CHECK(methods->contains("GET"));
  CHECK(methods->contains_call("/shop.Orders/Find"));
  CHECK(methods->contains_call("/shop.Stock/Count"));
  for (const auto* other : {"/shop.Orders/Place", "/shop.Orders/FindAll", "/shop.Orders/Fin",
                            "/shop.Stocks/Count", "/shop.Stock", "GET", ""}) {
    INFO(other);
    CHECK_FALSE(methods->contains_call(other));
  }
  CHECK_FALSE(methods->contains("/shop.Orders/Find"));
  CHECK_FALSE(MethodSet::idempotent().contains_call("/shop.Orders/Find"));
  CHECK(MethodSet::parse("/a/b") == MethodSet::parse("/a/b,/a/b"));
  CHECK_FALSE(MethodSet::parse("/a/b") == MethodSet::parse("/a/c"));
  CHECK_FALSE(MethodSet::parse("/a/b") == MethodSet::parse("none"));
  for (const auto* text : {"/", "//", "/a", "/a/", "//b", "/a/b/c", "/*/b", "/a/b*", "a/b",
                           "/a b/c", "/a/b,", "none,/a/b"}) {
    INFO(text);
    CHECK_FALSE(MethodSet::parse(text));
  }
}

TEST_CASE("the number of methods of gRPC has a limit, and the length of a name") {
  MethodSet most;
  for (std::size_t i = 0; i < limits::retry_calls_max; ++i) {
    CHECK(most.add(fmt::format("/a/m{}", i)));
  }
  CHECK(most.add("/a/m0"));
  CHECK_FALSE(most.add("/a/more"));
  CHECK(MethodSet::parse(most.to_string()) == most);
  const std::string longest = "/a/" + std::string(limits::grpc_name_bytes_max - 3, 'x');
  CHECK(MethodSet::parse(longest));
  CHECK_FALSE(MethodSet::parse(longest + "x"));
}

}  // namespace tandem::method_set_test
