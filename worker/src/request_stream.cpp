#include "worker/src/request_stream.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <utility>

#include "common/http1/field_text.hpp"

namespace tandem {

namespace {

constexpr std::string_view stub = "GET / HTTP/1.1\r\n\r\n";
constexpr const char* content_encoding = "Content-Encoding";

// Fields that cpp-httplib adds itself, and that callers must not be able to set.
constexpr std::array<std::string_view, 4> made_here{"REMOTE_ADDR", "REMOTE_PORT", "LOCAL_ADDR",
                                                    "LOCAL_PORT"};

// The numeric address and port of the socket according to `lookup` (getpeername or getsockname).
void describe(int socket, int (*lookup)(int, sockaddr*, socklen_t*), std::string& ip, int& port) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  char host[NI_MAXHOST];
  char service[NI_MAXSERV];
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (lookup(socket, generic, &size) != 0) return;
  if (getnameinfo(generic, size, host, sizeof host, service, sizeof service,
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return;
  }
  ip = host;
  port = std::atoi(service);
}

bool is_made_here(std::string_view name) {
  return std::any_of(made_here.begin(), made_here.end(),
                     [&](auto made) { return equal_ignoring_case(made, name); });
}

}  // namespace

bool RequestStream::reads_body(std::string_view method) {
  return method == "POST" || method == "PUT" || method == "PATCH" || method == "DELETE";
}

httplib::Request RequestStream::values_of(const RequestHead& head) {
  httplib::Request values;
  values.method = head.method();
  values.target = head.target();
  if (!values.target.starts_with('/') && values.target != "*") values.target.insert(0, "/");
  values.version = head.version() >= 11 ? "HTTP/1.1" : "HTTP/1.0";
  const std::string_view target = values.target;
  const auto query = std::min(target.find('?'), target.size());
  values.path = httplib::detail::decode_url(std::string(target.substr(0, query)), false);
  if (query + 1 < target.size()) {
    httplib::detail::parse_query_text(std::string(target.substr(query + 1)), values.params);
  }
  for (const auto& field : head.fields()) {
    switch (field.kind) {
      case FieldKind::transfer_encoding:  // taken off here
      case FieldKind::content_length:     // one of them, below
      case FieldKind::expect:
      case FieldKind::host: break;
      default:
        if (is_made_here(field.name)) break;
        values.headers.emplace(field.name, field.value);
    }
  }
  if (!head.host().empty()) values.headers.emplace("Host", head.host());
  if (head.expects_continue()) values.headers.emplace("Expect", "100-continue");
  // Without a length cpp-httplib reads to the end of the stream, which ends with the body.
  const bool has_none = head.framing() == Framing::none && reads_body(head.method());
  if (head.has_content_length() || has_none) {
    values.headers.emplace("Content-Length", std::to_string(head.content_length()));
  }
  return values;
}

void RequestStream::take(httplib::Request& request, httplib::Request values) {
  request_ = &request;
  request.method = std::move(values.method);
  request.target = std::move(values.target);
  request.path = std::move(values.path);
  request.version = std::move(values.version);
  request.params = std::move(values.params);
  request.headers.merge(values.headers);
  if (reads_body(request.method) && (!reader_.done() || !gathered_.empty())) {
    hide_content_encoding();
  }
}

void RequestStream::hide_content_encoding() {
  const auto [first, last] = request_->headers.equal_range(content_encoding);
  for (auto field = first; field != last; ++field) {
    encodings_.push_back(field->second);
    for (auto& c : field->second) {
      c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
  }
}

void RequestStream::show_content_encoding() {
  if (encodings_.empty()) return;
  auto field = request_->headers.lower_bound(content_encoding);
  for (auto& encoding : encodings_) (field++)->second = std::move(encoding);
  encodings_.clear();
}

ssize_t RequestStream::read(char* data, std::size_t size) {
  if (request_ == nullptr) {
    const auto copied = std::min(size, stub.size() - stub_read_);
    std::copy_n(stub.data() + stub_read_, copied, data);
    stub_read_ += copied;
    return static_cast<ssize_t>(copied);
  }
  show_content_encoding();
  if (!gathered_.empty()) {
    const auto copied = std::min(size, gathered_.size() - gathered_read_);
    std::copy_n(gathered_.data() + gathered_read_, copied, data);
    gathered_read_ += copied;
    return static_cast<ssize_t>(copied);
  }
  if (continue_awaited_ && reader_.awaits_body() && !writer_.send_continue()) return -1;
  continue_awaited_ = false;
  return reader_.read_content({data, size});
}

ssize_t RequestStream::write(const char* data, std::size_t size) {
  // Sent only when a handler wants the body.
  if (!writer_.started() && std::string_view(data, size).starts_with("HTTP/1.1 100 ")) {
    continue_awaited_ = true;
    return static_cast<ssize_t>(size);
  }
  // For a malformed, too long or too slow body our own answer is sent, not cpp-httplib's.
  if (reader_.failed()) return static_cast<ssize_t>(size);
  if (!writer_.started() && !reader_.consumed()) writer_.close_after();
  return writer_.write({data, size}) ? static_cast<ssize_t>(size) : -1;
}

void RequestStream::get_remote_ip_and_port(std::string& ip, int& port) const {
  describe(io_.socket(), ::getpeername, ip, port);
}

void RequestStream::get_local_ip_and_port(std::string& ip, int& port) const {
  describe(io_.socket(), ::getsockname, ip, port);
}

// cpp-httplib only checks the number, to refuse descriptors that select() cannot handle; select()
// is not used here.
socket_t RequestStream::socket() const { return io_.socket() < FD_SETSIZE ? io_.socket() : -1; }

}  // namespace tandem
