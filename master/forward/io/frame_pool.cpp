#include "master/forward/io/frame_pool.hpp"

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
  FreeFrame* head;
  std::size_t length;
};

constexpr std::size_t size_class(std::size_t bytes) {
  return (bytes + class_bytes - 1) / class_bytes;
}

// Plain data, so that using it costs no question whether it has been made.
constinit thread_local std::array<FreeList, size_class(frame_bytes_max) + 1> free_lists{};

// Frees what the thread has kept, at its end.
struct Cleaner {
  ~Cleaner() {
    for (auto& list : free_lists) {
      while (list.head != nullptr) {
        ::operator delete(std::exchange(list.head, list.head->next));
      }
      list.length = spare_frames_max;  // whatever is freed later is not kept
    }
  }
  void be_made() const {}
};
thread_local Cleaner cleaner;

void* new_frame(std::size_t bytes) {
  cleaner.be_made();
  return ::operator new(bytes);
}

}  // namespace

void* frame_pool_allocate(std::size_t bytes) {
  if (bytes > frame_bytes_max) return ::operator new(bytes);
  auto& list = free_lists[size_class(bytes)];
  if (list.head == nullptr) return new_frame(size_class(bytes) * class_bytes);
  --list.length;
  auto* const frame = std::exchange(list.head, list.head->next);
  // With many requests at once it is not in the cache any more.
  __builtin_prefetch(list.head, /*rw=*/1);
  return frame;
}

void frame_pool_free(void* frame, std::size_t bytes) {
  if (bytes > frame_bytes_max) return ::operator delete(frame);
  auto& list = free_lists[size_class(bytes)];
  if (list.length == spare_frames_max) return ::operator delete(frame);
  list.head = new (frame) FreeFrame{list.head};
  ++list.length;
}

}  // namespace tandem::master
