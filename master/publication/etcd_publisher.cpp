#include "master/publication/etcd_publisher.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "common/base/printable.hpp"
#include "common/wire/json_reader.hpp"
#include "master/discovery/etcd_answers.hpp"
#include "master/discovery/limits.hpp"
#include "master/publication/limits.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

constexpr std::string_view leads_no_more = "this master no longer leads";
constexpr std::size_t told_key_bytes_max = 200;
// Of all services, those of others included.
constexpr std::size_t keys_max = 2 * limits::published_entries_max;

}  // namespace

EtcdPublisher::EtcdPublisher(asio::io_context& loop, SourceSpec registry, MayPublish may_publish)
    : spec_(std::move(registry)), may_publish_(std::move(may_publish)), session_(loop, spec_) {}

asio::awaitable<Result<std::string>> EtcdPublisher::ask(std::string target, std::string body) {
  EtcdSession::Question question{.target = std::move(target), .body = std::move(body)};
  auto asking = session_.ask(std::move(question));
  auto answer = co_await std::move(asking);
  if (!answer) co_return answer.error();
  co_return std::move(answer->body);
}

// Renews it when that is due, and has another one granted when it has ended.
asio::awaitable<Result<>> EtcdPublisher::hold_lease() {
  if (!lease_.empty() && now() < renew_at_) co_return Result<>();
  if (!lease_.empty()) {
    const auto begun = now();
    auto asking = ask("/v3/lease/keepalive", wire::dump({{"ID", lease_}}));
    const auto answer = co_await std::move(asking);
    if (!answer) co_return answer.error();
    const auto renewed = read_etcd_renewal(*answer);
    if (!renewed) co_return session_.failed(renewed.error().message);
    if (renewed->id != lease_) co_return session_.failed("it renews another lease");
    renew_at_ = begun + limits::publication_renewal;
    if (renewed->seconds > 0) co_return Result<>();
    log::warn("a lease has ended registry={} lease={}", spec_.text, lease_);
    lease_.clear();
    forget_keys();
  }
  const auto begun = now();
  constexpr auto seconds = std::chrono::seconds(limits::publication_lease).count();
  auto asking = ask("/v3/lease/grant", wire::dump({{"TTL", fmt::format("{}", seconds)}}));
  const auto answer = co_await std::move(asking);
  if (!answer) co_return answer.error();
  auto granted = read_etcd_lease(*answer);
  if (!granted) co_return session_.failed(granted.error().message);
  lease_ = std::move(granted->id);
  renew_at_ = begun + limits::publication_renewal;
  co_return Result<>();
}

std::vector<std::string> EtcdPublisher::prefixes_of(const Wanted& wanted) const {
  auto all = prefixes_;
  for (const auto& entry : *wanted.entries) {
    all.insert(etcd_service_prefix(spec_.name, entry.service));
  }
  return {all.begin(), all.end()};
}

// Of what is wanted, and of what is still to be taken away.
void EtcdPublisher::remember_prefixes(const Wanted& wanted) {
  prefixes_.clear();
  for (const auto& [key, there] : *keys_) {
    if (!is_etcd_value_of(there.value, wanted.master.cluster)) continue;
    prefixes_.insert(key.substr(0, key.rfind('/') + 1));
  }
  const auto all = prefixes_of(wanted);
  prefixes_.insert(all.begin(), all.end());
}

asio::awaitable<Result<>> EtcdPublisher::read_all(const Wanted& wanted) {
  if (keys_ && now() < review_at_) {
    const auto all = prefixes_of(wanted);
    const bool is_known = std::all_of(
        all.begin(), all.end(), [this](const auto& prefix) { return prefixes_.contains(prefix); });
    if (is_known) co_return Result<>();
  }
  forget_keys();
  std::map<std::string, EtcdKey> keys;
  const auto prefixes = prefixes_of(wanted);
  for (std::size_t at = 0; at < prefixes.size(); at += limits::publication_services_at_once) {
    const auto end = std::min(prefixes.size(), at + limits::publication_services_at_once);
    const std::vector<std::string> some(prefixes.begin() + static_cast<std::ptrdiff_t>(at),
                                        prefixes.begin() + static_cast<std::ptrdiff_t>(end));
    auto asking = ask("/v3/kv/txn", etcd_question(some));
    const auto answer = co_await std::move(asking);
    if (!answer) co_return answer.error();
    auto read = read_etcd_ranges(*answer);
    if (!read) co_return session_.failed(read.error().message);
    for (auto& key : *read) {
      const bool is_asked_for = std::any_of(some.begin(), some.end(), [&](const auto& prefix) {
        return key.key.starts_with(prefix);
      });
      if (!is_asked_for) co_return session_.failed("it tells keys that it was not asked for");
      if (keys.size() >= keys_max) co_return session_.failed("it tells too many keys");
      auto name = key.key;
      keys.insert_or_assign(std::move(name), std::move(key));
    }
  }
  keys_ = std::move(keys);
  remember_prefixes(wanted);
  review_at_ = now() + limits::publication_review;
  co_return Result<>();
}

