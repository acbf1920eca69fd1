#include "master/discovery/zookeeper_protocol.hpp"

#include "master/discovery/jute.hpp"

namespace tandem::master::zookeeper {

namespace {
constexpr std::size_t length_bytes = sizeof(std::int32_t);
constexpr std::size_t password_bytes = 16;
}  // namespace

std::string opening(Duration timeout) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count();
  return JuteWriter()
      .number(0)       // the version of the protocol
      .long_number(0)  // what it has seen
      .number(static_cast<std::int32_t>(ms))
      .long_number(0)  // a new session
      .text(std::string(password_bytes, '\0'))
      .boolean(false)  // of a server that is cut off from the others it wants nothing
      .frame();
}

std::string authentication(std::string_view credentials) {
  return JuteWriter()
      .number(of_auth)
      .number(op_auth)
      .number(0)
      .text("digest")
      .text(credentials)
      .frame();
}

std::string ping() { return JuteWriter().number(of_ping).number(op_ping).frame(); }

std::string closing(std::int32_t request) {
  return JuteWriter().number(request).number(op_close).frame();
}

std::optional<Opened> read_opening(std::string_view message) {
  JuteReader reader(message);
  const auto version = reader.number();
  const auto timeout = reader.number();
  const auto session = reader.long_number();
  const auto password = reader.text();
  if (!version || !timeout || !session || !password) return std::nullopt;
  return Opened{.session = *session, .timeout_ms = *timeout};
}

MessageStream::Next MessageStream::next(std::string_view& message, std::size_t bytes_max) {
  const auto rest = std::string_view(heard_).substr(taken_);
  const auto keep_rest = [this] {
    heard_.erase(0, taken_);
    taken_ = 0;
    return Next::incomplete;
  };
  if (rest.size() < length_bytes) return keep_rest();
  const auto length = *JuteReader(rest).number();
  if (length < 0) return Next::strange;
  const auto size = static_cast<std::size_t>(length);
  if (size > bytes_max) return Next::too_long;
  if (rest.size() - length_bytes < size) return keep_rest();
  message = rest.substr(length_bytes, size);
  taken_ += length_bytes + size;
  return Next::message;
}

}  // namespace tandem::master::zookeeper
