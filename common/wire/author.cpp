#include "common/wire/author.hpp"

#include <nlohmann/json.hpp>

#include "common/base/assert.hpp"
#include "common/wire/json_reader.hpp"

namespace tandem::wire {

nlohmann::ordered_json document_of(const Author& author) {
  TANDEM_ASSERT(!author.empty());
  return {{"name", author.name}, {"role", author.role}, {"from", author.from}};
}

Result<Author> read_author(const nlohmann::json& json, const std::string& path) {
  Author author;
  MemberReader reader(json, path);
  reader.name("name", author.name);
  reader.name("role", author.role);
  reader.text("from", author.from);
  if (const auto read = reader.finish(UnknownMembers::refuse); !read) return read.error();
  return author;
}

}  // namespace tandem::wire
