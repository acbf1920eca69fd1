#include "worker/program/demo_routes.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <httplib.h>
#include <nlohmann/json.hpp>

#include "worker/program/ranged_content.hpp"

namespace tandem {

namespace {

constexpr std::uint64_t slow_ms_max = 60'000;
constexpr std::uint64_t bytes_max = 1024 * 1024 * 1024;

std::optional<std::uint64_t> number_up_to(std::uint64_t max, const std::string& text) {
  std::uint64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc{} || parsed.ptr != end || number > max) return std::nullopt;
  return number;
}

void refuse(httplib::Response& response, const std::string& why) {
  response.status = 400;
  response.set_content(why + "\n", "text/plain");
}

void answer_slowly(const httplib::Request& request, httplib::Response& response) {
  const auto ms = number_up_to(slow_ms_max, request.get_param_value("ms"));
  if (!ms) return refuse(response, fmt::format("ms must be 0 to {}", slow_ms_max));
  std::this_thread::sleep_for(std::chrono::milliseconds(*ms));
  response.set_content(fmt::format("slept {} ms\n", *ms), "text/plain");
}

void answer_status(const httplib::Request& request, httplib::Response& response) {
  const auto status = number_up_to(599, request.matches[1]);
  if (!status || *status < 200) return refuse(response, "a status is 200 to 599");
  response.status = static_cast<int>(*status);
  const bool has_body = *status != 204 && *status != 304;  // RFC 9110 §6.4.1
  if (has_body) response.set_content(fmt::format("status {}\n", *status), "text/plain");
}

void answer_bytes(const httplib::Request& request, httplib::Response& response) {
  const auto size = number_up_to(bytes_max, request.matches[1]);
  if (!size) return refuse(response, fmt::format("bytes are 0 to {}", bytes_max));
  send_content(request, response, {*size, "application/octet-stream"},
               [](std::uint64_t offset, char* buffer, std::size_t count) {
                 auto letter = static_cast<char>(offset % 26);
                 std::generate_n(buffer, count, [&letter] {
                   const auto current = static_cast<char>('a' + letter);
                   letter = static_cast<char>((letter + 1) % 26);
                   return current;
                 });
                 return count;
               });
}

void answer_echo(const httplib::Request& request, httplib::Response& response) {
  const auto type = request.get_header_value("Content-Type");
  response.set_content(request.body, type.empty() ? "application/octet-stream" : type);
}

using Answer = void (*)(const httplib::Request&, httplib::Response&);

// GET includes HEAD.
template <class Handler>
void add_all_methods(httplib::Server& server, const std::string& pattern, const Handler& handler) {
  server.Get(pattern, handler);
  server.Post(pattern, httplib::Server::Handler(handler));
  server.Put(pattern, httplib::Server::Handler(handler));
  server.Patch(pattern, httplib::Server::Handler(handler));
  server.Delete(pattern, httplib::Server::Handler(handler));
  server.Options(pattern, handler);
}

}  // namespace

void add_demo_routes(httplib::Server& server, std::function<std::string()> name) {
  server.set_post_routing_handler([name](const httplib::Request&, httplib::Response& response) {
    response.set_header("Tandem-Worker", name());
  });
  for (const auto& [pattern, answer] :
       std::initializer_list<std::pair<const char*, Answer>>{{"/slow", answer_slowly},
                                                             {"/status/([^/]*)", answer_status},
                                                             {"/bytes/([^/]*)", answer_bytes},
                                                             {"/echo", answer_echo}}) {
    add_all_methods(server, pattern, answer);
  }
  server.Get("/health", [](const httplib::Request&, httplib::Response& response) {
    response.set_content("ok\n", "text/plain");
  });
  const auto served = std::make_shared<std::atomic<std::uint64_t>>(0);
  add_all_methods(
      server, "[^]*", [name, served](const httplib::Request& request, httplib::Response& response) {
        const auto count = ++*served;
        if (request.get_header_value("Accept").find("application/json") == std::string::npos) {
          return response.set_content(
              fmt::format("{} {} {} {}\n", name(), request.method, request.path, count),
              "text/plain");
        }
        const nlohmann::ordered_json document{{"worker", name()},
                                              {"method", request.method},
                                              {"path", request.path},
                                              {"count", count}};
        response.set_content(
            document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n",
            "application/json");
      });
}

}  // namespace tandem
