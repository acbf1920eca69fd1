// etcd_documents.hpp: what etcd is told of entries, and what it answers: keys in the naming format
// of its Go client, each with a lease.
//
//   web/10.0.0.1:8080 -> {"Op":0,"Addr":"10.0.0.1:8080","Metadata":"tandem:7120431"}
//
// The metadata names the cluster, by which its masters know their keys, and not the master: gRPC
// compares addresses with their metadata, so that clients would connect anew whenever another
// master takes the keys over. It is a text, because gRPC's clients in Go cannot compare objects,
// and panic.
//
// Pure; any thread. What etcd says is not believed: see the errors.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"
#include "master/publication/published_entry.hpp"

namespace tandem::master {

std::string etcd_service_prefix(std::string_view root, std::string_view service);
std::string etcd_key_of(std::string_view root, const PublishedEntry& entry);
std::string etcd_value_of(const PublishedEntry& entry, std::string_view cluster);
// Whether a master of that cluster has written it.
bool is_etcd_value_of(std::string_view value, std::string_view cluster);

struct EtcdLease {
  std::string id;            // digits
  std::int64_t seconds = 0;  // 0: it has ended
};
// Of an answer of /v3/lease/grant. Errors: `invalid`.
Result<EtcdLease> read_etcd_lease(std::string_view json);
// Of an answer of /v3/lease/keepalive, whose first line counts. Errors: `invalid`.
Result<EtcdLease> read_etcd_renewal(std::string_view json);

struct EtcdKey {
  std::string key;
  std::string value;
  std::uint64_t revision = 0;  // of its last change
  std::string lease{};         // empty: none
};
// Reads the keys of several prefixes at once.
std::string etcd_question(const std::vector<std::string>& prefixes);
// Errors: `invalid`: it is no answer to that, or says that there is more.
Result<std::vector<EtcdKey>> read_etcd_ranges(std::string_view json);

// Puts a key, or deletes it without `value`, if its last change was the one of `revision`; 0: it is
// not there.
struct EtcdChange {
  std::string key;
  std::string value{};
  std::uint64_t revision = 0;
};
std::string etcd_transaction(const std::vector<EtcdChange>& changes, std::string_view lease);
struct EtcdOutcome {
  bool succeeded = false;  // all of it was done, else nothing
  std::uint64_t revision = 0;
};
// Errors: `invalid`.
Result<EtcdOutcome> read_etcd_outcome(std::string_view json);

}  // namespace tandem::master
