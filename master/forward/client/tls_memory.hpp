// tls_memory.hpp: that a TLS connection is counted with what it takes of the memory (--memory), for
// OpenSSL takes that from the heap. Owner: the client session, on its loop.
#pragma once

#include "master/forward/exchange/context.hpp"

namespace tandem::master {

class TlsMemory {
 public:
  // A handshake begins.
  explicit TlsMemory(LoopCounters& counters) : counters_(counters) {
    LoopCounters::add(counters_.tls_handshakes, 1);
  }
  TlsMemory(const TlsMemory&) = delete;
  TlsMemory& operator=(const TlsMemory&) = delete;
  ~TlsMemory() { LoopCounters::add(counter(), static_cast<std::uint64_t>(-1)); }

  // It has led to a connection.
  void note_done() {
    LoopCounters::add(counter(), static_cast<std::uint64_t>(-1));
    done_ = true;
    LoopCounters::add(counter(), 1);
  }

 private:
  std::atomic<std::uint64_t>& counter() {
    return done_ ? counters_.tls_connections : counters_.tls_handshakes;
  }

  LoopCounters& counters_;
  bool done_ = false;
};

}  // namespace tandem::master
