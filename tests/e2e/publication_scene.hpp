// publication_scene.hpp: masters that write into a registry of others.
//
// Owner: the test's thread.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "tests/e2e/harness/cluster.hpp"
#include "tests/e2e/harness/http.hpp"
#include "tests/e2e/harness/pair_cluster.hpp"
#include "tests/e2e/harness/wait.hpp"

namespace tandem::e2e {

using Json = nlohmann::json;

// What a master tells of its only --publish; null: it does not answer.
inline Json publication_of(const std::string& control) {
  const auto answer = get(control, "/status");
  if (answer.status != 200) return {};
  const auto publications = Json::parse(answer.body).at("publications");
  return publications.empty() ? Json() : publications.at(0);
}

inline bool await_publication(const std::string& control, const std::string& state) {
  return eventually([&] {
    const auto publication = publication_of(control);
    return !publication.is_null() && publication.at("state") == state;
  });
}

inline PairClusterOptions publishing(const std::string& publication) {
  PairClusterOptions options;
  options.arguments = {"--publish", publication};
  return options;
}

// Longer than what a master that has died has published lasts.
inline constexpr Milliseconds past_a_lease{13'000};

inline std::string address_of(const Cluster& cluster, const std::string& worker) {
  return cluster.workers().at(worker).address;
}

// The warning of an answer; empty: there is none.
inline std::string warning_in(const Answer& answer) {
  return Json::parse(answer.body).value("warning", "");
}

}  // namespace tandem::e2e
