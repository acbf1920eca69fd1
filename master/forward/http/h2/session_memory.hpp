// session_memory.hpp: the memory of all HTTP/2 sessions of one loop.
//
// nghttp2 takes a dozen blocks for each request. Here they come from free lists by size, so that in
// the steady state nothing is taken from the heap; streams and heads are pooled likewise. What is
// in use is counted, and anyone may ask how much that is.
//
// nghttp2 gives each session 16 KiB to write a frame into, which are empty whenever a pull has
// ended: sessions of one loop share one such block. For that a Session sends a client's preface by
// itself, and never leaves a frame's first part behind in the block.
// Owner: one loop, and it outlives the loop's sessions and heads.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "master/forward/http/h2/limits.hpp"
#include "master/forward/http/h2/head.hpp"
#include "master/forward/http/h2/pages.hpp"
#include "master/forward/http/h2/stream.hpp"

struct nghttp2_session;

namespace tandem::master::h2 {

class Session;
enum class Role : std::uint8_t;

class SessionMemory {
 public:
  explicit SessionMemory(std::size_t spare_bytes_max = limits::h2_spare_bytes_max);
  SessionMemory(const SessionMemory&) = delete;
  SessionMemory& operator=(const SessionMemory&) = delete;
  ~SessionMemory();

  // Of nghttp2's blocks that are in use, the one that all share left aside. Any thread.
  std::size_t bytes_in_use() const { return in_use_.load(std::memory_order_relaxed); }

  PooledHead borrow_head();
  Stream& borrow_stream();
  void give_back(Stream& stream);

  // A session that is made of these blocks.
  struct Made {
    nghttp2_session* session = nullptr;  // none: there is no memory
    void* page = nullptr;                // of the table of its streams, where that has one
  };
  Made make(Role role, Session& session);
  // The session has no streams: its page needs no memory for now. False: it does.
  bool vacate(void* page);
  // It may have streams again.
  void occupy(void* page);

 private:
  friend struct GiveBackHead;
  friend struct Blocks;
  void give_back(Head* head);

  void* allocate(std::size_t bytes);
  void* allocate_zeros(std::size_t bytes);
  void free(void* block);
  void* resize(void* block, std::size_t bytes);

  static constexpr std::size_t class_bytes = 16;
  static constexpr std::size_t pooled_bytes_max = 4'160;  // larger ones come from the heap
  static constexpr std::size_t shared_bytes_min = 16 * 1024;
  struct Spare {
    void* next;
  };

  std::array<Spare*, pooled_bytes_max / class_bytes + 1> spare_{};
  std::size_t spare_bytes_ = 0;
  const std::size_t spare_bytes_max_;
  void* shared_ = nullptr;
  Pages pages_;
  void* page_of_new_session_ = nullptr;
  bool making_session_ = false;         // the next large block is the shared one
  std::atomic<std::size_t> in_use_{0};  // written by the owner alone

  std::vector<std::unique_ptr<Head>> heads_;
  std::vector<std::unique_ptr<Stream>> streams_;
};

}  // namespace tandem::master::h2
