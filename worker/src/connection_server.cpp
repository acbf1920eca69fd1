#include "worker/src/connection_server.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "common/access/last_day.hpp"
#include "common/base/clock.hpp"
#include "common/http1/field_text.hpp"
#include "common/http1/limits.hpp"
#include "worker/src/limits.hpp"
#include "worker/src/listening_socket.hpp"
#include "worker/src/request_stream.hpp"

namespace tandem {

namespace {

Duration as_duration(time_t seconds, time_t microseconds) {
  return std::chrono::seconds(seconds) + std::chrono::microseconds(microseconds);
}

// The methods that cpp-httplib has routes for.
bool is_routed(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" ||
         RequestStream::reads_body(method);
}

const Refusal no_master{403, "not_a_master", "You are no master of this cluster."};

// Numeric; empty: it has gone.
std::string peer_host_of(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  char host[NI_MAXHOST];
  if (::getpeername(socket, generic, &size) != 0) return {};
  if (::getnameinfo(generic, size, host, sizeof host, nullptr, 0, NI_NUMERICHOST) != 0) return {};
  return host;
}

// The response to the request that this thread is serving.
thread_local ResponseWriter* current_writer = nullptr;
thread_local Instant current_arrival;

}  // namespace

ConnectionServer::ConnectionServer() {
  set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
    // An expectation was declined, but cpp-httplib continues nevertheless.
    if (current_writer->started()) return HandlerResponse::Handled;
    for (const auto& hook : hooks_) {
      if (hook(request, response)) return HandlerResponse::Handled;
    }
    return HandlerResponse::Unhandled;
  });
  set_keep_alive_max_count(limits::worker_requests_max);
  set_keep_alive_timeout(std::chrono::seconds(limits::worker_idle_max).count());
  set_read_timeout(limits::body_idle_max);
  set_write_timeout(limits::body_idle_max);
  set_payload_max_length(limits::worker_body_bytes_max);
}

void ConnectionServer::before_request(Hook hook) {
  TANDEM_ASSERT(stop_event_ < 0);
  hooks_.push_back(std::move(hook));
}

void ConnectionServer::reserve(unsigned masters, IsMaster is_master) {
  TANDEM_ASSERT(stop_event_ < 0);
  master_slots_ = masters;
  is_master_ = std::move(is_master);
}

void ConnectionServer::secure(tls::CurrentCredentialsPtr credentials, Belongs belongs) {
  TANDEM_ASSERT(stop_event_ < 0);
  credentials_ = std::move(credentials);
  belongs_ = std::move(belongs);
}

ConnectionServer::~ConnectionServer() {
  stop(Duration::zero());
  if (stop_event_ >= 0) ::close(stop_event_);
  if (turn_event_ >= 0) ::close(turn_event_);
}

Result<Endpoint> ConnectionServer::open(const Endpoint& address, unsigned connections_max) {
  TANDEM_ASSERT(stop_event_ < 0);
  stop_event_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  turn_event_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  const int listener = stop_event_ < 0 || turn_event_ < 0 ? -1 : listen_on(address);
  if (listener < 0) {
    return fail(ErrorCode::io,
                fmt::format("cannot listen on {}: {}", address.to_string(), std::strerror(errno)));
  }
  svr_sock_ = listener;
  {
    const Lock lock(mutex_);
    slots_.emplace(
        CallerSlots::Capacity{.direct = connections_max,
                              .masters = master_slots_,
                              .newcomers = limits::worker_newcomers_max + master_slots_});
  }
  try {
    acceptor_ = std::thread([this] { accept_connections(); });
  } catch (const std::system_error& error) {
    return fail(ErrorCode::io, fmt::format("no thread to accept connections: {}", error.what()));
  }
  return Endpoint{address.host, port_of(listener)};
}

void ConnectionServer::stop(Duration patience) {
  if (stopping_.exchange(true) || stop_event_ < 0) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(stop_event_, &one, sizeof one);
  {
    const Lock lock(mutex_);
    work_.notify_all();
  }
  if (acceptor_.joinable()) acceptor_.join();
  // Refuses new callers; the descriptor stays, because cpp-httplib aborts streams when it is gone.
  if (svr_sock_ != INVALID_SOCKET) ::shutdown(svr_sock_, SHUT_RDWR);
  std::vector<ServiceThread> threads;
  {
    Lock lock(mutex_);
    const auto is_empty = [this]() TANDEM_REQUIRES(mutex_) { return slots_->empty(); };
    if (slots_ && !freed_.wait_for(lock.native(), patience, is_empty)) slots_->shut_down_all();
    threads.swap(threads_);
  }
  for (auto& thread : threads) thread.join();
  const int listener = svr_sock_.exchange(INVALID_SOCKET);
  if (listener >= 0) ::close(listener);
}

