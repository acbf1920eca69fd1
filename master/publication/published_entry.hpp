// published_entry.hpp: what others shall find in a registry: where a service is. A value.
#pragma once

#include <compare>
#include <memory>
#include <set>
#include <string>

#include "common/base/endpoint.hpp"

namespace tandem::master {

struct PublishedEntry {
  std::string service;  // a name
  Endpoint address;     // numeric
  bool tls = false;     // it is spoken to over TLS

  friend auto operator<=>(const PublishedEntry&, const PublishedEntry&) = default;
};

// At most limits::published_entries_max.
using PublishedEntries = std::set<PublishedEntry>;
using PublishedEntriesPtr = std::shared_ptr<const PublishedEntries>;

}  // namespace tandem::master
