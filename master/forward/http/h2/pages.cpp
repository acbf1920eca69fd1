#include "master/forward/http/h2/pages.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "common/base/assert.hpp"

namespace tandem::master::h2 {

namespace {
constexpr std::size_t pages_per_region = 64;
constexpr std::size_t region_bytes = pages_per_region * Pages::page_bytes;
}  // namespace

Pages::~Pages() {
  TANDEM_ASSERT(spare_.size() == regions_.size() * pages_per_region);
  for (void* region : regions_) munmap(region, region_bytes);
}

void* Pages::take() {
  if (spare_.empty()) {
    void* region =
        mmap(nullptr, region_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (region == MAP_FAILED) return nullptr;
    regions_.push_back(region);
    for (std::size_t i = pages_per_region; i > 0; --i) {
      spare_.push_back(static_cast<char*>(region) + (i - 1) * page_bytes);
    }
    // Pages come back one by one, and must always find room.
    spare_.reserve(regions_.size() * pages_per_region);
  }
  void* page = spare_.back();
  spare_.pop_back();
  return page;
}

void Pages::give_back(void* page) {
  std::memset(page, 0, page_bytes);
  // The next one is for the next connection; more of them are not worth their memory.
  if (spare_.size() >= pages_per_region) madvise(page, page_bytes, MADV_DONTNEED);
  spare_.push_back(page);
}

bool Pages::vacate(void* page) {
  const auto* words = static_cast<const std::uint64_t*>(page);
  const auto* end = words + page_bytes / sizeof(std::uint64_t);
  if (std::any_of(words, end, [](std::uint64_t word) { return word != 0; })) return false;
  return madvise(page, page_bytes, MADV_DONTNEED) == 0;
}

}  // namespace tandem::master::h2
