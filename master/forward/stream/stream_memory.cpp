#include "master/forward/stream/stream_memory.hpp"

#include "master/forward/http/h2/session_memory.hpp"

namespace tandem::master {

StreamMemory::StreamMemory() : http2_(std::make_unique<h2::SessionMemory>()) {}

StreamMemory::~StreamMemory() = default;

std::size_t StreamMemory::bytes_in_use() const { return http2_->bytes_in_use(); }

}  // namespace tandem::master
