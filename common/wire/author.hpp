// author.hpp: who asked for a change of the cluster, as events tell it and as it stands in the log.
//
// Owner: a value.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "common/base/result.hpp"

namespace tandem::wire {

struct Author {
  std::string name{};  // empty: nobody in particular, such as a master by itself
  std::string role{};  // as in the file of tokens
  std::string from{};  // the numeric address

  bool empty() const { return name.empty(); }
  friend bool operator==(const Author&, const Author&) = default;
};

// REQUIRES: it is somebody.
nlohmann::ordered_json document_of(const Author& author);
// Errors: `invalid`, naming the member below `path`; `conflict` for a member that this version does
// not know.
Result<Author> read_author(const nlohmann::json& json, const std::string& path);

}  // namespace tandem::wire
