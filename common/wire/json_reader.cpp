#include "common/wire/json_reader.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/base/limits.hpp"
#include "common/base/name.hpp"

namespace tandem::wire {

using nlohmann::json;

namespace {

// Builds the document as it is parsed, and stops the parser at the first thing that is not allowed.
// (The library's own filter for this copies every value, and cannot see repeated members.)
class Builder : public nlohmann::json_sax<json> {
 public:
  explicit Builder(std::size_t values_max) : values_max_(values_max) {}

  bool null() override { return place(nullptr) != nullptr; }
  bool boolean(bool value) override { return place(value) != nullptr; }
  bool number_integer(number_integer_t value) override { return place(value) != nullptr; }
  bool number_unsigned(number_unsigned_t value) override { return place(value) != nullptr; }
  bool number_float(number_float_t value, const string_t&) override {
    return place(value) != nullptr;
  }
  bool string(string_t& value) override { return place(std::move(value)) != nullptr; }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(json::value_t::object); }
  bool start_array(std::size_t) override { return open(json::value_t::array); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    auto& members = open_.back()->get_ref<json::object_t&>();
    const auto [member, is_new] = members.emplace(std::move(name), nullptr);
    if (!is_new) {
      const auto shown = member->first.substr(0, limits::name_bytes_max);
      return refuse(invalid(fmt::format("\"{}\" is given twice", shown), shown));
    }
    member_ = &member->second;
    return true;
  }

  bool parse_error(std::size_t byte, const std::string&, const json::exception& why) override {
    constexpr int syntax = 1;  // ids 101 to 199
    if (why.id / 100 != syntax) {
      return refuse(invalid("the document is not JSON (a number is out of range)"));
    }
    return refuse(invalid(fmt::format("the document is not JSON (at byte {})", byte)));
  }

  Result<json> finish(bool parsed) {
    if (!parsed) {
      TANDEM_ASSERT(error_.has_value());
      return std::move(*error_);
    }
    if (!root_.is_object()) return invalid("the document must be a JSON object");
    return std::move(root_);
  }

 private:
  // Null when there are too many values.
  json* place(json value) {
    if (++values_ > values_max_) {
      refuse(invalid(fmt::format("the document has more than {} values", values_max_)));
      return nullptr;
    }
    if (open_.empty()) return &(root_ = std::move(value));
    if (open_.back()->is_object()) return &(*member_ = std::move(value));
    open_.back()->push_back(std::move(value));
    return &open_.back()->back();
  }

