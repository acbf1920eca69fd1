// tokens.hpp: tokens of people, workers and masters, as `tandem token new` makes them, and the file
// of their entries.
//
// Owner: the test's thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/e2e/harness/http.hpp"
#include "tests/e2e/harness/temp_dir.hpp"

namespace tandem::e2e {

class Tokens {
 public:
  // `dir` outlives it.
  explicit Tokens(const TempDir& dir) : dir_(dir) {}

  // A new token, which the test calls `key`: `words` are those behind `tandem token new`.
  void add(const std::string& key, const std::vector<std::string>& words);
  void remove(const std::string& key) { entries_.erase(key); }
  // Writes the entries that there are, and `more` behind them.
  void write(const std::string& more = {}) const;
  std::string file() const { return dir_.path("tokens.toml"); }

  // The token goes into the file that this process is started with.
  void give(const std::string& process, const std::string& key);
  bool has_one(const std::string& process) const { return given_.contains(process); }
  std::string file_of(const std::string& process) const { return dir_.path(process + ".token"); }

  // Also of one that was removed.
  const std::string& text(const std::string& key) const { return texts_.at(key); }
  Headers headers(const std::string& key) const {
    return {{"Authorization", "Bearer " + text(key)}};
  }

 private:
  const TempDir& dir_;
  int made_ = 0;
  std::map<std::string, std::string> texts_;
  std::map<std::string, std::string> entries_;
  std::map<std::string, std::string> given_;
};

}  // namespace tandem::e2e
