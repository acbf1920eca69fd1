#include "master/forward/http/h2/session_memory.hpp"

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "common/base/assert.hpp"
#include "master/forward/http/h2/session.hpp"
#include "master/forward/http/h2/session_setup.hpp"

namespace tandem::master::h2 {

namespace {

// Before each block stands how long it is, this word included. nghttp2 wants no more than eight
// bytes of alignment.
constexpr std::size_t word = sizeof(std::uint64_t);

std::uint64_t* start_of(void* block) {
  return reinterpret_cast<std::uint64_t*>(static_cast<char*>(block) - word);
}

// Blocks begin one word behind what malloc aligns to sixteen bytes.
bool is_page(void* block) { return reinterpret_cast<std::uintptr_t>(block) % 16 == 0; }

}  // namespace

// What nghttp2 calls.
struct Blocks {
  static SessionMemory& memory(void* user) { return *static_cast<SessionMemory*>(user); }
  static void* allocate(std::size_t bytes, void* user) { return memory(user).allocate(bytes); }
  static void free(void* block, void* user) { memory(user).free(block); }
  static void* clear(std::size_t count, std::size_t bytes, void* user) {
    return memory(user).allocate_zeros(count * bytes);
  }
  static void* resize(void* block, std::size_t bytes, void* user) {
    return memory(user).resize(block, bytes);
  }
};

SessionMemory::SessionMemory(std::size_t spare_bytes_max) : spare_bytes_max_(spare_bytes_max) {}

SessionMemory::Made SessionMemory::make(Role role, Session& session) {
  nghttp2_mem blocks{this, Blocks::allocate, Blocks::free, Blocks::clear, Blocks::resize};
  making_session_ = true;
  page_of_new_session_ = nullptr;
  auto* made = make_session(role, session, blocks);
  making_session_ = false;
  return {made, page_of_new_session_};
}

SessionMemory::~SessionMemory() {
  heads_.clear();
  TANDEM_ASSERT(bytes_in_use() == 0);
  for (auto* first : spare_) {
    while (first != nullptr) {
      auto* next = static_cast<Spare*>(first->next);
      std::free(start_of(first));
      first = next;
    }
  }
  if (shared_ != nullptr) std::free(start_of(shared_));
}

void* SessionMemory::allocate(std::size_t bytes) {
  const bool is_shared = making_session_ && bytes >= shared_bytes_min;
  if (is_shared && shared_ != nullptr) {
    TANDEM_ASSERT(bytes + word <= *start_of(shared_));
    return shared_;
  }
  const auto size_class = (bytes + word + class_bytes - 1) / class_bytes;
  const auto size = size_class * class_bytes;
  void* block = nullptr;
  if (size_class < spare_.size() && spare_[size_class] != nullptr) {
    block = std::exchange(spare_[size_class], static_cast<Spare*>(spare_[size_class]->next));
    spare_bytes_ -= size;
    // With many requests at once it is not in the cache any more.
    __builtin_prefetch(spare_[size_class], /*rw=*/1);
  } else {
    auto* start = static_cast<std::uint64_t*>(std::malloc(size));
    if (start == nullptr) return nullptr;
    *start = size;
    block = reinterpret_cast<char*>(start) + word;
  }
  if (is_shared) return shared_ = block;
  in_use_.store(bytes_in_use() + size, std::memory_order_relaxed);
  return block;
}

// The table of a session's streams has a page of its own.
void* SessionMemory::allocate_zeros(std::size_t bytes) {
  if (making_session_ && bytes == Pages::page_bytes && page_of_new_session_ == nullptr) {
    page_of_new_session_ = pages_.take();
    if (page_of_new_session_ != nullptr) occupy(page_of_new_session_);
    return page_of_new_session_;
  }
  void* block = allocate(bytes);
  return block == nullptr ? nullptr : std::memset(block, 0, bytes);
}

bool SessionMemory::vacate(void* page) {
  if (page == nullptr || !Pages::vacate(page)) return false;
  in_use_.store(bytes_in_use() - Pages::page_bytes, std::memory_order_relaxed);
  return true;
}

void SessionMemory::occupy(void* page) {
  TANDEM_ASSERT(page != nullptr);
  in_use_.store(bytes_in_use() + Pages::page_bytes, std::memory_order_relaxed);
}

void SessionMemory::free(void* block) {
  if (block == nullptr || block == shared_) return;
  if (is_page(block)) {
    in_use_.store(bytes_in_use() - Pages::page_bytes, std::memory_order_relaxed);
    return pages_.give_back(block);
  }
  const auto size = *start_of(block);
  TANDEM_ASSERT(size <= bytes_in_use());
  in_use_.store(bytes_in_use() - size, std::memory_order_relaxed);
  const auto size_class = size / class_bytes;
  if (size_class >= spare_.size() || spare_bytes_ + size > spare_bytes_max_) {
    return std::free(start_of(block));
  }
  spare_bytes_ += size;
  spare_[size_class] = new (block) Spare{spare_[size_class]};
}

void* SessionMemory::resize(void* block, std::size_t bytes) {
  if (block == nullptr) return allocate(bytes);
  const auto room = is_page(block) ? Pages::page_bytes : *start_of(block) - word;
  if (bytes <= room) return block;
  TANDEM_ASSERT(block != shared_);
  void* larger = allocate(bytes);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, block, room);
  free(block);
  return larger;
}

PooledHead SessionMemory::borrow_head() {
  if (heads_.empty()) return {new Head(), GiveBackHead{this}};
  PooledHead head(heads_.back().release(), GiveBackHead{this});
  heads_.pop_back();
  return head;
}

void SessionMemory::give_back(Head* head) {
  std::unique_ptr<Head> owned(head);
  owned->clear();
  if (heads_.size() < limits::h2_spare_streams_max) heads_.push_back(std::move(owned));
}

void GiveBackHead::operator()(Head* head) const { memory->give_back(head); }

Stream& SessionMemory::borrow_stream() {
  if (streams_.empty()) return *new Stream();
  auto* stream = streams_.back().release();
  streams_.pop_back();
  return *stream;
}

void SessionMemory::give_back(Stream& stream) {
  std::unique_ptr<Stream> owned(&stream);
  owned->clear();
  if (streams_.size() < limits::h2_spare_streams_max) streams_.push_back(std::move(owned));
}

}  // namespace tandem::master::h2