  bool open(json::value_t type) {
    if (open_.size() >= static_cast<std::size_t>(limits::json_depth_max)) {
      return refuse(invalid(
          fmt::format("the document is nested deeper than {} levels", limits::json_depth_max)));
    }
    auto* const placed = place(type);
    if (placed == nullptr) return false;
    open_.push_back(placed);
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  bool refuse(Error error) {
    error_ = std::move(error);
    return false;
  }

  const std::size_t values_max_;
  std::size_t values_ = 0;
  json root_;
  std::vector<json*> open_;  // objects and arrays that have not ended yet, outermost first
  json* member_ = nullptr;   // of the innermost object: the place of its next value
  std::optional<Error> error_;
};

}  // namespace

Result<json> parse_object(std::string_view text, std::size_t bytes_max, std::size_t values_max) {
  if (text.size() > bytes_max) {
    return invalid(fmt::format("the document is longer than {} bytes", bytes_max));
  }
  // The library takes a NUL for the end, whatever follows; other readers may not.
  if (const auto nul = text.find('\0'); nul != text.npos) {
    return invalid(fmt::format("the document is not JSON (at byte {})", nul + 1));
  }
  Builder builder(values_max);
  const bool parsed = json::sax_parse(text.begin(), text.end(), &builder);
  return builder.finish(parsed);
}

std::string dump(const nlohmann::ordered_json& document) {
  return document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string dump_exactly(const nlohmann::ordered_json& document) {
  try {
    return document.dump();
  } catch (const json::type_error&) {
    assertion_failed("strings that are UTF-8", __FILE__, __LINE__);
  }
}

MemberReader::MemberReader(const json& object, std::string path)
    : object_(object), path_(std::move(path)) {
  if (!object_.is_object()) error_ = invalid(fmt::format("{} must be an object", path_), path_);
}

const json* MemberReader::find(const char* key, Presence presence) {
  known_.push_back(key);
  if (failed()) return nullptr;
  const auto found = object_.find(key);
  if (found != object_.end()) return &*found;
  if (presence == Presence::required) refuse(key, "is missing");
  return nullptr;
}

void MemberReader::text(const char* key, std::string& value, Presence presence) {
  const auto* member = find(key, presence);
  if (member == nullptr) return;
  if (!member->is_string()) return refuse(key, "must be a string");
  value = member->get_ref<const std::string&>();
}

void MemberReader::text(const char* key, std::string& value, std::size_t bytes_max) {
  const auto* member = find(key, Presence::required);
  if (member == nullptr) return;
  if (!member->is_string() || member->get_ref<const std::string&>().size() > bytes_max) {
    return refuse(key, fmt::format("must be a string of at most {} bytes", bytes_max));
  }
  value = member->get_ref<const std::string&>();
}

void MemberReader::name(const char* key, std::string& value, Presence presence) {
  std::string read = value;
  text(key, read, presence);
  if (failed() || !object_.contains(key)) return;
  auto parsed = parse_name(read, path_of(key));
  if (!parsed.ok()) return refuse(parsed.error());
  value = std::move(*parsed);
}

void MemberReader::boolean(const char* key, bool& value, Presence presence) {
  const auto* member = find(key, presence);
  if (member == nullptr) return;
  if (!member->is_boolean()) return refuse(key, "must be true or false");
  value = member->get<bool>();
}

void MemberReader::numeric_endpoint(const char* key, Endpoint& value) {
  std::string read;
  text(key, read);
  if (failed()) return;
  auto parsed = parse_endpoint(read, path_of(key));
  if (!parsed.ok()) return refuse(parsed.error());
  if (!parsed->is_numeric()) return refuse(key, "must be a numeric address, not a host name");
  if (parsed->port == 0) return refuse(key, "must have a port above 0");
  value = std::move(*parsed);
}

std::optional<std::uint64_t> MemberReader::whole_number(const char* key, std::uint64_t min,
                                                        std::uint64_t max, Presence presence) {
  const auto* member = find(key, presence);
  if (member == nullptr) return std::nullopt;
  // A negative, fractional or huge number is not number_unsigned.
  if (member->is_number_unsigned()) {
    const auto value = member->get<std::uint64_t>();
    if (value >= min && value <= max) return value;
  }
  refuse(key, fmt::format("must be a whole number from {} to {}", min, max));
  return std::nullopt;
}

void MemberReader::duration(const char* key, Duration& value) {
  constexpr auto most = static_cast<std::uint64_t>(Duration::max().count());
  if (const auto read = whole_number(key, 0, most, Presence::required)) {
    value = Duration(static_cast<Duration::rep>(*read));
  }
}

void MemberReader::instant(const char* key, Instant& value) {
  Duration since_boot = value.since_boot();
  duration(key, since_boot);
  value = Instant(since_boot);
}

const json* MemberReader::object(const char* key, Presence presence) {
  const auto* member = find(key, presence);
  if (member == nullptr || (member->is_null() && presence == Presence::optional)) return nullptr;
  if (member->is_object()) return member;
  refuse(key, "must be an object");
  return nullptr;
}

const json* MemberReader::array(const char* key, Presence presence) {
  const auto* member = find(key, presence);
  if (member == nullptr) return nullptr;
  if (member->is_array()) return member;
  refuse(key, "must be an array");
  return nullptr;
}

std::vector<const json*> MemberReader::elements(const char* key, std::size_t count_max) {
  std::vector<const json*> found;
  const auto* list = array(key);
  if (list == nullptr) return found;
  if (list->size() > count_max) {
    refuse(key, fmt::format("must be an array of at most {}", count_max));
    return found;
  }
  found.reserve(list->size());
  for (const auto& element : *list) found.push_back(&element);
  return found;
}

std::optional<std::size_t> MemberReader::one_of(std::span<const char* const> keys) {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (failed() || !object_.contains(keys[i])) continue;
    if (found) {
      refuse(keys[i], fmt::format("cannot be combined with {}", keys[*found]));
      return std::nullopt;
    }
    found = i;
  }
  if (!found && !failed()) {
    const auto place = path_.empty() ? std::string("the document") : path_;
    refuse(invalid(fmt::format("{} must have one of {}", place, fmt::join(keys, ", ")), path_));
  }
  return found;
}

bool MemberReader::is_there(const char* key) {
  const auto* member = find(key, Presence::required);
  return member == nullptr || !member->is_null();
}

bool MemberReader::is_null(const char* key) {
  const auto* member = find(key, Presence::optional);
  return member == nullptr || member->is_null();
}

void MemberReader::refuse(std::string_view key, std::string_view why) {
  const auto path = path_of(key);
  refuse(invalid(fmt::format("{} {}", path, why), path));
}

void MemberReader::refuse(const Error& error) {
  if (!failed()) error_ = error;
}

std::string MemberReader::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

std::string MemberReader::path_of(std::string_view key, std::size_t index) const {
  return fmt::format("{}[{}]", path_of(key), index);
}

Result<> MemberReader::finish(UnknownMembers unknown) {
  if (!failed() && unknown != UnknownMembers::ignore) {
    for (const auto& [key, value] : object_.items()) {
      if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
      if (unknown == UnknownMembers::ignore_scalars && !value.is_structured()) continue;
      refuse(key.substr(0, limits::name_bytes_max), "is not known here");
      break;
    }
  }
  if (failed()) return *error_;
  return {};
}

}  // namespace tandem::wire
