// reload_table.hpp: what it takes to change each key of the configuration while a master serves,
// once for the reload, the page in docs/ and GET /v1/config.
//
// A key that a reload applies has a function that takes its value over; one without needs a
// restart. Some can be changed, but not in every way: then a function says why not. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "master/flags.hpp"

namespace tandem::master {

struct ReloadRow {
  std::string_view key;
  // Null: a change needs a restart.
  void (*take)(MasterFlags& into, const MasterFlags& from) = nullptr;
  // For whom a change counts, or what is read again all the same; empty: for everything at once.
  std::string_view remark{};
  // Why this change needs a restart all the same; empty: it does not. Null: none does.
  std::string_view (*hindrance)(const MasterFlags& before, const MasterFlags& wanted) = nullptr;
};

// Why a change of the key needs a restart; empty: it does not.
std::string_view why_restart(const ReloadRow& row, const MasterFlags& before,
                             const MasterFlags& wanted);

std::span<const ReloadRow> reload_table();

// `key`: as in the file; the members of tables, service.shop.attempts, go by their tables. Null:
// there is no such key.
const ReloadRow* find_reload_row(std::string_view key);

// For people: "at once", "at once: new connections", "restart".
std::string when_changed(std::string_view key);

}  // namespace tandem::master
