#include "tests/e2e/harness/mixed_load.hpp"

#include <fmt/format.h>
#include <httplib.h>

#include <algorithm>

#include "tests/e2e/harness/h2_caller.hpp"
#include "tests/e2e/harness/posts.hpp"

namespace tandem::e2e {

namespace {

constexpr std::size_t short_bytes = 100;
constexpr std::size_t long_bytes = 256 * 1024;
constexpr std::size_t put_bytes_max = 15 * 1024;  // its answer fits into a buffer of the master
constexpr int think_ms_max = 8;
constexpr std::uint64_t failures_told = 5;

std::string digits(std::size_t size) {
  std::string text(size, '0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('0' + i % 10);
  return text;
}

}  // namespace

// One client. Its requests, one after the other.
class MixedLoad::Session {
 public:
  Session(MixedLoad& load, unsigned number, unsigned seed)
      : load_(load),
        number_(number),
        random_(seed),
        client_("http://" + load.address_),
        caller_(load.address_) {
    client_.set_keep_alive(true);
    client_.set_tcp_nodelay(true);
    client_.set_read_timeout(patience);
    client_.set_write_timeout(patience);
  }

  void ask() {
    switch (up_to(9)) {
      case 0: return ask_for("GET", fmt::format("/bytes/{}", long_bytes), {}, digits(long_bytes));
      case 1: return ask_for("GET", fmt::format("/chunked/{}", long_bytes), {}, digits(long_bytes));
      case 2:
      case 3: {
        const auto body = digits(1 + static_cast<std::size_t>(up_to(put_bytes_max - 1)));
        return ask_for("PUT", "/", body, body);
      }
      case 4:
      case 5:
      case 6: return post();
      default:
        return ask_for("GET", fmt::format("/bytes/{}", short_bytes), {}, digits(short_bytes));
    }
  }

  void think() { std::this_thread::sleep_for(Milliseconds(up_to(think_ms_max))); }

 private:
  struct Seen {
    int status = 0;  // 0: no head came
    std::string body;
    std::string error;  // empty: the answer is whole
  };

  int up_to(std::size_t most) {
    return std::uniform_int_distribution<>(0, static_cast<int>(most))(random_);
  }

  Seen send(const std::string& method, const std::string& path, const std::string& body) {
    Seen seen;
    if (load_.protocol_ == Protocol::http2) {
      auto answer = caller_.send(method, path, body);
      return {answer.status, std::move(answer.body), std::move(answer.error)};
    }
    httplib::Request request;
    request.method = method;
    request.path = path;
    request.body = body;
    request.response_handler = [&seen](const httplib::Response& response) {
      seen.status = response.status;
      return true;
    };
    request.content_receiver = [&seen](const char* data, std::size_t size, std::uint64_t,
                                       std::uint64_t) {
      seen.body.append(data, size);
      return true;
    };
    const auto result = client_.send(request);
    if (!result) seen.error = httplib::to_string(result.error());
    return seen;
  }

  void ask_for(const char* method, const std::string& path, const std::string& body,
               const std::string& wanted) {
    const auto began = std::chrono::steady_clock::now();
    const Seen seen = send(method, path, body);
    const auto took =
        std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - began);
    const bool is_long = wanted.size() == long_bytes;
    const bool is_part = seen.body.size() < wanted.size() && wanted.starts_with(seen.body);
    const std::lock_guard lock(load_.mutex_);
    if (seen.status == 200 && seen.error.empty() && seen.body == wanted) {
      load_.latencies_.push_back(took);
    } else if (seen.status == 200 && !seen.error.empty() && is_long && is_part) {
      ++load_.broken_;
    } else {
      load_.note_failure(fmt::format("{} {}: {} after {} ms, {} of {} bytes {} {}", method, path,
                                     seen.status, took.count(), seen.body.size(), wanted.size(),
                                     seen.error,
                                     seen.body.substr(0, seen.status == 200 ? 0 : 200)));
    }
  }

  void post() {
    const auto id = fmt::format("{}-{}", number_, ++posts_);
    const Seen seen = send("POST", "/", id);
    const std::lock_guard lock(load_.mutex_);
    load_.posts_[id] = seen.error.empty() ? seen.status : 0;
  }

  MixedLoad& load_;
  const unsigned number_;
  std::mt19937 random_;
  httplib::Client client_;
  H2Caller caller_;
  unsigned posts_ = 0;
};

MixedLoad::MixedLoad(std::string address, unsigned clients, unsigned seed, Protocol protocol)
    : address_(std::move(address)), protocol_(protocol) {
  for (unsigned i = 0; i < clients; ++i)
    clients_.emplace_back([this, i, seed] { run(i, seed + i); });
}

MixedLoad::~MixedLoad() { stop(); }

void MixedLoad::stop() {
  stopping_ = true;
  for (auto& client : clients_) client.join();
  clients_.clear();
}

void MixedLoad::run(unsigned client, unsigned seed) {
  Session session(*this, client, seed);
  while (!stopping_) {
    session.ask();
    session.think();
  }
}

// REQUIRES: the lock
void MixedLoad::note_failure(const std::string& failure) {
  const auto at = std::chrono::steady_clock::now() - began_;
  if (++failed_ <= failures_told)
    failures_ += fmt::format("{} ms: {}\n", at / Milliseconds(1), failure);
}

Milliseconds MixedLoad::quantile(double part) const {
  if (latencies_.empty()) return {};
  auto sorted = latencies_;
  std::sort(sorted.begin(), sorted.end());
  const auto rank = static_cast<std::size_t>(part * static_cast<double>(sorted.size()));
  return sorted[std::min(rank, sorted.size() - 1)];
}

std::uint64_t MixedLoad::posts_answered() const {
  return static_cast<std::uint64_t>(std::count_if(
      posts_.begin(), posts_.end(), [](const auto& post) { return post.second == 200; }));
}

std::string MixedLoad::wrong_posts(const std::map<std::string, unsigned>& executed) const {
  return what_is_wrong(posts_, executed);
}

}  // namespace tandem::e2e
