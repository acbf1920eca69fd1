#include "tests/e2e/harness/streams_load.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <memory>
#include <utility>

#include "tests/e2e/harness/h2_connection.hpp"

namespace tandem::e2e {

namespace {
constexpr std::uint64_t failed_streams_told = 5;
constexpr Milliseconds unreached_pause{5};  // of a client that finds nobody at an address
}  // namespace

// One client.
class StreamsLoad::Session {
 public:
  Session(StreamsLoad& load, unsigned number)
      : load_(load), next_address_(number), next_request_(number) {}

  void run() {
    while (!load_.stopping_) {
      while (calls() < load_.options_.streams && has_connection()) {
        open(load_.options_.requests[next_request_++ % load_.options_.requests.size()]);
      }
      turn();
    }
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (calls() > 0 && std::chrono::steady_clock::now() < deadline) turn();
    if (calls() > 0) load_.note_failure(fmt::format("{} calls did not end", calls()));
  }

 private:
  std::size_t calls() const {
    std::size_t sum = repeats_.size();
    for (const auto& connection : connections_) sum += connection->calls();
    return sum;
  }

  // The last connection can take a call.
  bool has_connection() {
    if (!connections_.empty() && connections_.back()->can_open()) return true;
    const auto& addresses = load_.options_.addresses;
    auto connection = H2Connection::to(addresses[next_address_++ % addresses.size()]);
    if (connection == nullptr) {
      std::this_thread::sleep_for(unreached_pause);
      return false;
    }
    ++load_.connections_;
    connections_.push_back(std::move(connection));
    return true;
  }

  void open(const StreamsRequest& request) {
    connections_.back()->open(
        {request.method, request.path, request.body},
        [this, &request](const H2Outcome& outcome) { note(request, outcome); });
  }

  void note(const StreamsRequest& request, const H2Outcome& outcome) {
    const auto& answer = outcome.answer;
    if (outcome.unprocessed) {
      ++load_.unprocessed_;
      repeats_.push_back(&request);
    } else if (answer.status == 200 && answer.error.empty() &&
               (request.wanted.empty() || request.wanted == answer.body)) {
      ++load_.answered_;
    } else {
      load_.note_failure(fmt::format("{} {}: {} {}, {} bytes {}", request.method, request.path,
                                     answer.status, answer.error, answer.body.size(),
                                     answer.body.substr(0, answer.status == 200 ? 0 : 300)));
    }
  }

  void turn() {
    std::vector<pollfd> sockets;
    for (const auto& connection : connections_) {
      connection->turn(Milliseconds(0));
      const int events = connection->wants_to_write() ? POLLIN | POLLOUT : POLLIN;
      sockets.push_back({connection->socket(), static_cast<short>(events), 0});
    }
    while (!repeats_.empty() && has_connection()) {
      const auto* request = repeats_.back();
      repeats_.pop_back();
      open(*request);
    }
    std::erase_if(connections_, [](const auto& connection) {
      return connection->calls() == 0 && !connection->can_open();
    });
    const bool has_to_wait = load_.stopping_ || calls() >= load_.options_.streams;
    if (has_to_wait) poll(sockets.data(), sockets.size(), 10);
  }

  StreamsLoad& load_;
  std::size_t next_address_;
  std::size_t next_request_;
  std::vector<const StreamsRequest*> repeats_;
  std::vector<std::unique_ptr<H2Connection>> connections_;  // the last one is for new calls
};

StreamsLoad::StreamsLoad(StreamsLoadOptions options) : options_(std::move(options)) {
  for (unsigned i = 0; i < options_.clients; ++i) clients_.emplace_back([this, i] { run(i); });
}

StreamsLoad::~StreamsLoad() { stop(); }

void StreamsLoad::stop() {
  stopping_ = true;
  for (auto& client : clients_) client.join();
  clients_.clear();
}

void StreamsLoad::run(unsigned client) {
  Session session(*this, client);
  session.run();
}

bool StreamsLoad::await_more(std::uint64_t calls, Milliseconds deadline) const {
  const auto wanted = answered_ + calls;
  return eventually([&] { return answered_ >= wanted; }, deadline);
}

void StreamsLoad::note_failure(const std::string& failure) {
  const auto at = std::chrono::steady_clock::now() - began_;
  const std::lock_guard lock(mutex_);
  if (++failed_ <= failed_streams_told) {
    failures_ += fmt::format("{} ms: {}\n", at / Milliseconds(1), failure);
  }
}

std::string StreamsLoad::failures() const {
  const std::lock_guard lock(mutex_);
  return failures_;
}

}  // namespace tandem::e2e
