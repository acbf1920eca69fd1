// certificates.hpp: the authority of a cluster, and the certificates of those who take part, as
// `tandem ca` makes them.
//
// Owner: the test's thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/e2e/harness/http.hpp"
#include "tests/e2e/harness/temp_dir.hpp"

namespace tandem::e2e {

class Certificates {
 public:
  // `dir` outlives it. The authority of a cluster of that name is made in a directory there.
  explicit Certificates(const TempDir& dir, const std::string& cluster = "test");

  // `kind`: master, worker or operator; `words` follow --KIND NAME.
  void issue(const std::string& kind, const std::string& name,
             const std::vector<std::string>& words = {});
  // The files of DIR/KIND-NAME, and of the authority.
  ClientCertificate of(const std::string& kind, const std::string& name) const;
  // The flags with which a program is started that is this one.
  std::vector<std::string> flags_of(const std::string& kind, const std::string& name) const;
  // Nobody is revoked until this is called; programs read it again at SIGHUP.
  void revoke(const std::string& kind, const std::string& name) const;

  const std::string& directory() const { return directory_; }
  std::string revoked_file() const { return directory_ + "/revoked"; }

 private:
  std::string directory_;
};

}  // namespace tandem::e2e
