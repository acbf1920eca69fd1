// hostile_chain.hpp: chains of certificates that no member of a cluster has, and a client that
// shows them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/tls/openssl.hpp"
#include "tests/gateway/raw_socket.hpp"

namespace tandem::e2e {

// What a client shows: its own certificate first. The key is that of the first.
struct ShownChain {
  tls::KeyPtr key;
  std::vector<tls::CertificatePtr> certificates;
};

// Texts in PEM.
ShownChain shown(const std::string& certificate, const std::string& key);

class HostileChains {
 public:
  // Texts in PEM: a cluster's authority, a worker's certificate by it, and its key.
  HostileChains(const std::string& authority, const std::string& certificate,
                const std::string& key);

  // The worker's own.
  ShownChain genuine() const;
  // What is wrong with each, in words.
  std::vector<std::pair<std::string, ShownChain>> all() const;

 private:
  tls::CertificatePtr authority_;
  tls::CertificatePtr worker_;
  tls::KeyPtr worker_key_;
};

// A connection to a control address or a worker, whoever is there.
class ShownConnection {
 public:
  ShownConnection(const std::string& address, const ShownChain& shown);
  // One more request on it.
  bool is_answered();
  // Of the last answer; 0: none yet.
  int status() const { return status_; }

 private:
  tls::ContextPtr context_;
  test::RawSocket socket_;
  tls::SslPtr ssl_;
  int status_ = 0;
};

// Whether a request on a connection of its own is answered.
inline bool answers(const std::string& address, const ShownChain& shown) {
  return ShownConnection(address, shown).is_answered();
}

}  // namespace tandem::e2e
