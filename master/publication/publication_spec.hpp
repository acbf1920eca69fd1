// publication_spec.hpp: a registry of others into which the primary writes where the services of
// its cluster are, as --publish says it. A value.
//
//   KIND=HOST:PORT[,HOST:PORT]...[/ROOT][,KEY=VALUE]...
//
//   etcd=10.0.0.1:2379,10.0.0.2:2379                   keys such as web/10.0.0.7:8080
//   etcd=https://10.0.0.1:2379/services,ca=ca.pem      keys such as services/web/10.0.0.7:8080
//   zookeeper=10.0.0.1:2181,10.0.0.2:2181/services     nodes below /services/web
//   etcd=10.0.0.1:2379,what=masters                    where the masters serve clients
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "master/discovery/source_spec.hpp"

namespace tandem::master {

struct PublicationSpec {
  enum class What { workers, masters };

  std::string text;     // as it was written
  SourceSpec registry;  // etcd or ZooKeeper; `name` is the ROOT, which may be empty in etcd
  What what = What::workers;

  friend bool operator==(const PublicationSpec&, const PublicationSpec&) = default;
};

inline constexpr std::string_view publication_form =
    "etcd|zookeeper=[https://]HOST:PORT[,HOST:PORT]...[/ROOT][,KEY=VALUE]...";

// A semicolon counts as a comma, and each server may have its scheme. Errors: `invalid`, beginning
// with `field`.
Result<PublicationSpec> parse_publication(std::string_view text, std::string_view field);

// Whether both write the same place, as far as that can be seen: each would take the other's
// entries for its own.
bool writes_the_same(const PublicationSpec& a, const PublicationSpec& b);

// Whether `source` reads what is published here, as far as that can be seen: at the same server,
// below the same root. Errors: `invalid`.
Result<> check_no_loop(const PublicationSpec& publication, const SourceSpec& source);

}  // namespace tandem::master
