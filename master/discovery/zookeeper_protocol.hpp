// zookeeper_protocol.hpp: what conversations with a server of ZooKeeper have in common: numbers of
// operations and errors, the first messages, and how a stream of bytes becomes messages.
//
// Pure. What is read is what a server says, and not believed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/time.hpp"

namespace tandem::master::zookeeper {

// Operations (ZooDefs.OpCode).
inline constexpr std::int32_t op_create = 1;
inline constexpr std::int32_t op_delete = 2;
inline constexpr std::int32_t op_exists = 3;
inline constexpr std::int32_t op_get_data = 4;
inline constexpr std::int32_t op_get_children = 8;
inline constexpr std::int32_t op_ping = 11;
inline constexpr std::int32_t op_auth = 100;
inline constexpr std::int32_t op_close = -11;
// What is no answer to a numbered request, or to none of ours.
inline constexpr std::int32_t of_event = -1;
inline constexpr std::int32_t of_ping = -2;
inline constexpr std::int32_t of_auth = -4;
// Errors (KeeperException.Code).
inline constexpr std::int32_t no_error = 0;
inline constexpr std::int32_t no_node = -101;
inline constexpr std::int32_t no_permission = -102;
inline constexpr std::int32_t node_exists = -110;

// Asks for a session that ends after `timeout` without a word.
std::string opening(Duration timeout);
// `credentials`: USER:PASSWORD.
std::string authentication(std::string_view credentials);
std::string ping();
std::string closing(std::int32_t request);

struct Opened {
  std::int64_t session = 0;
  std::int32_t timeout_ms = 0;  // not above zero: it is refused
};
// Nothing: that is no answer to opening().
std::optional<Opened> read_opening(std::string_view message);

// The bytes that have come and are no whole message yet.
class MessageStream {
 public:
  void add(std::string_view bytes) { heard_ += bytes; }
  enum class Next { message, incomplete, strange, too_long };
  // The next one, which is valid until the next call; its length is at most `bytes_max`.
  Next next(std::string_view& message, std::size_t bytes_max);

 private:
  std::string heard_;
  std::size_t taken_ = 0;  // of heard_
};

}  // namespace tandem::master::zookeeper
