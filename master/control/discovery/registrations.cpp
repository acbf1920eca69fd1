#include "master/control/discovery/registrations.hpp"

#include <algorithm>

#include "common/base/assert.hpp"
#include "common/base/printable.hpp"
#include "common/base/secret.hpp"
#include "common/wire/limits.hpp"
#include "master/control/discovery/limits.hpp"

namespace tandem::master {

namespace {

constexpr std::size_t incarnation_bytes = 8;

std::string shown_id(std::string_view id) {
  return printable(std::string(id.substr(0, limits::shown_text_max)));
}

Error of_another(std::string_view what, std::string_view id) {
  return fail(ErrorCode::conflict,
              fmt::format("the {} {} belongs to another owner", what, shown_id(id)), "ID");
}

Error unknown_check(std::string_view id) {
  return fail(ErrorCode::not_found,
              fmt::format("Unknown check ID \"{}\": no registration has it", shown_id(id)));
}

RegisteredCheck* check_in(Registration& registration, std::string_view id) {
  const auto found = std::find_if(registration.checks.begin(), registration.checks.end(),
                                  [&](const auto& check) { return check.id == id; });
  return found == registration.checks.end() ? nullptr : &*found;
}

void keep_reports(const RegisteredCheck& before, RegisteredCheck& check) {
  if (!before.is_reported() || !check.is_reported()) return;
  check.reported = before.reported;
  check.output = before.output;
  check.edition = before.edition;
  check.at = before.at;
  check.critical_since = before.critical_since;
}

// The same but for what is reported.
bool says_the_same(const Registration& a, const Registration& b) {
  const auto same_check = [](const RegisteredCheck& one, const RegisteredCheck& other) {
    return one.id == other.id && one.name == other.name && one.notes == other.notes &&
           one.ttl == other.ttl && one.probe == other.probe &&
           one.deregister_after == other.deregister_after && one.added == other.added;
  };
  return a.worker == b.worker && a.owner == b.owner && a.service == b.service &&
         a.address == b.address && a.tags == b.tags && a.meta == b.meta && a.weights == b.weights &&
         std::equal(a.checks.begin(), a.checks.end(), b.checks.begin(), b.checks.end(), same_check);
}

}  // namespace

// ---- what callers ask for

Result<> Registrations::put(Registration made, Others others, Instant now) {
  const auto found = all_.find(made.id);
  const auto* before = found == all_.end() || found->second.removed ? nullptr : &found->second;
  if (before != nullptr && before->owner != made.owner) return of_another("service", made.id);
  if (before != nullptr) {
    for (const auto& check : before->checks) {
      if (auto* stays = check_in(made, check.id)) {
        keep_reports(check, *stays);
      } else if (check.added && others == Others::keep) {
        made.checks.push_back(check);
      }
    }
  }
  if (auto distinct = check_ids(made); !distinct) return distinct;
  if (auto room = check_room(made, before); !room) return room;
  if (before != nullptr && says_the_same(*before, made)) return {};
  for (auto& check : made.checks) {
    // It says how it begins: that holds as long as a report does.
    const bool begins = check.is_reported() && check.at == Instant::never();
    if (begins && check.reported != CheckStatus::critical) check.at = now;
  }
  made.incarnation = before != nullptr ? before->incarnation : random_hex(incarnation_bytes);
  made.edition = {(found == all_.end() ? 0 : found->second.edition.number) + 1, node_};
  place(std::move(made), now);
  return {};
}

void Registrations::undo(std::string_view id, const std::optional<Registration>& before) {
  const auto found = all_.find(id);
  TANDEM_ASSERT(found != all_.end() && !found->second.removed);
  ++version_;
  take_out(found->second);
  all_.erase(found);
  if (before) place(*before, Instant());
}

Result<> Registrations::remove(std::string_view id, std::string_view owner, Instant now) {
  if (const auto mine = owned(id, owner); !mine) return mine.error();
  drop(id, now);
  return {};
}

Result<> Registrations::add_check(std::string_view service_id, std::string_view owner,
                                  RegisteredCheck check, Instant now) {
  const auto mine = owned(service_id, owner);
  if (!mine) return mine.error();
  auto changed = **mine;
  check.added = true;
  if (auto* before = check_in(changed, check.id)) {
    keep_reports(*before, check);
    *before = std::move(check);
  } else {
    changed.checks.push_back(std::move(check));
  }
  if (auto distinct = check_ids(changed); !distinct) return distinct;
  if (auto room = check_room(changed, *mine); !room) return room;
  if (says_the_same(**mine, changed)) return {};
  changed.edition = {changed.edition.number + 1, node_};
  place(std::move(changed), now);
  return {};
}

Result<> Registrations::remove_check(std::string_view check_id, std::string_view owner) {
  const auto found = checks_.find(check_id);
  if (found == checks_.end()) return unknown_check(check_id);
  const auto mine = owned(found->second, owner);
  if (!mine) return of_another("check", check_id);
  auto changed = **mine;
  std::erase_if(changed.checks, [&](const auto& check) { return check.id == check_id; });
  changed.edition = {changed.edition.number + 1, node_};
  place(std::move(changed), Instant());
  return {};
}

Result<std::string> Registrations::report(std::string_view check_id, std::string_view owner,
                                          CheckStatus status, std::string output, Instant now) {
  const auto found = checks_.find(check_id);
  if (found == checks_.end()) return unknown_check(check_id);
  const auto mine = owned(found->second, owner);
  if (!mine) return of_another("check", check_id);
  auto* check = check_in(**mine, check_id);
  TANDEM_ASSERT(check != nullptr);
  if (!check->is_reported()) {
    return fail(ErrorCode::conflict,
                fmt::format("the check {} is made by the masters: nobody can report it",
                            shown_id(check_id)));
  }
  if (check->status(now) != status) ++version_;
  check->reported = status;
  check->output = std::move(output);
  check->at = now;
  check->edition = {check->edition.number + 1, node_};
  return found->second;
}

// ---- what this master finds out

void Registrations::drop(std::string_view id, Instant now) {
  const auto found = all_.find(id);
  if (found == all_.end() || found->second.removed) return;
  Registration gone{.id = found->second.id,
                    .edition = {found->second.edition.number + 1, node_},
                    .removed = true};
  place(std::move(gone), now);
}

void Registrations::note_status(std::string_view id, std::string_view check_id, bool is_critical,
                                Instant now) {
  const auto found = all_.find(id);
  if (found == all_.end()) return;
  auto* check = check_in(found->second, check_id);
  if (check == nullptr) return;
  if (!is_critical) {
    check->critical_since = Instant::never();
  } else if (check->critical_since == Instant::never()) {
    check->critical_since = now;
  }
}

std::vector<std::string> Registrations::overdue(Instant now) const {
  std::vector<std::string> ids;
  for (const auto& [id, registration] : all_) {
    const bool is_over =
        std::any_of(registration.checks.begin(), registration.checks.end(), [&](const auto& check) {
          return check.deregister_after && check.critical_since != Instant::never() &&
                 now - check.critical_since >= *check.deregister_after;
        });
    if (is_over) ids.push_back(id);
  }
  return ids;
}

// ---- what another master says

Registrations::Taken Registrations::take(Registration told, Instant now) {
  const auto found = all_.find(told.id);
  const bool is_whole = told.removed || !told.service.empty();
  const auto known = found == all_.end() ? Edition() : found->second.edition;
  if (told.edition < known) return Taken::known;
  if (told.edition > known) {
    if (!is_whole) return Taken::wanted;
    const auto* before = found == all_.end() || found->second.removed ? nullptr : &found->second;
    if (!told.removed) {
      if (!check_ids(told) || !check_room(told, before)) return Taken::refused;
      if (before != nullptr) {
        for (const auto& check : before->checks) {
          auto* stays = check_in(told, check.id);
          if (stays != nullptr && stays->edition < check.edition) keep_reports(check, *stays);
        }
      }
    }
    place(std::move(told), now);
    return Taken::news;
  }
  auto taken = Taken::known;
  for (const auto& check : told.checks) {
    auto* mine = check_in(found->second, check.id);
    if (mine == nullptr || !(mine->edition < check.edition)) continue;
    if (mine->status(now) != check.status(now)) ++version_;
    mine->reported = check.reported;
    mine->output = check.output;
    mine->edition = check.edition;
    mine->at = check.at;
    taken = Taken::news;
  }
  return taken;
}

// ---- what there is

const Registration* Registrations::find(std::string_view id) const {
  const auto found = all_.find(id);
  return found == all_.end() || found->second.removed ? nullptr : &found->second;
}

const Registration* Registrations::of_worker(std::string_view worker) const {
  const auto found = workers_.find(worker);
  return found == workers_.end() ? nullptr : find(found->second);
}

const Registration* Registrations::of_check(std::string_view check_id) const {
  const auto found = checks_.find(check_id);
  return found == checks_.end() ? nullptr : find(found->second);
}

void Registrations::forget(Instant now) {
  std::vector<std::pair<Instant, std::string>> gone;
  for (const auto& [id, at] : removed_at_) gone.emplace_back(at, id);
  std::sort(gone.begin(), gone.end());
  const auto kept = limits::deregistrations_kept_max;
  const auto excess = gone.size() > kept ? gone.size() - kept : 0;
  for (std::size_t i = 0; i < gone.size(); ++i) {
    if (i >= excess && now - gone[i].first < Duration(limits::deregistrations_kept)) break;
    all_.erase(gone[i].second);
    removed_at_.erase(gone[i].second);
  }
}

// ---- its parts

Result<Registration*> Registrations::owned(std::string_view id, std::string_view owner) {
  const auto found = all_.find(id);
  if (found == all_.end() || found->second.removed) {
    return fail(ErrorCode::not_found,
                fmt::format("Unknown service ID \"{}\": nothing is registered by it", shown_id(id)),
                "ID");
  }
  if (found->second.owner != owner) return of_another("service", id);
  return &found->second;
}

Result<> Registrations::check_ids(const Registration& made) const {
  const auto holder = workers_.find(made.worker);
  if (holder != workers_.end() && holder->second != made.id) {
    return fail(ErrorCode::conflict,
                fmt::format("the worker {} is registered by another ID", made.worker), "ID");
  }
  for (const auto& check : made.checks) {
    const auto taken = checks_.find(check.id);
    if (taken != checks_.end() && taken->second != made.id) {
      return fail(ErrorCode::conflict,
                  fmt::format("the check {} is one of another service", shown_id(check.id)),
                  "CheckID");
    }
    const auto same = std::count_if(made.checks.begin(), made.checks.end(),
                                    [&](const auto& other) { return other.id == check.id; });
    if (same > 1) {
      return invalid(fmt::format("two checks have the id {}", shown_id(check.id)), "CheckID");
    }
  }
  return {};
}

Result<> Registrations::check_room(const Registration& made, const Registration* before) const {
  if (made.checks.size() > limits::registered_checks_max) {
    return invalid(fmt::format("a service has at most {} checks", limits::registered_checks_max),
                   "Checks");
  }
  if (made.bytes() > limits::registration_bytes_max) {
    return invalid(fmt::format("the texts of a registration have at most {} bytes together",
                               limits::registration_bytes_max),
                   "Meta");
  }
  const auto probed = std::count_if(made.checks.begin(), made.checks.end(),
                                    [](const auto& check) { return check.probe.has_value(); });
  if (probed > 1) {
    return invalid("a service has at most one check that masters make, besides those by TTL",
                   "Checks");
  }
  if (before == nullptr && workers_.size() >= limits::registrations_max) {
    return fail(ErrorCode::unavailable, fmt::format("{} services are registered already, the limit",
                                                    limits::registrations_max));
  }
  const auto owned = owners_.find(made.owner);
  if (before == nullptr && owned != owners_.end() &&
      owned->second >= limits::registrations_of_an_owner_max) {
    return fail(ErrorCode::unavailable,
                fmt::format("this owner has registered {} services already, the limit",
                            limits::registrations_of_an_owner_max));
  }
  const auto others = bytes_ - (before == nullptr ? 0 : before->bytes());
  if (others + made.bytes() > limits::registrations_bytes_max) {
    return fail(ErrorCode::unavailable,
                fmt::format("all registrations have {} bytes of text already, the limit",
                            limits::registrations_bytes_max));
  }
  return {};
}

void Registrations::take_out(const Registration& registration) {
  if (registration.removed) {
    removed_at_.erase(registration.id);
    return;
  }
  workers_.erase(registration.worker);
  for (const auto& check : registration.checks) checks_.erase(check.id);
  bytes_ -= registration.bytes();
  const auto owner = owners_.find(registration.owner);
  TANDEM_ASSERT(owner != owners_.end() && owner->second > 0);
  if (--owner->second == 0) owners_.erase(owner);
}

void Registrations::place(Registration registration, Instant now) {
  ++version_;
  if (const auto found = all_.find(registration.id); found != all_.end()) take_out(found->second);
  if (registration.removed) {
    removed_at_[registration.id] = now;
  } else {
    workers_[registration.worker] = registration.id;
    for (const auto& check : registration.checks) checks_[check.id] = registration.id;
    bytes_ += registration.bytes();
    ++owners_[registration.owner];
  }
  auto& place = all_[registration.id];
  place = std::move(registration);
}

}  // namespace tandem::master
