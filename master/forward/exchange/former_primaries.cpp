#include "master/forward/exchange/former_primaries.hpp"

#include <string_view>

#include "common/base/assert.hpp"
#include "common/base/own_trouble.hpp"
#include "master/forward/exchange/limits.hpp"
#include "master/forward/io/socket_io.hpp"

namespace tandem::master {

namespace {
constexpr std::string_view question_text =
    "OPTIONS * HTTP/1.1\r\nHost: tandem\r\nMax-Forwards: 0\r\nConnection: close\r\n\r\n";

// A master that drains has closed its listener, and goes on with what it has; one that has ended
// has closed the connection that waits for its answer. Both refuse.
bool is_sign_of_life(const IoResult& result) {
  const auto& error = result.error;
  return result.ok() || error == asio::error::connection_refused ||
         error == asio::error::connection_reset || error == asio::error::eof ||
         is_own_trouble(error.value());
}

}  // namespace

class FormerPrimaries::Question : public IntrusiveListMember<Question> {
 public:
  Question(FormerPrimaries& owner, std::shared_ptr<const Upstream> asked)
      : owner(owner), master(std::move(asked)), connection(owner.reactor_) {
    deadline.on_expiry([](void* self) { static_cast<Question*>(self)->connection.cancel(); }, this);
    owner.wheel_.arm(deadline, limits::superseded_answer_max);
    owner.questions_.push_front(*this);
  }
  ~Question() { owner.questions_.remove(*this); }

  FormerPrimaries& owner;
  const std::shared_ptr<const Upstream> master;
  ByteStream connection;
  Deadline deadline;
};

FormerPrimaries::FormerPrimaries(Reactor& reactor, DeadlineWheel& wheel, Report report)
    : reactor_(reactor), wheel_(wheel), report_(std::move(report)) {}

FormerPrimaries::~FormerPrimaries() { TANDEM_ASSERT(questions_.empty()); }

void FormerPrimaries::ask(std::shared_ptr<const Upstream> master) {
  bool is_asked = stopping_;
  questions_.for_each(
      [&](Question& question) { is_asked = is_asked || question.master == master; });
  if (!is_asked) run(std::make_unique<Question>(*this, std::move(master)));
}

void FormerPrimaries::abort() {
  stopping_ = true;
  questions_.for_each([](Question& question) { question.connection.close(); });
}

Detached FormerPrimaries::run(std::unique_ptr<Question> question) {
  auto& self = *question;
  Buffer answer;
  answer.grow(1024);
  auto connecting = connect(self.connection.socket(), self.master->endpoint());
  IoResult result = co_await connecting;
  if (result.ok()) {
    auto writing = write_all(self.connection, question_text);
    result = co_await writing;
  }
  if (result.ok()) {
    auto reading = read_some(self.connection, answer);
    result = co_await reading;
  }
  self.connection.close();
  auto& owner = self.owner;
  const auto master = self.master;
  question.reset();  // another may be asked from now on
  if (!owner.stopping_) owner.report_(*master, is_sign_of_life(result));
}

}  // namespace tandem::master
