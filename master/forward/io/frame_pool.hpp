// frame_pool.hpp: memory of coroutine frames, recycled per thread.
//
// A frame is freed on the thread that made it (a coroutine stays on its loop), so the free lists
// need no lock. Frames over frame_bytes_max come from the heap; a list keeps at most
// spare_frames_max frames.
#pragma once

#include <cstddef>

namespace tandem::master {

inline constexpr std::size_t frame_bytes_max = 4096;   // larger ones are not recycled
inline constexpr std::size_t spare_frames_max = 4096;  // per size class (64 bytes) and thread

void* frame_pool_allocate(std::size_t bytes);
// REQUIRES: the same thread and the same size as at frame_pool_allocate.
void frame_pool_free(void* frame, std::size_t bytes);

}  // namespace tandem::master
