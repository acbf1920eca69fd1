// pages.hpp: single pages of memory whose content can be given back to the system while they are
// all zeros.
//
// nghttp2 gives each session a page for the table of its streams, which is empty while the
// connection is idle: half of what an idle connection costs. Owner: one loop.
#pragma once

#include <cstddef>
#include <vector>

namespace tandem::master::h2 {

class Pages {
 public:
  static constexpr std::size_t page_bytes = 4'096;

  Pages() = default;
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  // REQUIRES: all pages are back.
  ~Pages();

  // A page of zeros, aligned to its size; nullptr: there is no memory.
  void* take();
  void give_back(void* page);
  // The page is kept, and its memory given to the system until somebody writes there. False: it is
  // not all zeros, and nothing was done.
  static bool vacate(void* page);

 private:
  std::vector<void*> regions_;
  std::vector<void*> spare_;
};

}  // namespace tandem::master::h2
