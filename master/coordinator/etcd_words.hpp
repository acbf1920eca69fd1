// etcd_words.hpp: what is asked of etcd by the JSON gateway of its third API, and what it answers.
//
// Numbers of 64 bits are texts there, fields of zero are left out, and keys and values are in
// base64. Answers come from a network: they are bounded, and what is not understood is an error.
//
// Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"
#include "common/base/time.hpp"

namespace tandem::master {

struct CoordinatorKey {
  std::string key;
  std::string value;
  std::uint64_t create_revision = 0;
  std::uint64_t lease = 0;  // 0: none
};

struct EtcdRange {
  std::vector<CoordinatorKey> keys;
  bool more = false;  // there are more than were asked for
};

struct EtcdTxnAnswer {
  std::uint64_t revision = 0;     // of etcd, behind the transaction
  bool succeeded = false;         // what was compared is so
  std::vector<EtcdRange> ranges;  // of the ranges asked for, in their order
};

// A transaction: what must be so, and what is done then. Ranges are read in either case.
class EtcdTxn {
 public:
  // The key was created at that revision; 0: it does not exist.
  EtcdTxn& when_created(std::string_view key, std::uint64_t revision);
  EtcdTxn& put(std::string_view key, std::string_view value, std::uint64_t lease = 0);
  // All keys from `key` to before `end`; an empty `end`: that key.
  EtcdTxn& erase(std::string_view key, std::string_view end = {});
  EtcdTxn& read(std::string_view key, std::string_view end = {}, std::size_t count_max = 1);

  // The body of POST /v3/kv/txn.
  std::string text() const;
  // The reads that a good answer has an answer to.
  std::size_t reads() const { return read_count_; }

 private:
  std::string compares_;
  std::string changes_;
  std::string reads_;
  std::size_t read_count_ = 0;
};

struct CoordinatorLease {
  std::uint64_t id = 0;
  Duration ttl{0};  // as granted, which may be more than was asked for
};

// Errors of all: `invalid`: it is no such answer.
Result<EtcdTxnAnswer> read_etcd_txn(std::string_view text, std::size_t reads);
Result<CoordinatorLease> read_coordinator_lease(std::string_view text);
// Of POST /v3/lease/keepalive: how long it lasts from when that was asked; zero: it has ended.
Result<Duration> read_etcd_keep_alive(std::string_view text);

// The body of POST /v3/watch, for all keys from `key` to before `end`.
std::string etcd_watch(std::string_view key, std::string_view end, std::uint64_t from_revision);

}  // namespace tandem::master
