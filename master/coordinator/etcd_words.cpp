#include "master/coordinator/etcd_words.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/wire/json_reader.hpp"
#include "master/coordinator/limits.hpp"
#include "master/discovery/base64.hpp"
#include "master/discovery/etcd_json.hpp"

namespace tandem::master {

using nlohmann::json;

namespace {

// A lease of a year, and revisions below 2^53, which every reader of JSON keeps exact.
constexpr std::uint64_t etcd_ttl_max = 366 * 24 * 3'600;
constexpr std::uint64_t etcd_revision_max = (std::uint64_t{1} << 53) - 1;

Result<CoordinatorKey> read_key(const json& kv) {
  if (!kv.is_object()) return invalid("a key is no object");
  auto key = etcd_bytes(kv, "key");
  auto value = etcd_bytes(kv, "value");
  const auto created = etcd_number(kv, "create_revision");
  const auto lease = etcd_number(kv, "lease");
  if (!key || !value || !created || !lease || *created > etcd_revision_max) {
    return invalid("a key cannot be read");
  }
  return CoordinatorKey{std::move(*key), std::move(*value), *created, *lease};
}

Result<EtcdRange> read_range(const json& answer) {
  EtcdRange range;
  if (!answer.is_object()) return invalid("a range is no object");
  const auto kvs = answer.find("kvs");
  if (kvs != answer.end()) {
    if (!kvs->is_array()) return invalid("kvs is no list");
    for (const auto& each : *kvs) {
      auto key = read_key(each);
      if (!key) return key.error();
      range.keys.push_back(std::move(*key));
    }
  }
  const auto more = answer.find("more");
  range.more = more != answer.end() && *more == true;
  return range;
}

// Empty objects are left out, and answers to puts and deletions say nothing that is needed.
Result<> take_answers(const json& answers, EtcdTxnAnswer& taken) {
  if (!answers.is_array()) return invalid("responses is no list");
  for (const auto& each : answers) {
    if (!each.is_object()) return invalid("a response is no object");
    const auto answer = each.find("response_range");
    if (answer == each.end()) continue;
    auto range = read_range(*answer);
    if (!range) return range.error();
    taken.ranges.push_back(std::move(*range));
  }
  return {};
}

Result<json> parse_answer(std::string_view text) {
  return wire::parse_object(text, limits::coordinator_answer_bytes_max,
                            limits::coordinator_answer_values_max);
}

void append(std::string& list, std::string item) {
  if (!list.empty()) list += ',';
  list += item;
}

std::string range_of(std::string_view key, std::string_view end) {
  auto text = fmt::format(R"("key":"{}")", to_base64(key));
  if (!end.empty()) text += fmt::format(R"(,"range_end":"{}")", to_base64(end));
  return text;
}

}  // namespace

EtcdTxn& EtcdTxn::when_created(std::string_view key, std::uint64_t revision) {
  append(compares_,
         fmt::format(R"({{"key":"{}","target":"CREATE","result":"EQUAL","create_revision":"{}"}})",
                     to_base64(key), revision));
  return *this;
}

EtcdTxn& EtcdTxn::put(std::string_view key, std::string_view value, std::uint64_t lease) {
  append(changes_, fmt::format(R"({{"request_put":{{"key":"{}","value":"{}","lease":"{}"}}}})",
                               to_base64(key), to_base64(value), lease));
  return *this;
}

EtcdTxn& EtcdTxn::erase(std::string_view key, std::string_view end) {
  append(changes_, fmt::format(R"({{"request_delete_range":{{{}}}}})", range_of(key, end)));
  return *this;
}

EtcdTxn& EtcdTxn::read(std::string_view key, std::string_view end, std::size_t count_max) {
  append(reads_,
         fmt::format(R"({{"request_range":{{{},"limit":"{}"}}}})", range_of(key, end), count_max));
  ++read_count_;
  return *this;
}

std::string EtcdTxn::text() const {
  auto done = changes_;
  if (!reads_.empty()) append(done, reads_);
  return fmt::format(R"({{"compare":[{}],"success":[{}],"failure":[{}]}})", compares_, done,
                     reads_);
}

Result<EtcdTxnAnswer> read_etcd_txn(std::string_view text, std::size_t reads) {
  const auto parsed = parse_answer(text);
  if (!parsed) return parsed.error();
  EtcdTxnAnswer answer;
  const auto header = parsed->find("header");
  if (header == parsed->end() || !header->is_object()) return invalid("the answer has no header");
  answer.revision = etcd_number(*header, "revision").value_or(0);
  if (answer.revision == 0 || answer.revision > etcd_revision_max) {
    return invalid("the answer has no revision");
  }
  const auto succeeded = parsed->find("succeeded");
  answer.succeeded = succeeded != parsed->end() && *succeeded == true;
  const auto answers = parsed->find("responses");
  if (answers != parsed->end()) {
    if (auto taken = take_answers(*answers, answer); !taken) return taken.error();
  }
  if (answer.ranges.size() != reads) return invalid("the answer lacks what was asked for");
  return answer;
}

Result<CoordinatorLease> read_coordinator_lease(std::string_view text) {
  const auto parsed = parse_answer(text);
  if (!parsed) return parsed.error();
  const auto id = etcd_number(*parsed, "ID");
  const auto seconds = etcd_number(*parsed, "TTL");
  if (!id || *id == 0 || !seconds || *seconds == 0 || *seconds > etcd_ttl_max) {
    return invalid("it grants no lease");
  }
  return CoordinatorLease{*id, std::chrono::seconds(*seconds)};
}

// An answer of a stream: one object on the first line.
Result<Duration> read_etcd_keep_alive(std::string_view text) {
  const auto parsed = parse_answer(text.substr(0, text.find('\n')));
  if (!parsed) return parsed.error();
  const auto result = parsed->find("result");
  if (result == parsed->end() || !result->is_object()) return invalid("the answer has no result");
  const auto id = etcd_number(*result, "ID");
  const auto seconds = etcd_number(*result, "TTL");
  if (!id || *id == 0 || !seconds || *seconds > etcd_ttl_max) {
    return invalid("it does not say how long the lease lasts");
  }
  return Duration(std::chrono::seconds(*seconds));
}

std::string etcd_watch(std::string_view key, std::string_view end, std::uint64_t from_revision) {
  return fmt::format(R"({{"create_request":{{{},"start_revision":"{}","progress_notify":true}}}})",
                     range_of(key, end), from_revision);
}

}  // namespace tandem::master
