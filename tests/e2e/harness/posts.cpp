#include "tests/e2e/harness/posts.hpp"

#include <fmt/format.h>

#include "tests/e2e/harness/h2_caller.hpp"

namespace tandem::e2e {

Posts::Posts(std::vector<std::string> addresses, unsigned clients, std::string prefix,
             Protocol protocol)
    : addresses_(std::move(addresses)), prefix_(std::move(prefix)), protocol_(protocol) {
  for (unsigned i = 0; i < clients; ++i) clients_.emplace_back([this, i] { run(i); });
}

Posts::~Posts() { stop(); }

void Posts::stop() {
  stopping_ = true;
  for (auto& client : clients_) client.join();
  clients_.clear();
}

void Posts::run(unsigned number) {
  const auto& address = addresses_[number % addresses_.size()];
  Client client(address);
  H2Caller caller(address);
  for (unsigned i = 0; !stopping_; ++i) {
    const auto id = fmt::format("{}-{}-{}", prefix_, number, i);
    Answer answer =
        protocol_ == Protocol::http2 ? caller.send("POST", "/", id) : client.post("/", id);
    if (!answer.error.empty()) answer.status = 0;  // it broke off
    if (answer.status == 200) ++done_;
    {
      const std::lock_guard lock(mutex_);
      outcomes_[id] = answer.status;
    }
    // Nobody is there: a client that does not hurry is as good a witness.
    if (answer.status == 0) std::this_thread::sleep_for(2ms);
  }
}

bool Posts::await_more(std::uint64_t requests, Milliseconds deadline) const {
  const auto wanted = done_ + requests;
  return eventually([&] { return done_ >= wanted; }, deadline);
}

std::string what_is_wrong(const std::map<std::string, int>& outcomes,
                          const std::map<std::string, unsigned>& executed) {
  for (const auto& [id, times] : executed)
    if (times > 1) return fmt::format("{} was executed {} times", id, times);
  for (const auto& [id, status] : outcomes) {
    if (status == 200 && !executed.contains(id))
      return fmt::format("{} was answered 200 and not executed", id);
  }
  return {};
}

}  // namespace tandem::e2e
