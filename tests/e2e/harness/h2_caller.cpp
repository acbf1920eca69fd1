#include "tests/e2e/harness/h2_caller.hpp"

#include <optional>
#include <utility>

#include "tests/e2e/harness/h2_connection.hpp"

namespace tandem::e2e {

H2Caller::H2Caller(std::string address, Milliseconds timeout)
    : address_(std::move(address)), timeout_(timeout) {}
H2Caller::~H2Caller() = default;
H2Caller::H2Caller(H2Caller&&) noexcept = default;

Answer H2Caller::send(const std::string& method, const std::string& path, const std::string& body,
                      const Headers& headers) {
  std::optional<H2Outcome> outcome;
  for (int tries = 0; tries < 4; ++tries) {
    // What the server has said in the meantime.
    if (connection_ != nullptr) connection_->turn(Milliseconds(0));
    if (connection_ == nullptr || !connection_->can_open()) {
      connection_ = H2Connection::to(address_);
      if (connection_ == nullptr) {
        Answer nobody;
        nobody.error = "Connection";
        nobody.unconnected = true;
        return nobody;
      }
    }
    outcome.reset();
    connection_->open({method, path, body, headers},
                      [&outcome](H2Outcome result) { outcome = std::move(result); });
    while (!outcome && connection_->turn(timeout_)) {
    }
    if (!outcome) {
      connection_.reset();
      outcome.emplace().answer.error = "Timeout";
    }
    if (!outcome->unprocessed) break;
  }
  return outcome->answer;
}

}  // namespace tandem::e2e
