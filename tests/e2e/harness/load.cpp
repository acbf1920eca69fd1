#include "tests/e2e/harness/load.hpp"

#include "tests/e2e/harness/h2_caller.hpp"

namespace tandem::e2e {

Load::Load(std::string address, unsigned clients, std::string path, WhenClosed when_closed,
           Protocol protocol)
    : address_(std::move(address)),
      path_(std::move(path)),
      when_closed_(when_closed),
      protocol_(protocol) {
  for (unsigned i = 0; i < clients; ++i) clients_.emplace_back([this] { run(); });
}

Load::~Load() { stop(); }

void Load::stop() {
  stopping_ = true;
  for (auto& client : clients_) client.join();
  clients_.clear();
}

void Load::run() {
  Client client(address_);
  H2Caller caller(address_);
  const auto ask = [&] {
    Answer answer =
        protocol_ == Protocol::http2 ? caller.send("GET", path_, {}) : client.get(path_);
    if (!answer.error.empty()) answer.status = 0;  // it broke off
    return answer;
  };
  bool is_kept = false;  // the connection has carried an answer
  while (!stopping_) {
    Answer answer = ask();
    const bool closed = answer.status == 0 && answer.error == "Read";
    if (closed && is_kept && when_closed_ == WhenClosed::asks_again) answer = ask();
    is_kept = answer.status == 200;
    if (answer.status == 200) {
      ++answered_;
      continue;
    }
    ++failed_;
    const std::lock_guard lock(mutex_);
    if (first_failure_.empty())
      first_failure_ = std::to_string(answer.status) + " " + answer.error + answer.body;
  }
}

bool Load::await_more(std::uint64_t requests, Milliseconds deadline) const {
  const auto wanted = answered_ + failed_ + requests;
  return eventually([&] { return answered_ + failed_ >= wanted; }, deadline);
}

std::string Load::first_failure() const {
  const std::lock_guard lock(mutex_);
  return first_failure_;
}

}  // namespace tandem::e2e
