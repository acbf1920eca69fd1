// stream_memory.hpp: the memory of protocols that carry many messages on one connection, for all
// connections of one loop. Whoever owns it need not know the protocols. Owner: the loop; it
// outlives the connections.
#pragma once

#include <cstddef>
#include <memory>

namespace tandem::master {

namespace h2 {
class SessionMemory;
}

class StreamMemory {
 public:
  StreamMemory();
  ~StreamMemory();

  h2::SessionMemory& http2() { return *http2_; }
  // Any thread.
  std::size_t bytes_in_use() const;

 private:
  const std::unique_ptr<h2::SessionMemory> http2_;
};

}  // namespace tandem::master
