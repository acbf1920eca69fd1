#include "h2_worker.hpp"

#include <sys/socket.h>

#include "common/base/clock.hpp"
#include "master/forward/http/h2/session_memory.hpp"

namespace tandem::test {

using master::h2::Session;
using master::h2::Stream;

std::vector<H2Worker::Request> H2Worker::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

std::vector<std::uint32_t> H2Worker::resets() const {
  const std::lock_guard lock(mutex_);
  return resets_;
}

void H2Worker::serve(RawSocket& socket) {
  master::h2::SessionMemory memory;
  Connection connection(*this, memory);
  auto& session = connection.session();
  master::Buffer out;
  out.grow(64 * 1024);
  char bytes[16 * 1024];
  while (!session.is_finished()) {
    const auto got = ::recv(socket.descriptor(), bytes, sizeof bytes, 0);
    if (got <= 0) break;
    session.feed({bytes, static_cast<std::size_t>(got)}, now());
    for (session.pull(out); !out.empty(); session.pull(out)) {
      socket.send(out.view());
      out.clear();
    }
  }
  session.abandon();
}

H2Worker::Connection::Connection(H2Worker& worker, master::h2::SessionMemory& memory)
    : worker_(worker), session_(master::h2::Role::server, memory, *this) {}

void H2Worker::Connection::answer(Stream& stream, unsigned status, std::string content,
                                  std::vector<std::pair<std::string, std::string>> fields,
                                  std::vector<std::pair<std::string, std::string>> trailers) {
  const auto as_fields = [](const auto& pairs) {
    std::vector<Field> all;
    for (const auto& [name, value] : pairs) all.push_back({kind_of(name), name, value});
    return all;
  };
  const bool is_head_alone = content.empty() && trailers.empty();
  session_.send_head(stream, status, as_fields(fields), is_head_alone);
  if (is_head_alone) return;
  auto& kept = contents_[stream.id()] = std::move(content);
  session_.send_content(stream, kept, trailers.empty());
  if (!trailers.empty()) session_.send_trailers(stream, as_fields(trailers));
}

void H2Worker::Connection::on_head(Stream& stream, master::h2::PooledHead head, bool ends) {
  auto& request = requests_[stream.id()];
  request.method = head->method();
  request.path = head->path();
  request.host = head->host();
  for (const auto& field : head->fields()) {
    request.fields.emplace(field.name, field.value);
  }
  if (ends) on_end(stream);
}

void H2Worker::Connection::on_content(Stream& stream, std::string_view bytes) {
  requests_[stream.id()].body += bytes;
  session_.consume(stream, bytes.size());
}

void H2Worker::Connection::on_trailers(Stream& stream, master::h2::PooledHead trailers) {
  for (const auto& field : trailers->fields()) {
    requests_[stream.id()].trailers.emplace(field.name, field.value);
  }
}

void H2Worker::Connection::on_end(Stream& stream) {
  const auto request = requests_[stream.id()];
  {
    const std::lock_guard lock(worker_.mutex_);
    worker_.requests_.push_back(request);
  }
  worker_.answer_(*this, stream, request);
}

void H2Worker::Connection::on_closed(Stream& stream, const master::h2::Closure& closure) {
  requests_.erase(stream.id());
  contents_.erase(stream.id());
  if (!closure.by_peer) return;
  const std::lock_guard lock(worker_.mutex_);
  worker_.resets_.push_back(static_cast<std::uint32_t>(closure.code));
}

}  // namespace tandem::test
