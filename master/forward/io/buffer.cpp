#include "master/forward/io/buffer.hpp"

#include <cstdlib>
#include <cstring>
#include <new>

#include "common/base/limits.hpp"

namespace tandem::master {

namespace {
char* allocate(std::size_t bytes) {
  auto* block = static_cast<char*>(std::malloc(bytes));
  if (block == nullptr) throw std::bad_alloc();
  return block;
}
}  // namespace

void Buffer::compact() {
  if (begin_ == 0) return;
  std::memmove(block_, block_ + begin_, size());
  end_ -= begin_;
  begin_ = 0;
}

void Buffer::grow(std::size_t capacity) {
  if (capacity <= capacity_) return compact();
  Buffer larger;
  larger.pool_ = pool_;
  larger.block_ = allocate(capacity);
  larger.capacity_ = capacity;
  larger.append(view());
  if (pool_ != nullptr) pool_->count_borrowed(capacity);
  swap(larger);
}

void Buffer::release() {
  if (block_ == nullptr) return;
  if (pool_ != nullptr) {
    pool_->give_back(block_, capacity_);
  } else {
    std::free(block_);
  }
  block_ = nullptr;
  capacity_ = begin_ = end_ = 0;
}

namespace {

char* next_of(const char* spare) {
  char* next;
  std::memcpy(&next, spare, sizeof next);
  return next;
}

}  // namespace

BufferPool::~BufferPool() {
  TANDEM_ASSERT(borrowed_ == 0);
  for (char* block : {spare_.front, spare_large_.front}) {
    while (block != nullptr) std::free(std::exchange(block, next_of(block)));
  }
}

Buffer BufferPool::make(Spare& spare, std::size_t capacity) {
  Buffer buffer;
  buffer.pool_ = this;
  buffer.capacity_ = capacity;
  buffer.block_ = spare.front == nullptr ? allocate(capacity) : take(spare, capacity);
  count_borrowed(capacity);
  return buffer;
}

// REQUIRES: there is one
char* BufferPool::take(Spare& spare, std::size_t capacity) {
  auto* block = std::exchange(spare.front, next_of(spare.front));
  // With many requests at once it is not in the cache any more.
  __builtin_prefetch(spare.front, /*rw=*/1);
  --spare.count;
  spare_bytes_ -= capacity;
  return block;
}

void BufferPool::keep_spare(std::size_t bytes_max) {
  spare_bytes_max_ = bytes_max;
  while (spare_bytes_ > bytes_max) {
    const bool has_large = spare_large_.front != nullptr;
    std::free(has_large ? take(spare_large_, limits::large_buffer_bytes)
                        : take(spare_, limits::buffer_bytes));
  }
}

void BufferPool::count_borrowed(std::size_t capacity) {
  ++borrowed_;
  borrowed_bytes_.store(borrowed_bytes() + capacity, std::memory_order_relaxed);
}

Buffer BufferPool::borrow() { return make(spare_, limits::buffer_bytes); }
Buffer BufferPool::borrow_large() { return make(spare_large_, limits::large_buffer_bytes); }

void BufferPool::give_back(char* block, std::size_t capacity) {
  TANDEM_ASSERT(borrowed_ > 0);
  --borrowed_;
  borrowed_bytes_.store(borrowed_bytes() - capacity, std::memory_order_relaxed);
  auto& spare = capacity == limits::large_buffer_bytes ? spare_large_ : spare_;
  const bool usual = capacity == limits::buffer_bytes || capacity == limits::large_buffer_bytes;
  const bool has_room =
      spare.count < spare.count_max && spare_bytes_ + capacity <= spare_bytes_max_;
  if (!usual || !has_room) return std::free(block);
  spare_bytes_ += capacity;
  std::memcpy(block, &spare.front, sizeof spare.front);
  spare.front = block;
  ++spare.count;
}

}  // namespace tandem::master
