// h2_worker.hpp: a worker that speaks HTTP/2 and answers as the test says, in place of an Origin's
// script.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "master/forward/http/h2/session.hpp"
#include "origin.hpp"

namespace tandem::test {

class H2Worker {
 public:
  struct Request {
    std::string method, path, host;
    std::map<std::string, std::string> fields;
    std::string body;
    std::map<std::string, std::string> trailers;
  };
  // One connection of it, on the thread that serves it.
  class Connection;
  // Called when a request is complete.
  using Answer = std::function<void(Connection&, master::h2::Stream&, const Request&)>;

  explicit H2Worker(Answer answer) : answer_(std::move(answer)) {}

  Origin::Script script() {
    return [this](Origin&, RawSocket& socket) { serve(socket); };
  }
  std::vector<Request> requests() const;
  // The codes of streams that were reset by the master.
  std::vector<std::uint32_t> resets() const;

 private:
  friend class Connection;
  void serve(RawSocket& socket);

  Answer answer_;
  mutable std::mutex mutex_;
  std::vector<Request> requests_;
  std::vector<std::uint32_t> resets_;
};

class H2Worker::Connection : public master::h2::SessionEvents {
 public:
  Connection(H2Worker& worker, master::h2::SessionMemory& memory);

  master::h2::Session& session() { return session_; }
  // An answer with content; it stays here until it has been sent.
  void answer(master::h2::Stream& stream, unsigned status, std::string content,
              std::vector<std::pair<std::string, std::string>> fields = {},
              std::vector<std::pair<std::string, std::string>> trailers = {});

 private:
  void on_head(master::h2::Stream& stream, master::h2::PooledHead head, bool ends) override;
  void on_interim(master::h2::Stream&, master::h2::PooledHead) override {}
  void on_content(master::h2::Stream& stream, std::string_view bytes) override;
  void on_trailers(master::h2::Stream& stream, master::h2::PooledHead trailers) override;
  void on_end(master::h2::Stream& stream) override;
  void on_sent(master::h2::Stream&) override {}
  void on_closed(master::h2::Stream& stream, const master::h2::Closure& closure) override;
  void on_goaway(master::h2::StreamId, master::h2::ErrorCode) override {}
  void on_settings() override {}
  void on_ping_answered() override {}

  H2Worker& worker_;
  std::map<master::h2::StreamId, Request> requests_;
  std::map<master::h2::StreamId, std::string> contents_;
  master::h2::Session session_;
};

}  // namespace tandem::test
