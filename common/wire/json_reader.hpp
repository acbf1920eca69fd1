// json_reader.hpp: reads JSON documents that others wrote. Internal to common/wire.
//
// A document is parsed as a whole. Its size, its nesting and the number of its values are bounded,
// and repeated members are refused (two readers of one document must never see different values).
// Then a MemberReader reads its members one by one into variables and keeps the first mistake,
// which names the member: "workers[3].weight".
//
// Any thread; a reader is used by one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/wire/limits.hpp"

namespace tandem::wire {

// Errors: `invalid` for more than `bytes_max`, for text that is not a JSON object, for nesting
// beyond limits::json_depth_max, for more than `values_max` values, and for a member given twice.
// The cost of a refusal is bounded too: the parser stops at the first excess.
Result<nlohmann::json> parse_object(std::string_view text, std::size_t bytes_max,
                                    std::size_t values_max = limits::json_values_max);

// JSON text on one line. Bytes that are not UTF-8 become U+FFFD, so that a document is always
// valid.
std::string dump(const nlohmann::ordered_json& document);
// For text that must arrive unchanged. REQUIRES: every string is UTF-8.
std::string dump_exactly(const nlohmann::ordered_json& document);

enum class Presence {
  required,
  optional,  // the variable keeps its value when the member is missing
};

enum class UnknownMembers {
  refuse,          // written by people: an unknown member is a typing error
  ignore_scalars,  // written by newer programs, read by masters: what is ignored must stay small
  ignore,          // written by newer masters, read by clients
};

class MemberReader {
 public:
  // `object` outlives the reader. `path` is put before the names of members in messages.
  explicit MemberReader(const nlohmann::json& object, std::string path = {});

  void text(const char* key, std::string& value, Presence presence = Presence::required);
  // At most `bytes_max` bytes.
  void text(const char* key, std::string& value, std::size_t bytes_max);
  void name(const char* key, std::string& value, Presence presence = Presence::required);
  void boolean(const char* key, bool& value, Presence presence = Presence::required);
  // A literal address with a port above 0.
  void numeric_endpoint(const char* key, Endpoint& value);
  // A whole number from min to max, both included; Number holds both.
  template <class Number>
  void number(const char* key, Number& value, std::uint64_t min, std::uint64_t max,
              Presence presence = Presence::required) {
    if (const auto read = whole_number(key, min, max, presence)) value = static_cast<Number>(*read);
  }

  // Whole nanoseconds, 0 or more: no document carries a negative one, nor Instant::never().
  void duration(const char* key, Duration& value);
  void instant(const char* key, Instant& value);

  // The member if it is there and no mistake was found so far; otherwise null. An optional member
  // may be null.
  const nlohmann::json* object(const char* key, Presence presence = Presence::required);
  const nlohmann::json* array(const char* key, Presence presence = Presence::required);
  // The elements of the member, an array of at most `count_max`; none when it is not such an array.
  std::vector<const nlohmann::json*> elements(const char* key, std::size_t count_max);
  // The index of the one of `keys` that is a member: exactly one must be. Nothing otherwise.
  std::optional<std::size_t> one_of(std::span<const char* const> keys);
  // True if the member is absent or null.
  bool is_null(const char* key);
  // False if the member, which must be there, is null.
  bool is_there(const char* key);

  // Keeps "KEY WHY", as in "state must be up or down", unless there is an earlier mistake.
  void refuse(std::string_view key, std::string_view why);
  // Keeps the mistake that the reader of a part has found.
  void refuse(const Error& error);
  bool failed() const { return error_.has_value(); }

  // `key` with the path before it.
  std::string path_of(std::string_view key) const;
  // The same of an element: "workers[3]".
  std::string path_of(std::string_view key, std::size_t index) const;

  // Called when all members have been read. Errors: the first mistake, or an unknown member.
  Result<> finish(UnknownMembers unknown);

 private:
  const nlohmann::json* find(const char* key, Presence presence);
  std::optional<std::uint64_t> whole_number(const char* key, std::uint64_t min, std::uint64_t max,
                                            Presence presence);

  const nlohmann::json& object_;
  std::string path_;
  std::vector<std::string_view> known_;
  std::optional<Error> error_;
};

}  // namespace tandem::wire
