#include "master/access_log_flags.hpp"

#include <charconv>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "common/base/command_line.hpp"

namespace tandem::master {

void bind_access_log(CLI::App& app, AccessLogOptions& options) {
  bind_value(app, "--access-log", "FILE|-|off",
             "where to write a line for each request; off: nowhere. The file is reopened at SIGHUP",
             [&options](std::string_view text, std::string_view) -> Result<> {
               options.path = text == "off" ? std::string_view() : text;
               return {};
             })
      ->default_str("off");
  bind_value(app, "--access-log-format", "json|combined",
             "how: a JSON object, or the combined format of Apache and nginx",
             [&options](std::string_view text, std::string_view flag) -> Result<> {
               if (text != "json" && text != "combined") {
                 return invalid(fmt::format("{} must be json or combined, not \"{}\"", flag,
                                            text.substr(0, 32)));
               }
               options.format = text == "json" ? AccessFormat::json : AccessFormat::combined;
               return {};
             })
      ->default_str("json");
  bind_value(app, "--access-log-fields", "NAME,...|+NAME,...|all",
             fmt::format("the members of its JSON, in this order, or besides the usual ones: {}",
                         access_field_names()),
             [&options](std::string_view text, std::string_view flag) -> Result<> {
               auto fields = parse_access_fields(text, flag);
               if (!fields) return fields.error();
               options.fields = std::move(*fields);
               return {};
             })
      ->default_str(access_field_names(options.fields));
  bind_each(app, "--access-log-filter", "CONDITION[,CONDITION]...",
            "only requests for which these hold all, or those of another filter: status>=500, "
            "duration_ms>250, service=shop, method!=GET; repeatable",
            [&options](std::string_view text, std::string_view flag) {
              return options.filter.add_clause(text, flag);
            });
  bind_value(
      app, "--access-log-sample", "N",
      "one in N of the requests that no --access-log-filter chooses, too; 0: none of them; without "
      "filters: of all requests",
      [&options](std::string_view text, std::string_view flag) -> Result<> {
        unsigned one_in = 0;
        const auto* const end = text.data() + text.size();
        const auto read = std::from_chars(text.data(), end, one_in);
        if (read.ec != std::errc() || read.ptr != end || one_in > limits::access_log_sample_max) {
          return invalid(fmt::format("{} must be a number from 0 to {}, not \"{}\"", flag,
                                     limits::access_log_sample_max, text.substr(0, 32)));
        }
        options.filter.set_sample(one_in);
        return {};
      })
      ->default_str("0");
}

std::vector<std::string> check_access_log(const AccessLogOptions& options) {
  const auto usual = AccessFields::usual().in_order();
  if (options.format == AccessFormat::json || options.fields.in_order() == usual) return {};
  return {"--access-log-fields are those of JSON: --access-log-format combined has its own"};
}

}  // namespace tandem::master
