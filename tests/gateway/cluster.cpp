#include "cluster.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/wire/term_proof.hpp"

namespace tandem::test {

std::string post(std::string_view body) {
  return fmt::format("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{}", body.size(),
                     body);
}

std::string code_of(const Message& answer) {
  return nlohmann::json::parse(answer.body).at("error").at("code");
}

Origin::Script frozen() {
  return [](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.read_to_end();
  };
}

Origin::Script killed() {
  return [](Origin& self, RawSocket& socket) { self.receive(socket); };
}

std::string not_primary() {
  return "HTTP/1.1 503 Service Unavailable\r\nTandem-Not-Primary: 1\r\nContent-Length: 2\r\n\r\n{}";
}

std::uint16_t closed_port() {
  Origin gone([](Origin&, RawSocket&) {});
  return gone.port();
}

std::string proof_of(std::uint64_t term) { return wire::proven_term(Term(term), worker_key); }

Origin::Script PromisingWorker::script() {
  return [this](Origin& self, RawSocket& socket) {
    for (;;) {
      const auto request = self.receive(socket);
      socket.send(answer_to(request));
    }
  };
}

std::string PromisingWorker::answer_to(const Message& request) {
  const std::lock_guard lock(mutex_);
  const auto sent = request.field("Tandem-Term");
  if (sent.empty() || std::stoull(sent) < promised_) {
    return fmt::format("HTTP/1.1 409 Conflict\r\nTandem-Term: {}\r\nContent-Length: 2\r\n\r\n{{}}",
                       proof_of(promised_));
  }
  promised_ = std::stoull(sent);
  last_term_ = sent;
  ++executions_;
  ++executed_[request.body];
  return ok("done");
}

std::size_t PromisingWorker::executions(const std::string& body) const {
  const std::lock_guard lock(mutex_);
  const auto found = executed_.find(body);
  return found == executed_.end() ? 0 : found->second;
}

std::size_t PromisingWorker::executions() const {
  const std::lock_guard lock(mutex_);
  return executions_;
}

std::string PromisingWorker::last_term() const {
  const std::lock_guard lock(mutex_);
  return last_term_;
}

}  // namespace tandem::test
