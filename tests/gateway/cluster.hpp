// cluster.hpp: what the tests of several masters share: requests, and workers that keep the
// promise of R10.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "gateway.hpp"

namespace tandem::test {

std::string post(std::string_view body);
// The error document's code.
std::string code_of(const Message& answer);
// Receives a request and says nothing until the connection ends: a process that is frozen.
Origin::Script frozen();
// Receives a request and closes: a process that is killed.
Origin::Script killed();
// Answers as a master that does not lead.
std::string not_primary();
// A port on which nobody listens.
std::uint16_t closed_port();

// Tandem-Term as those who know the workers' key write it.
std::string proof_of(std::uint64_t term);

// What a Tandem worker does: refuses lower terms than it has promised, counts what it executes.
class PromisingWorker {
 public:
  explicit PromisingWorker(std::uint64_t promised = 0) : promised_(promised) {}

  Origin::Script script();
  // How often a request with that body was executed.
  std::size_t executions(const std::string& body) const;
  std::size_t executions() const;
  // The term of the request that was executed last.
  std::string last_term() const;

 private:
  std::string answer_to(const Message& request);

  mutable std::mutex mutex_;
  std::uint64_t promised_;
  std::map<std::string, std::size_t> executed_;
  std::size_t executions_ = 0;
  std::string last_term_;
};

}  // namespace tandem::test
