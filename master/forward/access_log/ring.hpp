// ring.hpp: the access log's entries of one loop, on their way to the thread that writes them.
//
// A ring of bytes with one producer (a loop) and one consumer (the writer): no lock, no allocation,
// no system call. A request is one record of about 200 bytes; without room it is dropped and
// counted, since a slow disk must not slow a client down. Owner: push() the loop, pop() the writer.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "common/base/strong.hpp"
#include "common/base/time.hpp"
#include "master/forward/access_log/limits.hpp"

namespace tandem::master {

// One request. Unknown members are empty or 0.
struct AccessEntry {
  Instant started;          // its first byte
  Duration duration{0};     // until the last byte of the answer was handed to the kernel
  std::uint64_t bytes = 0;  // of the response's body that were sent, framing not counted
  Term term;
  std::size_t target_bytes = 0;  // of the whole target; more than target.size() when that was cut
  unsigned status = 0;
  unsigned attempts = 0;
  unsigned version = 0;  // of HTTP: 10, 11, 20; 0: not known
  std::string_view client;
  std::string_view method;  // cut at limits::access_log_method_bytes_max
  std::string_view target;  // cut at limits::access_log_target_bytes_max
  std::string_view worker;
  std::string_view service;
  std::string_view request_id;
  // ---- only if the log asks for them
  Duration first_byte{0};           // until the answer was begun; 0: it was not
  std::uint64_t request_bytes = 0;  // of the request's body that have arrived, without framing
  std::string_view host{};  // cut at limits::access_log_text_bytes_max, as those that follow
  std::string_view user_agent{};
  std::string_view referer{};
  std::string_view tls{};    // "TLSv1.3"; empty: none
  std::string_view route{};  // "shop.example/api"; empty: none led to the service
  std::string_view trace_id{};
};

class AccessRing {
 public:
  // `bytes`: a power of two, several records at least.
  explicit AccessRing(std::size_t bytes = limits::access_log_ring_bytes);
  AccessRing(const AccessRing&) = delete;
  AccessRing& operator=(const AccessRing&) = delete;

  // Copies the entry, its long texts cut. False, and counted, when there is no room.
  bool push(const AccessEntry& entry);
  // The oldest entry; its views live until the next call. False when there is none.
  bool pop(AccessEntry& entry);
  // Entries for which there was no room. Callable from any thread.
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  struct Record;

  const std::size_t bytes_;
  const std::unique_ptr<std::byte[]> block_;
  // Positions only grow; the place in the block is the position modulo its size.
  alignas(64) std::atomic<std::uint64_t> tail_{0};  // written by the producer
  std::uint64_t known_head_ = 0;                    // the producer's latest look at head_
  std::atomic<std::uint64_t> dropped_{0};
  alignas(64) std::atomic<std::uint64_t> head_{0};  // written by the consumer
  std::uint64_t next_head_ = 0;                     // behind the entry that pop() gave out
};

}  // namespace tandem::master
