// The part of Registry that derives values from the cluster's secret: the keys that prove terms to
// workers, the values of sticky cookies, and the masters' name in Via.
#include "common/base/secret.hpp"
#include "common/wire/term_proof.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

namespace {
constexpr std::size_t cookie_bytes =
    12;  // 96 bits: no two workers share a value, and nobody can guess one
constexpr std::size_t via_bytes = 4;  // enough to be distinct from the other clusters on the way
}  // namespace

// The secret may become known after the worker, and so may the incarnation of a worker that was
// registered elsewhere. Returns true if its keys have changed.
bool Registry::give_keys(WorkerRecord& record) const {
  const auto& secret = state_.secret;
  const bool is_keyed = !secret.empty() && record.takes_term && !record.incarnation.empty();
  auto key = is_keyed ? wire::worker_key(secret, record.name, record.incarnation) : std::string();
  auto cookie =
      secret.empty() ? std::string() : keyed_digest(secret, "cookie " + record.name, cookie_bytes);
  if (key == record.term_key && cookie == record.cookie) return false;
  record.term_key = std::move(key);
  record.cookie = std::move(cookie);
  record.shown.reset();
  return true;
}

void Registry::secret_changed() {
  const auto& secret = state_.secret;
  via_ = secret.empty() ? std::string() : "tandem-" + keyed_digest(secret, "via", via_bytes);
  for (auto& [name, record] : records_) {
    record.document = {};
    if (give_keys(record)) mark_changed(record);
  }
  request_publication();
}

std::string_view Registry::term_key(std::string_view name) const {
  thread_.assert_here();
  const auto found = records_.find(name);
  return found == records_.end() ? std::string_view() : found->second.term_key;
}

std::vector<TermTaker> Registry::term_takers() const {
  thread_.assert_here();
  std::vector<TermTaker> takers;
  for (const auto& [name, record] : records_) {
    if (record.term_key.empty() || !is_live(name)) continue;
    takers.push_back({record.address, record.term_key,
                      record.protocol.value_or(spoken_to(record.service)), tls_with(record),
                      announces_clients(record.service)});
  }
  return takers;
}

}  // namespace tandem::master
