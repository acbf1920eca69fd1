#include "master/forward/access_log/fields.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace tandem::master {

namespace {

struct Row {
  AccessField field;
  std::string_view name;
};

constexpr std::array rows{
    Row{AccessField::time, "time"},
    Row{AccessField::client, "client"},
    Row{AccessField::method, "method"},
    Row{AccessField::target, "target"},
    Row{AccessField::protocol, "protocol"},
    Row{AccessField::status, "status"},
    Row{AccessField::bytes, "bytes"},
    Row{AccessField::duration_ms, "duration_ms"},
    Row{AccessField::worker, "worker"},
    Row{AccessField::attempts, "attempts"},
    Row{AccessField::request_id, "request_id"},
    Row{AccessField::term, "term"},
    Row{AccessField::service, "service"},
    Row{AccessField::host, "host"},
    Row{AccessField::user_agent, "user_agent"},
    Row{AccessField::referer, "referer"},
    Row{AccessField::tls, "tls"},
    Row{AccessField::route, "route"},
    Row{AccessField::first_byte_ms, "first_byte_ms"},
    Row{AccessField::request_bytes, "request_bytes"},
    Row{AccessField::trace_id, "trace_id"},
};

}  // namespace

std::string_view name_of(AccessField field) { return rows[static_cast<std::size_t>(field)].name; }

const AccessField* find_access_field(std::string_view name) {
  const auto row = std::find_if(rows.begin(), rows.end(),
                                [name](const Row& candidate) { return candidate.name == name; });
  return row == rows.end() ? nullptr : &row->field;
}

AccessFields AccessFields::usual() {
  AccessFields fields;
  for (const auto& row : rows) {
    if (row.field < AccessField::host) fields.add(row.field);
  }
  return fields;
}

AccessFields AccessFields::all() {
  AccessFields fields;
  for (const auto& row : rows) fields.add(row.field);
  return fields;
}

void AccessFields::add(AccessField field) {
  if (has(field)) return;
  set_ |= bit(field);
  order_.push_back(field);
}

Result<AccessFields> parse_access_fields(std::string_view text, std::string_view flag) {
  if (text == "all") return AccessFields::all();
  auto fields = text.starts_with('+') ? AccessFields::usual() : AccessFields();
  for (bool more = true; more;) {
    const auto comma = text.find(',');
    more = comma != text.npos;
    auto name = text.substr(0, comma);
    if (more) text.remove_prefix(comma + 1);
    if (name.starts_with('+')) name.remove_prefix(1);
    const auto* field = find_access_field(name);
    if (field == nullptr) {
      return invalid(fmt::format("{}: \"{}\" is no member of a line: all, or some of {}", flag,
                                 name.substr(0, 32), access_field_names()));
    }
    fields.add(*field);
  }
  return fields;
}

std::string access_field_names(const AccessFields& fields) {
  std::string names;
  for (const auto field : fields.in_order()) {
    if (!names.empty()) names += ',';
    names += name_of(field);
  }
  return names;
}

}  // namespace tandem::master
