#include "master/control/page_api.hpp"

#include <charconv>

#include <fmt/format.h>

#include "common/http/api_response.hpp"
#include "master/control/query.hpp"
#include "master/page/page.hpp"

namespace tandem::master {

namespace {

ControlResponse page_file(std::string_view content, std::string_view type,
                          const std::vector<std::string>& pages) {
  std::string masters;
  for (const auto& origin : pages) masters += " " + origin;
  ControlResponse response{.status = 200, .body = std::string(content), .content_type = type};
  response.fields = {
      {"Content-Security-Policy",
       fmt::format("default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
                   "connect-src 'self'{}; base-uri 'none'; form-action 'none'; frame-ancestors "
                   "'none'",
                   masters)},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "no-referrer"},
      {"Cross-Origin-Opener-Policy", "same-origin"}};
  return response;
}

ControlResponse show(const ControlRequest& request, const std::string& node,
                     const metrics::History& history) {
  auto parameters = parse_query(request.query, {"since"});
  if (!parameters) return refusal(parameters.error());
  const auto& text = (*parameters)["since"];
  std::int64_t since = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), since);
  if (!text.empty() && (error != std::errc() || end != text.data() + text.size())) {
    return refusal(invalid("since must be a time in seconds", "since"));
  }
  return document(history.to_json(node, since));
}

}  // namespace

void route_page(ApiRouter& router, const std::string& node, const metrics::History& history,
                std::function<std::vector<std::string>()> pages) {
  const auto add = [&router, &pages](std::string_view path, std::string_view content,
                                     std::string_view type) {
    router.add({.method = "GET",
                .path = path,
                .access = ApiEndpoint::Access::anyone,
                .handler = [content, type, pages](const ControlRequest&, const std::string&) {
                  return page_file(content, type, pages());
                }});
  };
  add("/", page::html, "text/html; charset=utf-8");
  add("/page.css", page::style, "text/css; charset=utf-8");
  add("/page.js", page::script, "text/javascript; charset=utf-8");
  add("/charts.js", page::charts, "text/javascript; charset=utf-8");
  add("/charts.css", page::charts_style, "text/css; charset=utf-8");
  router.add({.method = "GET",
              .path = "/v1/history",
              .handler = [&](const ControlRequest& request, const std::string&) {
                return show(request, node, history);
              }});
}

}  // namespace tandem::master
