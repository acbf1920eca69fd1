#include "worker/src/term_fence.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <httplib.h>

#include "common/wire/error_document.hpp"
#include "common/wire/term_proof.hpp"

namespace tandem {

namespace {
constexpr const char* term_field = "Tandem-Term";
constexpr const char* challenge_field = "Tandem-Challenge";
constexpr const char* answer_field = "Tandem-Answer";

// RFC 9110 §9.3.7: the request is for the server as a whole, not for a resource.
bool is_to_the_server(const httplib::Request& request) {
  return request.method == "OPTIONS" && request.path == "*";
}
}  // namespace

void TermFence::take_keys(const std::vector<std::string>& keys) {
  const Lock lock(mutex_);
  std::vector<Keyed> next;
  for (const auto& key : keys) {
    const auto known = std::find_if(keyed_.begin(), keyed_.end(),
                                    [&](const Keyed& each) { return each.key == key; });
    next.push_back(known == keyed_.end() ? Keyed{key, {}, {}, {}} : std::move(*known));
  }
  keyed_ = std::move(next);
}

// The key that proves `value`; null: none.
TermFence::Keyed* TermFence::prover_of(const std::string& value) {
  for (auto& each : keyed_) {
    if (!each.proven.empty() && each.proven == value) return &each;
  }
  for (auto& each : keyed_) {
    const auto term = wire::read_proven_term(value, each.key);
    if (!term) continue;
    each.proven = value;
    each.term = *term;
    return &each;
  }
  return nullptr;
}

bool TermFence::is_proven(const httplib::Request& request) {
  if (!request.has_header(term_field)) return false;
  const Lock lock(mutex_);
  return prover_of(request.get_header_value(term_field)) != nullptr;
}

bool TermFence::answers_challenge(const httplib::Request& request, httplib::Response& response) {
  if (!is_to_the_server(request) || !request.has_header(challenge_field)) return false;
  const auto challenge = request.get_header_value(challenge_field);
  const Lock lock(mutex_);
  for (const auto& each : keyed_) {
    const auto answer = wire::answer_to_challenge(challenge, each.key);
    if (!answer.empty()) response.headers.emplace(answer_field, answer);
  }
  response.status = 204;
  return true;
}

bool TermFence::answers(const httplib::Request& request, httplib::Response& response) {
  if (answers_challenge(request, response)) return true;
  if (!request.has_header(term_field)) return false;
  const bool is_announcement = is_to_the_server(request);
  bool admitted = false;
  Term term, promised;
  std::string key;
  {
    const Lock lock(mutex_);
    auto* const prover = prover_of(request.get_header_value(term_field));
    if (prover == nullptr) return false;
    term = prover->term;
    admitted = prover->fence.admit(term);
    if (admitted && !is_announcement) return false;
    promised = prover->fence.promised();
    key = prover->key;
  }
  response.set_header(term_field, wire::proven_term(promised, key));
  response.status = admitted ? 204 : 409;
  if (!admitted) {
    response.set_content(
        wire::error_document(
            "stale_term",
            fmt::format("term {} is over, this worker has promised term {}", term, promised)),
        "application/json");
  }
  return true;
}

bool TermFence::has_keys() const {
  const Lock lock(mutex_);
  return !keyed_.empty();
}

Term TermFence::promised(const std::string& key) const {
  const Lock lock(mutex_);
  Term highest;
  for (const auto& each : keyed_) {
    if (key.empty() || each.key == key) highest = std::max(highest, each.fence.promised());
  }
  return highest;
}

}  // namespace tandem