std::uint64_t ConnectionServer::turns() {
  ::eventfd_write(turn_event_, 1);
  return turns_.load(std::memory_order_relaxed);
}

void ConnectionServer::accept_connections() {
  pthread_setname_np(pthread_self(), "accept");
  pollfd watched[3] = {{svr_sock_, POLLIN, 0}, {stop_event_, POLLIN, 0}, {turn_event_, POLLIN, 0}};
  while (!stopping_) {
    if (::poll(watched, 3, -1) >= 0 && watched[1].revents != 0) return;
    if (watched[2].revents != 0) {
      eventfd_t asked = 0;
      ::eventfd_read(turn_event_, &asked);
      turns_.fetch_add(1, std::memory_order_relaxed);
    }
    const int socket = ::accept4(svr_sock_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket >= 0) {
      const int on = 1;
      ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      hand_over(socket);
    } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
      // Something is short: an idle connection gives it back. Until then, avoid spinning.
      {
        const Lock lock(mutex_);
        slots_->evict_one();
      }
      ::poll(&watched[1], 1, 10);
    }
  }
}

void ConnectionServer::hand_over(int socket) {
  const Lock lock(mutex_);
  accepted_.push_back(slots_->add(socket));
  // Skips connections that had to give way before a thread took them.
  while (accepted_.front()->state == CallerSlots::State::evicted) {
    close(accepted_.front());
    accepted_.pop_front();
  }
  const auto threads_max = slots_->capacity().total();
  if (slots_->size() > threads_.size() && threads_.size() < threads_max) {
    ServiceThread thread([this] { serve_connections(); });
    if (thread.joinable()) {
      threads_.push_back(std::move(thread));
    } else if (threads_.empty()) {
      close(accepted_.back());
      accepted_.pop_back();
      return;
    } else {
      // The system gives no more threads: an idle connection gives one back.
      slots_->evict_one();
    }
  }
  work_.notify_one();
}

// Under the lock, so that nobody shuts down a descriptor that is already reused.
void ConnectionServer::close(CallerSlots::Handle connection) {
  const int socket = connection->socket;
  slots_->remove(connection);
  ::close(socket);
  freed_.notify_all();
}

void ConnectionServer::serve_connections() {
  Lock lock(mutex_);
  for (;;) {
    work_.wait(lock.native(),
               [this]() TANDEM_REQUIRES(mutex_) { return !accepted_.empty() || stopping_; });
    if (accepted_.empty()) return;
    const auto connection = accepted_.front();
    accepted_.pop_front();
    lock.unlock();
    serve_requests(connection);
    lock.lock();
    close(connection);
  }
}

void ConnectionServer::serve_requests(CallerSlots::Handle connection) {
  ConnectionIo io(connection->socket, stop_event_,
                  {as_duration(read_timeout_sec_, read_timeout_usec_),
                   as_duration(write_timeout_sec_, write_timeout_usec_)});
  if (credentials_ && !io.secure(credentials_->get(), limits::worker_handshake_max)) {
    if (!io.failure().empty()) refusals_.refused(peer_host_of(io.socket()), io.failure(), now());
    return;
  }
  RequestReader reader(io);
  ResponseWriter writer(io);
  for (auto left = keep_alive_max_count_; left > 0; --left) {
    if (!io.wait_for_request(as_duration(keep_alive_timeout_sec_, 0))) return;
    const auto head = reader.read_head();
    if (head == RequestReader::Head::gone || !is_admitted_still(io)) return;
    const bool refused = head == RequestReader::Head::refused;
    const bool left_out = !refused && is_left_out(io);
    writer.begin(reader.head().is_head(),
                 refused || left_out || left == 1 || stopping_ || !reader.head().keep_alive());
    if (refused || left_out) {
      writer.refuse(refused ? reader.refusal() : no_master);
      return io.close_gracefully();
    }
    if (!admit_request(connection, {io, reader, writer})) return;
  }
}

// Certificates end, and are revoked, while connections are open.
bool ConnectionServer::is_admitted_still(const ConnectionIo& io) const {
  if (!io.peer()) return true;
  return tls::why_not(*io.peer(), *credentials_->get(), access::wall_time()).empty();
}

// The certificate is one of a master that has been removed, or is yet to be added.
bool ConnectionServer::is_left_out(const ConnectionIo& io) const {
  return io.peer() && io.peer()->identity.kind == tls::Kind::master &&
         !belongs_(io.peer()->identity.name);
}

bool ConnectionServer::is_from_master(const ConnectionIo& io,
                                      const httplib::Request& values) const {
  if (io.peer()) return io.peer()->identity.kind == tls::Kind::master;
  return is_master_ && is_master_(values);
}

