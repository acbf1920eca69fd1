#include "master/forward/access_log/filter.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>

#include <fmt/format.h>

#include "master/forward/access_log/limits.hpp"
#include "master/forward/access_log/line.hpp"

namespace tandem::master {

namespace {

double milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

// Nothing: the field is a text.
std::optional<double> number_of(AccessField field, const AccessEntry& entry) {
  switch (field) {
    case AccessField::status: return entry.status;
    case AccessField::bytes: return static_cast<double>(entry.bytes);
    case AccessField::duration_ms: return milliseconds(entry.duration);
    case AccessField::attempts: return entry.attempts;
    case AccessField::term: return static_cast<double>(entry.term.value());
    case AccessField::first_byte_ms: return milliseconds(entry.first_byte);
    case AccessField::request_bytes: return static_cast<double>(entry.request_bytes);
    default: return std::nullopt;
  }
}

std::string_view text_of(AccessField field, const AccessEntry& entry) {
  switch (field) {
    case AccessField::client: return entry.client;
    case AccessField::method: return entry.method;
    case AccessField::target: return entry.target;
    case AccessField::protocol: return protocol_name(entry.version);
    case AccessField::worker: return entry.worker;
    case AccessField::request_id: return entry.request_id;
    case AccessField::service: return entry.service;
    case AccessField::host: return entry.host;
    case AccessField::user_agent: return entry.user_agent;
    case AccessField::referer: return entry.referer;
    case AccessField::tls: return entry.tls;
    case AccessField::route: return entry.route;
    case AccessField::trace_id: return entry.trace_id;
    default: return {};
  }
}

}  // namespace

Result<AccessFilter::Condition> AccessFilter::parse_condition(std::string_view text,
                                                              std::string_view flag) {
  const auto refused = [&](std::string_view why) {
    return invalid(fmt::format("{}: \"{}\" {}", flag, text.substr(0, 64), why));
  };
  const auto end_of_name = text.find_first_of("=!<>");
  if (end_of_name == text.npos) {
    return refused("is no condition: a member of a line, one of = != < <= > >=, and a value");
  }
  const auto* field = find_access_field(text.substr(0, end_of_name));
  if (field == nullptr || *field == AccessField::time) {
    return refused("does not begin with a member of a line that can be compared");
  }
  auto value = text.substr(end_of_name);
  const auto begins = [&value](std::string_view sign) {
    if (!value.starts_with(sign)) return false;
    value.remove_prefix(sign.size());
    return true;
  };
  Condition condition{.field = *field, .comparison = Comparison::equal, .number = 0, .text = {}};
  if (begins(">=")) {
    condition.comparison = Comparison::at_least;
  } else if (begins("<=")) {
    condition.comparison = Comparison::at_most;
  } else if (begins("!=")) {
    condition.comparison = Comparison::unequal;
  } else if (begins(">")) {
    condition.comparison = Comparison::more;
  } else if (begins("<")) {
    condition.comparison = Comparison::less;
  } else if (!begins("=")) {
    return refused("has no comparison: one of = != < <= > >=");
  }
  if (number_of(*field, AccessEntry())) {
    const auto* const end = value.data() + value.size();
    const auto read = std::from_chars(value.data(), end, condition.number);
    if (value.empty() || read.ec != std::errc() || read.ptr != end) {
      return refused("compares a number with what is none");
    }
  } else if (condition.comparison != Comparison::equal &&
             condition.comparison != Comparison::unequal) {
    return refused("compares a text, which can only be = or !=");
  }
  condition.text = value;
  return condition;
}

Result<> AccessFilter::add_clause(std::string_view text, std::string_view flag) {
  if (clauses_.size() == limits::access_log_clauses_max) {
    return invalid(fmt::format("{}: at most {} times", flag, limits::access_log_clauses_max));
  }
  Clause clause;
  for (bool more = true; more;) {
    const auto comma = text.find(',');
    more = comma != text.npos;
    auto condition = parse_condition(text.substr(0, comma), flag);
    if (!condition) return condition.error();
    if (more) text.remove_prefix(comma + 1);
    fields_.add(condition->field);
    clause.push_back(std::move(*condition));
  }
  clauses_.push_back(std::move(clause));
  return {};
}

bool AccessFilter::holds(const Condition& condition, const AccessEntry& entry) {
  if (const auto number = number_of(condition.field, entry)) {
    switch (condition.comparison) {
      case Comparison::equal: return *number == condition.number;
      case Comparison::unequal: return *number != condition.number;
      case Comparison::less: return *number < condition.number;
      case Comparison::at_most: return *number <= condition.number;
      case Comparison::more: return *number > condition.number;
      case Comparison::at_least: return *number >= condition.number;
    }
  }
  const bool same = text_of(condition.field, entry) == condition.text;
  return same == (condition.comparison == Comparison::equal);
}

bool AccessFilter::takes(const AccessEntry& entry) {
  const bool chosen =
      clauses_.empty()
          ? sample_ <= 1
          : std::any_of(clauses_.begin(), clauses_.end(), [&](const Clause& clause) {
              return std::all_of(clause.begin(), clause.end(), [&](const Condition& condition) {
                return holds(condition, entry);
              });
            });
  if (chosen) return true;
  return sample_ > 0 && passed_over_++ % sample_ == 0;
}

}  // namespace tandem::master
