// The part of HttpServer that answers what is asked again and again on a connection.
#include <boost/asio.hpp>

#include "common/base/assert.hpp"
#include "common/base/log.hpp"
#include "common/http/http_server_connection.hpp"
#include "common/http1/field_text.hpp"
#include "common/http1/quick_head.hpp"
#include "common/wire/error_document.hpp"

namespace tandem {

namespace asio = boost::asio;

namespace {

// Holds some pipelined requests; what is longer goes the usual way.
constexpr std::size_t room_bytes = 16 * 1024;

// Fields that change nothing about how a request is read, or who may send it.
bool is_harmless(std::string_view name) {
  constexpr std::string_view names[] = {"content-type", "user-agent", "accept", "accept-encoding"};
  for (const auto each : names) {
    if (equal_ignoring_case(name, each)) return true;
  }
  return false;
}

}  // namespace

void HttpServer::note_repeats(Connection& connection, const ControlRequest& request,
                              const std::shared_ptr<const access::Credential>& caller) {
  const bool is_plain = request.query.empty() && request.origin.empty() && !request.proxied &&
                        !request.passed_on && request.on_behalf_of.empty();
  connection.repeats = is_plain && options_.at_once.answer != nullptr;
  if (!connection.repeats) return;
  connection.method = request.method;
  connection.path = request.path;
  connection.host = request.host;
  connection.authorization = request.authorization;
  connection.caller = caller;
  connection.admissions = options_.at_once.admissions();
}

// False: its coroutine goes on.
bool HttpServer::park(Connection& connection) {
  auto& socket = connection.socket;
  if (!connection.repeats || retires_ || !socket.is_open() || socket.has_more()) return false;
  if (!parked_.add(socket.park(), connection)) {
    connection.repeats = false;
    socket.unpark();  // if that fails, so does the wait for a request
    return false;
  }
  connection.is_parked = true;
  connection.deadline = after(options_.idle_max);
  return true;
}

// The usual way, beginning with what has been read and not answered.
void HttpServer::wake(Connection& connection, std::string_view unread) {
  const auto kept = connection.shared_from_this();
  parked_.forget(connection.socket.parked(), connection);
  connection.is_parked = false;
  if (connection.socket.unpark()) return end(kept);
  const auto room = connection.buffer.prepare(unread.size());
  connection.buffer.commit(asio::buffer_copy(room, asio::buffer(unread)));
  asio::co_spawn(loop_, serve(kept), asio::detached);
}

void HttpServer::take_repeats(Connection& connection) {
  TANDEM_ASSERT(connection.is_parked);
  room_.resize(room_bytes);
  std::size_t filled = 0;
  auto& socket = connection.socket;
  do {
    const auto read = socket.read_now(room_.data() + filled, room_.size() - filled);
    filled += read.bytes;
    if (read.step == Channel::Step::failed) return end(connection.shared_from_this());
    if (read.step != Channel::Step::done) break;
  } while (socket.has_more() && filled < room_.size());
  if (filled == 0) return;
  std::string_view text(room_.data(), filled);
  out_.clear();
  connection.repeats = true;
  while (!text.empty() && connection.repeats) {
    const auto answered = answer_at_once(connection, text);
    if (answered == 0) break;
    text.remove_prefix(answered);
  }
  if (!out_.empty() && socket.write_now(out_.data(), out_.size()).bytes != out_.size()) {
    return end(connection.shared_from_this());  // it reads no answers
  }
  if (!text.empty() || !connection.repeats || socket.has_more()) return wake(connection, text);
  connection.deadline = after(options_.idle_max);
}

// Returns how many bytes the request at the start of `text` has; 0: it goes the usual way.
std::size_t HttpServer::answer_at_once(Connection& connection, std::string_view text) {
  QuickHead head;
  fields_.clear();
  if (!read_quickly(text, fields_, head, true)) return 0;
  if (head.version != 11 || head.says_close || !head.has_content_length) return 0;
  if (head.method != connection.method || head.target != connection.path) return 0;
  if (head.content_length > text.size() - head.bytes) return 0;
  std::string_view host;
  std::string_view authorization;
  unsigned hosts = 0;
  for (const auto& field : fields_) {
    if (field.kind == FieldKind::host) {
      host = field.value;
      ++hosts;
    } else if (equal_ignoring_case(field.name, "authorization")) {
      if (!authorization.empty()) return 0;
      authorization = field.value;
    } else if (field.kind != FieldKind::content_length && field.kind != FieldKind::connection &&
               !is_harmless(field.name)) {
      return 0;
    }
  }
  if (hosts != 1 || host != connection.host || authorization != connection.authorization) return 0;
  if (connection.admissions != options_.at_once.admissions()) return 0;
  if (shows_replaced(connection)) return 0;
  const auto bytes = head.bytes + static_cast<std::size_t>(head.content_length);
  ControlResponse response;
  try {
    response = options_.at_once.answer({.method = head.method,
                                        .path = connection.path,
                                        .query = {},
                                        .body = text.substr(head.bytes, bytes - head.bytes),
                                        .authorization = authorization,
                                        .host = host,
                                        .origin = {},
                                        .peer = connection.peer,
                                        .certified = connection.certified,
                                        .caller = connection.caller.get()});
  } catch (const std::exception& exception) {
    log::error("control request failed method={} path={} reason=\"{}\"", head.method, head.target,
               exception.what());
    response = {.status = 500,
                .body = wire::error_document("internal", "this request hit a fault in the master")};
  }
  TANDEM_ASSERT(response.stream == nullptr);
  connection.repeats = response.repeats;
  write_answer(out_, response, date(), head.method, true);
  return bytes;
}

}  // namespace tandem
