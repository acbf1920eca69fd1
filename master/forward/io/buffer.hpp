// buffer.hpp: contiguous bytes between a socket that fills and a socket that drains, and the pool
// they come from.
//
// A Buffer is a block with a readable part [begin, end) and free room behind it. Blocks of the
// standard size are kept by the loop's BufferPool for reuse; larger ones come and go with the heap.
// An empty Buffer owns no block: that is what an idle connection holds. Owner: the loop of the
// pool; how much is borrowed anyone may ask.
#pragma once

#include <atomic>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include "common/base/assert.hpp"
#include "master/forward/io/limits.hpp"

namespace tandem::master {

class BufferPool;

class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer(std::move(other)).swap(*this);
    return *this;
  }
  ~Buffer() { release(); }

  bool has_block() const { return block_ != nullptr; }
  std::size_t capacity() const { return capacity_; }

  char* data() { return block_ + begin_; }
  const char* data() const { return block_ + begin_; }
  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  std::string_view view() const { return {data(), size()}; }

  // The room behind the readable part.
  char* free_begin() { return block_ + end_; }
  std::size_t free_size() const { return capacity_ - end_; }

  // n bytes were written into the free room.
  void commit(std::size_t n) {
    TANDEM_ASSERT(n <= free_size());
    end_ += n;
  }
  // The first n readable bytes are done with.
  void consume(std::size_t n) {
    TANDEM_ASSERT(n <= size());
    begin_ += n;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  // The last n readable bytes are taken back.
  void drop_back(std::size_t n) {
    TANDEM_ASSERT(n <= size());
    end_ -= n;
  }
  void clear() { begin_ = end_ = 0; }
  // Moves the readable part to the front of the block. Invalidates views.
  void compact();
  // Makes the block hold at least `capacity` bytes. Invalidates views.
  void grow(std::size_t capacity);

  // REQUIRES: text.size() <= free_size()
  void append(std::string_view text) {
    TANDEM_ASSERT(text.size() <= free_size());
    end_ += text.copy(free_begin(),
                      text.size());  // unlike memcpy it may be given an empty view of nothing
  }

  // Gives the block back to its pool (or the heap) and is empty.
  void release();

 private:
  friend class BufferPool;
  void swap(Buffer& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(block_, other.block_);
    std::swap(capacity_, other.capacity_);
    std::swap(begin_, other.begin_);
    std::swap(end_, other.end_);
  }

  BufferPool* pool_ = nullptr;
  char* block_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

class BufferPool {
 public:
  // Keeps spare blocks of `spare_bytes_max` at most.
  explicit BufferPool(std::size_t spare_bytes_max = static_cast<std::size_t>(-1))
      : spare_bytes_max_(spare_bytes_max) {}
  // From now on it keeps so many at most, and frees what it has beyond that.
  void keep_spare(std::size_t bytes_max);
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool();

  // A block of limits::buffer_bytes.
  Buffer borrow();
  // A block of limits::large_buffer_bytes, for streaming.
  Buffer borrow_large();

  std::size_t borrowed() const { return borrowed_; }
  std::size_t spare_bytes() const { return spare_bytes_; }
  // Of all blocks that are borrowed. Any thread.
  std::size_t borrowed_bytes() const { return borrowed_bytes_.load(std::memory_order_relaxed); }

 private:
  friend class Buffer;
  // Blocks that nobody has, the one that was used last in front; each holds the next one's address.
  struct Spare {
    char* front = nullptr;
    std::size_t count = 0;
    std::size_t count_max;
  };
  Buffer make(Spare& spare, std::size_t capacity);
  char* take(Spare& spare, std::size_t capacity);
  void give_back(char* block, std::size_t capacity);
  void count_borrowed(std::size_t capacity);

  static constexpr std::size_t spare_large_max = 16;
  Spare spare_{.count_max = limits::spare_buffers_max};
  Spare spare_large_{.count_max = spare_large_max};
  std::size_t spare_bytes_max_;
  std::size_t spare_bytes_ = 0;
  std::size_t borrowed_ = 0;
  // Written by the owner alone, with no locked instruction.
  std::atomic<std::size_t> borrowed_bytes_{0};
};

}  // namespace tandem::master
