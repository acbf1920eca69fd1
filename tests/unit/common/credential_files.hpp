// credential_files.hpp: an authority and its certificates as files, for the length of a test.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include <catch2/catch.hpp>

#include "common/access/last_day.hpp"
#include "common/base/secret.hpp"
#include "common/base/small_file.hpp"
#include "common/tls/authority.hpp"
#include "common/tls/credentials.hpp"

namespace tandem::test {

class CredentialFiles {
 public:
  CredentialFiles()
      : now_(access::wall_time()),
        authority_(tls::new_authority("c", std::chrono::days(10), now_)) {
    std::filesystem::create_directories(directory_);
    write("ca.pem", authority_.certificate);
    write("revoked", "");
  }
  ~CredentialFiles() { std::filesystem::remove_all(directory_); }
  CredentialFiles(const CredentialFiles&) = delete;
  CredentialFiles& operator=(const CredentialFiles&) = delete;

  tls::Issued issued(const tls::Identity& identity, std::chrono::days lifetime,
                     tls::WallTime at) const {
    auto made = tls::issue(authority_.certificate, authority_.key, identity, lifetime, at);
    REQUIRE(made);
    return std::move(*made);
  }
  // NAME.pem and NAME.key.
  void put(const std::string& name, const tls::Issued& issued) const {
    write(name + ".pem", issued.certificate);
    write(name + ".key", issued.key);
  }
  void add(const tls::Identity& identity) const {
    put(identity.name, issued(identity, std::chrono::days(5), now_));
  }
  void write(const std::string& file, const std::string& text) const {
    std::ofstream(path(file)) << text;
    ::chmod(path(file).c_str(), 0600);
  }
  std::string text(const std::string& file) const {
    auto read = read_small_file(path(file), std::size_t{1} << 16);
    REQUIRE(read);
    return std::move(*read);
  }
  std::string path(const std::string& file) const { return directory_ + "/" + file; }
  tls::ClusterFiles of(const std::string& name) const {
    return {path("ca.pem"), path(name + ".pem"), path(name + ".key"), path("revoked")};
  }
  tls::CurrentCredentialsPtr loaded(const std::string& name) const {
    auto credentials = tls::ClusterCredentials::load(of(name), now_);
    REQUIRE(credentials);
    return std::make_shared<tls::CurrentCredentials>(std::move(*credentials));
  }
  tls::WallTime now() const { return now_; }

 private:
  const std::string directory_ =
      (std::filesystem::temp_directory_path() / ("tandem-credentials-" + random_hex(8))).string();
  const tls::WallTime now_;
  const tls::Issued authority_;
};

}  // namespace tandem::test