EtcdPublisher::Plan EtcdPublisher::plan(const Wanted& wanted) const {
  Plan plan;
  std::set<std::string> wanted_keys;
  const auto& cluster = wanted.master.cluster;
  for (const auto& entry : *wanted.entries) {
    auto key = etcd_key_of(spec_.name, entry);
    if (!wanted_keys.insert(key).second) continue;
    auto value = etcd_value_of(entry, cluster);
    const auto there = keys_->find(key);
    if (there == keys_->end()) {
      plan.changes.push_back({.key = std::move(key), .value = std::move(value)});
    } else if (!is_etcd_value_of(there->second.value, cluster)) {
      plan.held.leave_out(
          fmt::format("{} is somebody else's", printable(key.substr(0, told_key_bytes_max))));
      continue;
    } else if (there->second.lease != lease_ || there->second.value != value) {
      plan.changes.push_back(
          {.key = std::move(key), .value = std::move(value), .revision = there->second.revision});
    }
    ++plan.held.entries;
  }
  for (const auto& [key, there] : *keys_) {
    if (wanted_keys.contains(key) || !is_etcd_value_of(there.value, cluster)) continue;
    const auto address = parse_endpoint(key.substr(key.rfind('/') + 1), "its key");
    const bool is_certain = there.lease == lease_ || !wanted.spares_former ||
                            (address && wanted.withdrawn.contains(*address));
    if (is_certain) plan.changes.push_back({.key = key, .revision = there.revision});
  }
  return plan;
}

// Whether it was done; otherwise somebody else has changed one of the keys.
asio::awaitable<Result<bool>> EtcdPublisher::change(std::vector<EtcdChange> changes) {
  // Without a lease, which was left meanwhile, a key would stay for good.
  if (!may_publish_() || lease_.empty()) {
    co_return fail(ErrorCode::unavailable, std::string(leads_no_more));
  }
  const auto lease = lease_;
  auto asking = ask("/v3/kv/txn", etcd_transaction(changes, lease));
  const auto answer = co_await std::move(asking);
  if (!answer) co_return answer.error();
  const auto outcome = read_etcd_outcome(*answer);
  if (!outcome) co_return session_.failed(outcome.error().message);
  if (!outcome->succeeded || !keys_) co_return false;
  for (auto& change : changes) {
    if (change.value.empty()) {
      keys_->erase(change.key);
      continue;
    }
    EtcdKey key{.key = change.key,
                .value = std::move(change.value),
                .revision = outcome->revision,
                .lease = lease};
    keys_->insert_or_assign(std::move(change.key), std::move(key));
  }
  co_return true;
}

asio::awaitable<Result<Publisher::Held>> EtcdPublisher::try_to_bring(const Wanted& wanted) {
  for (int attempt = 0; attempt < limits::publication_attempts_max; ++attempt) {
    auto holding = hold_lease();
    const auto held = co_await std::move(holding);
    if (!held) co_return held.error();
    auto reading = read_all(wanted);
    const auto read = co_await std::move(reading);
    if (!read) co_return read.error();
    auto planned = plan(wanted);
    bool is_done = true;
    auto& all = planned.changes;
    for (std::size_t at = 0; is_done && at < all.size();) {
      const auto end = std::min(all.size(), at + limits::publication_changes_at_once);
      std::vector<EtcdChange> some(
          std::make_move_iterator(all.begin() + static_cast<std::ptrdiff_t>(at)),
          std::make_move_iterator(all.begin() + static_cast<std::ptrdiff_t>(end)));
      at = end;
      auto changing = change(std::move(some));
      const auto changed = co_await std::move(changing);
      if (!changed) co_return changed.error();
      auto keeping = hold_lease();
      const auto kept = co_await std::move(keeping);
      if (!kept) co_return kept.error();
      is_done = *changed && keys_;  // the keys are forgotten with their lease
    }
    if (is_done) co_return std::move(planned.held);
    forget_keys();
  }
  co_return fail(ErrorCode::unavailable, "others write the same keys all the time");
}

asio::awaitable<Result<Publisher::Held>> EtcdPublisher::bring(Wanted wanted) {
  auto trying = try_to_bring(wanted);
  auto held = co_await std::move(trying);
  if (held) co_return held;
  forget_keys();  // it may have been done or not
  renew_at_ = Instant::never();
  co_return held;
}

asio::awaitable<void> EtcdPublisher::withdraw() {
  const auto lease = std::exchange(lease_, {});
  forget_keys();
  if (lease.empty()) co_return;
  auto asking = ask("/v3/lease/revoke", wire::dump({{"ID", lease}}));
  const auto ignored = co_await std::move(asking);
  static_cast<void>(ignored.ok());
}

void EtcdPublisher::leave() {
  lease_.clear();
  forget_keys();
  prefixes_.clear();
}

void EtcdPublisher::forget_keys() { keys_.reset(); }

}  // namespace tandem::master
