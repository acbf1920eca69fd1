#include "master/forward/frame_pool.hpp"

#include <array>
#include <new>
#include <utility>

namespace tandem::master {

namespace {

constexpr std::size_t class_bytes = 64;

struct FreeFrame {
  FreeFrame* next;
};

struct FreeList {
  FreeFrame* head = nullptr;
  std::size_t length = 0;

  ~FreeList() {
    while (head != nullptr) ::operator delete(std::exchange(head, head->next));
  }
};

constexpr std::size_t size_class(std::size_t bytes) {
  return (bytes + class_bytes - 1) / class_bytes;
}

thread_local std::array<FreeList, size_class(frame_bytes_max) + 1> free_lists;

}  // namespace

void* frame_pool_allocate(std::size_t bytes) {
  if (bytes > frame_bytes_max) return ::operator new(bytes);
  auto& list = free_lists[size_class(bytes)];
  if (list.head == nullptr) return ::operator new(size_class(bytes) * class_bytes);
  --list.length;
  return std::exchange(list.head, list.head->next);
}

void frame_pool_free(void* frame, std::size_t bytes) {
  if (bytes > frame_bytes_max) return ::operator delete(frame);
  auto& list = free_lists[size_class(bytes)];
  if (list.length == spare_frames_max) return ::operator delete(frame);
  list.head = new (frame) FreeFrame{list.head};
  ++list.length;
}

}  // namespace tandem::master