// Removes fields that only masters may send from other callers' requests. In clear text the fence
// checks two of them itself; over TLS nobody else has a word to say, not even with a worker's key.
void ConnectionServer::drop_claims(httplib::Headers& headers) const {
  const bool by_certificate = credentials_ != nullptr;
  std::erase_if(headers, [by_certificate](const auto& field) {
    const std::string_view name = field.first;
    if (by_certificate && (equal_ignoring_case(name.substr(0, 12), "x-forwarded-") ||
                           equal_ignoring_case(name, "forwarded"))) {
      return true;
    }
    const bool is_ours = equal_ignoring_case(name.substr(0, 7), "tandem-");
    return is_ours && (by_certificate || (!equal_ignoring_case(name, "tandem-term") &&
                                          !equal_ignoring_case(name, "tandem-challenge")));
  });
}

Instant ConnectionServer::arrival_of_current() { return current_arrival; }

// A head has arrived. True: another may follow on the connection.
bool ConnectionServer::admit_request(CallerSlots::Handle connection, const Exchange& exchange) {
  current_arrival = now();
  auto values = RequestStream::values_of(exchange.reader.head());
  const bool from_master = is_from_master(exchange.io, values);
  if ((is_master_ || credentials_) && !from_master) drop_claims(values.headers);
  auto admission = CallerSlots::Admission::evicted;
  {
    const Lock lock(mutex_);
    admission = slots_->begin_request(connection, from_master);
  }
  if (admission == CallerSlots::Admission::evicted) return false;
  exchange.reader.begin_body(payload_max_length_);
  if (admission == CallerSlots::Admission::full) {
    exchange.writer.close_after();
    return refuse(exchange, {503, "busy", "All places for direct callers are taken."});
  }
  in_flight_.fetch_add(1, std::memory_order_relaxed);
  const bool goes_on = serve_request(exchange, std::move(values));
  in_flight_.fetch_sub(1, std::memory_order_relaxed);
  const Lock lock(mutex_);
  slots_->end_request(connection);
  return goes_on;
}

bool ConnectionServer::serve_request(const Exchange& exchange, httplib::Request values) {
  auto& [io, reader, writer] = exchange;
  if (!is_routed(values.method)) {
    return refuse(exchange, {501, "not_implemented", "This method is not known here."});
  }
  if (reader.head().content_length() > payload_max_length_) {
    writer.close_after();
    return refuse(exchange,
                  {413, "content_too_large", "The request body is longer than this worker takes."});
  }
  RequestStream stream(io, reader, writer);
  if (!gather(exchange, stream, values)) return refuse(exchange, reader.refusal());
  bool whole = false;
  current_writer = &writer;
  try {
    bool closed_by_caller = false;
    whole = process_request(
        stream, writer.closes(), closed_by_caller,
        [&](httplib::Request& request) { stream.take(request, std::move(values)); });
  } catch (...) {
    // Thrown by a handler around which cpp-httplib has no guard: one for errors or for logging.
    writer.close_after();
    if (!writer.started() && !reader.failed()) {
      writer.refuse({500, "internal_error", "The service failed."});
    }
  }
  if (reader.failed() && !writer.started()) return refuse(exchange, reader.refusal());
  const bool goes_on = writer.finish(whole) && reader.consumed();
  if (writer.misleads()) {
    io.abort();
  } else if (!goes_on) {
    io.close_gracefully();
  }
  return goes_on;
}

// Reads the bodies that cpp-httplib would leave unread: with GET and similar methods, where nobody
// wants them, and chunked ones with DELETE. False: see the reader's refusal.
bool ConnectionServer::gather(const Exchange& exchange, RequestStream& stream,
                              httplib::Request& values) {
  auto& reader = exchange.reader;
  const bool waits = reader.head().expects_continue() && reader.awaits_body();
  if (!RequestStream::reads_body(values.method)) {
    if (!waits) reader.drop_content(limits::worker_dropped_bytes_max);
  } else if (values.method == "DELETE" && reader.head().framing() == Framing::chunked) {
    if (waits && !exchange.writer.send_continue()) return true;  // broken: all writing fails
    std::string content;
    if (reader.read_all(content)) {
      values.headers.emplace("Content-Length", std::to_string(content.size()));
      stream.use_gathered(std::move(content));
    }
  }
  return !reader.failed();
}

// Answers in place of the service. True: the connection can be reused.
bool ConnectionServer::refuse(const Exchange& exchange, const Refusal& refusal) {
  if (!exchange.reader.consumed()) exchange.writer.close_after();
  exchange.writer.refuse(refusal);
  const bool goes_on = exchange.writer.finish(true);
  if (!goes_on) exchange.io.close_gracefully();
  return goes_on;
}

}  // namespace tandem
