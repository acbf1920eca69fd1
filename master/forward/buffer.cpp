#include "master/forward/buffer.hpp"

#include <cstdlib>
#include <cstring>
#include <new>

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
  if (pool_ != nullptr) ++pool_->borrowed_;
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

BufferPool::~BufferPool() {
  TANDEM_ASSERT(borrowed_ == 0);
  for (auto* block : spare_) std::free(block);
  for (auto* block : spare_large_) std::free(block);
}

Buffer BufferPool::make(std::vector<char*>& spare, std::size_t capacity) {
  Buffer buffer;
  buffer.pool_ = this;
  buffer.capacity_ = capacity;
  if (spare.empty()) {
    buffer.block_ = allocate(capacity);
  } else {
    buffer.block_ = spare.back();
    spare.pop_back();
  }
  ++borrowed_;
  return buffer;
}

Buffer BufferPool::borrow() { return make(spare_, limits::buffer_bytes); }
Buffer BufferPool::borrow_large() { return make(spare_large_, limits::large_buffer_bytes); }

void BufferPool::give_back(char* block, std::size_t capacity) {
  TANDEM_ASSERT(borrowed_ > 0);
  --borrowed_;
  if (capacity == limits::buffer_bytes && spare_.size() < limits::spare_buffers_max) {
    spare_.push_back(block);
  } else if (capacity == limits::large_buffer_bytes && spare_large_.size() < spare_large_max) {
    spare_large_.push_back(block);
  } else {
    std::free(block);
  }
}

}  // namespace tandem::master
