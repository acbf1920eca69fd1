#include "common/cluster/peer_link.hpp"

#include <algorithm>

#include <boost/asio.hpp>

#include "common/access/last_day.hpp"
#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "common/base/token_file.hpp"
#include "common/cluster/limits.hpp"
#include "common/http/answer_reader.hpp"
#include "common/http/channel.hpp"
#include "common/http/stream_socket.hpp"
#include "common/wire/error_document.hpp"
#include "common/wire/limits.hpp"
#include "common/wire/unreached.hpp"

namespace tandem::cluster {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

// Enough to keep a disk at the other end busy; a peer that does not answer is not sent more.
constexpr unsigned unanswered_max = 4;

// The pause before the second attempt to reconnect; it doubles before each further attempt.
constexpr Duration first_pause = 100us;

bool carries_snapshot(const core::Message& message) {
  if (std::holds_alternative<core::InstallSnapshot>(message.body)) return true;
  const auto* excerpt = std::get_if<core::LogExcerpt>(&message.body);
  return excerpt != nullptr && excerpt->snapshot != nullptr;
}

}  // namespace

PeerLink::PeerLink(asio::io_context& loop, PeerLinkOptions options, Hooks hooks)
    : loop_(loop),
      options_(std::move(options)),
      hooks_(std::move(hooks)),
      socket_(loop),
      watch_(loop),
      wake_(loop),
      pause_(loop) {
  if (options_.address.is_numeric()) addresses_.push_back(options_.address);
}

PeerLink::PeerLink(asio::io_context& loop, PeerLinkOptions options, Hooks hooks,
                   DetachedChannel&& made)
    : loop_(loop),
      options_(std::move(options)),
      hooks_(std::move(hooks)),
      addresses_{options_.address},
      socket_(loop, std::move(made)),
      watch_(loop),
      wake_(loop),
      pause_(loop),
      accepted_(true) {}

void PeerLink::start() {
  auto self = shared_from_this();
  auto running = accepted_ ? run_accepted(std::move(self)) : run(std::move(self));
  asio::co_spawn(loop_, std::move(running), asio::detached);
}

void PeerLink::send(core::Message message) {
  if (stopped_) return;
  if (queue_.size() >= limits::link_messages_max) queue_.pop_front();
  queue_.push_back(std::move(message));
  wake_.cancel();
}

void PeerLink::greet() {
  if (stopped_ || !socket_.is_open()) return;
  greeting_ = true;
  wake_.cancel();
}

void PeerLink::stop() {
  stopped_ = true;
  hooks_ = {};
  pause_.cancel();
  close();
}

void PeerLink::close() {
  socket_.close();
  watch_.cancel();
  wake_.cancel();
}

asio::awaitable<void> PeerLink::run(std::shared_ptr<PeerLink> self) {
  while (!stopped_) {
    auto connecting = connect();
    const bool connected = co_await std::move(connecting);
    if (stopped_) break;
    if (connected) {
      auto conversing = converse(self);
      co_await std::move(conversing);
    }
    queue_.clear();
    if (connected && !stopped_) hooks_.lost();
    // Reconnects at once after a loss, and then after short pauses, because a peer whose process is
    // ending refuses connections in a moment (its listener is usually closed before its
    // connections, see stream_socket.hpp).
    if (failures_ > 0 && !stopped_) {
      const auto delay =
          std::min<Duration>(first_pause * (1 << std::min(failures_ - 1, 10u)), options_.retry);
      error_code ignored;
      pause_.expires_after(delay);
      co_await pause_.async_wait(keeping(ignored));
    }
    ++failures_;
  }
}

// Once connected, until the connection ends.
asio::awaitable<void> PeerLink::converse(std::shared_ptr<PeerLink> self) {
  ++connection_;
  unanswered_ = 0;
  greeting_ = options_.greets;
  asio::co_spawn(loop_, write_messages(std::move(self), connection_), asio::detached);
  auto reading = read_answers();
  co_await std::move(reading);
  close();
}

asio::awaitable<void> PeerLink::run_accepted(std::shared_ptr<PeerLink> self) {
  auto conversing = converse(self);  // a copy: what follows is no longer this one's otherwise
  co_await std::move(conversing);
  queue_.clear();
  if (!stopped_) hooks_.lost();
  if (stopped_) co_return;
  const auto ended = hooks_.ended;  // a copy: the owner lets go of this one
  ended(*this);
}

void PeerLink::set_addresses(std::vector<Endpoint> addresses) {
  const auto current = address();
  addresses_ = std::move(addresses);
  const auto place = std::find(addresses_.begin(), addresses_.end(), current.value_or(Endpoint()));
  if (place != addresses_.end()) std::rotate(addresses_.begin(), place, place + 1);
  pause_.cancel();
}

std::optional<Endpoint> PeerLink::address() const {
  return addresses_.empty() ? std::nullopt : std::optional(addresses_.front());
}

asio::awaitable<bool> PeerLink::connect() {
  const Instant attempted = now();
  const auto addresses = addresses_;  // a copy: addresses_ may change meanwhile
  bool refused = !addresses.empty();
  std::string why = "its name has no address";
  for (const auto& address : addresses) {
    auto connecting = connect_to(address);
    const auto error = co_await std::move(connecting);
    if (!error) {
      const auto place = std::find(addresses_.begin(), addresses_.end(), address);
      if (place != addresses_.end()) std::rotate(addresses_.begin(), place, place + 1);
      co_return true;
    }
    if (stopped_) co_return false;
    refused = refused && error == asio::error::connection_refused;
    why = error == asio::error::operation_aborted ? "does not answer" : socket_.reason(error);
    if (!not_peer_.empty()) why = std::exchange(not_peer_, {});
  }
  set_trouble(std::move(why));
  if (refused) hooks_.refused(attempted);
  co_return false;
}

asio::awaitable<error_code> PeerLink::connect_to(Endpoint numeric) {
  socket_.close();
  if (!options_.credentials && !may_be_clear(options_.clear_text, numeric)) {
    not_peer_ = fmt::format("it is beyond this machine, and would be spoken to in clear text: {}",
                            way_out_of_clear_text(tls::ToldBy::flags));
    co_return boost::system::errc::make_error_code(boost::system::errc::operation_not_permitted);
  }
  watch_.expires_after(options_.patience);
  watch_.async_wait([self = shared_from_this()](error_code expired) {
    if (!expired) self->socket_.close();
  });
  auto connecting = connect_stream(socket_.socket(), std::move(numeric));
  auto error = co_await std::move(connecting);
  if (!error && options_.credentials) {
    auto securing = secure();
    error = co_await std::move(securing);
  }
  watch_.cancel();
  if (error) close();
  co_return error;
}

asio::awaitable<error_code> PeerLink::secure() {
  auto securing = socket_.secure_now(options_.credentials->get(), tls::Side::calls);
  auto error = co_await std::move(securing);
  if (error || stopped_) co_return error;
  const auto& identity = socket_.peer()->identity;
  if (hooks_.is_peer(identity)) co_return error;
  not_peer_ = fmt::format("{} is there instead", identity.id());
  co_return boost::system::errc::make_error_code(boost::system::errc::protocol_error);
}

// The peer may have lost its certificate, or the authority of it, since the connection was made. If
// this member's own was replaced the peer has to see the new one, so that it can be revoked.
bool PeerLink::is_still_good() {
  if (!options_.credentials || !socket_.peer()) return true;
  const auto current = options_.credentials->get();
  auto why = why_not(*socket_.peer(), *current, access::wall_time());
  if (why.empty()) return socket_.credentials()->shows_the_same(*current);
  set_trouble(std::move(why));
  return false;
}

// Until there is something to send, or it is time to say something, or to look at the peer.
asio::awaitable<void> PeerLink::wait_to_write(std::uint64_t connection) {
  if (accepted_) {
    wake_.expires_after(limits::link_greeted_every);
  } else if (options_.credentials) {
    wake_.expires_after(limits::link_judged_every);
  } else {
    wake_.expires_at(Timer::time_point::max());
  }
  error_code error;
  co_await wake_.async_wait(keeping(error));
  if (error || connection != connection_ || stopped_) co_return;
  greeting_ = greeting_ || accepted_;
  if (!is_still_good()) close();
}

asio::awaitable<void> PeerLink::read_answers() {
  AnswerReader reader;
  while (!stopped_) {
    error_code error;
    auto reading = read_answer(socket_, reader, error);
    const auto status = co_await std::move(reading);
    if (status != AnswerReader::Status::complete) {
      // What the other end has against this one's certificate is told by the first answer.
      if (!stopped_ && !socket_.failure().empty()) set_trouble(socket_.failure());
      co_return;
    }
    if (unanswered_ == 0) co_return;  // the answer to no request
    --unanswered_;
    failures_ = 0;
    note_answer(reader.answer().status, reader.answer().body);
    if (!reader.answer().keep_alive) co_return;
    unanswered_ == 0 ? void(watch_.cancel()) : expect_answer();
    wake_.cancel();
  }
}

void PeerLink::note_answer(unsigned status, const std::string& body) {
  set_trouble(status == 204 ? std::string()
                            : fmt::format("refuses messages, status {}: {}", status,
                                          wire::error_message(body)));
}

// A broken connection alone is not reported as trouble: it is made again at once.
void PeerLink::set_trouble(std::string trouble) {
  if (trouble == trouble_) return;
  trouble_ = std::move(trouble);
  const auto where =
      accepted_ ? options_.address.host : address().value_or(options_.address).to_string();
  if (trouble_->empty()) {
    log::info("member reached node={} address={}", options_.peer, where);
  } else {
    log::warn("member not reached node={} address={} reason=\"{}\"", options_.peer, where,
              *trouble_);
  }
}

void PeerLink::expect_answer() {
  watch_.expires_after(options_.patience);
  watch_.async_wait([self = shared_from_this(), connection = connection_](error_code expired) {
    if (expired || connection != self->connection_) return;
    self->set_trouble("does not answer");
    self->close();
  });
}

asio::awaitable<void> PeerLink::write_messages(std::shared_ptr<PeerLink> self,
                                               std::uint64_t connection) {
  const auto is_current = [&] { return connection == self->connection_ && !self->stopped_; };
  while (is_current() && socket_.is_open()) {
    error_code error;
    if ((queue_.empty() && !greeting_) || unanswered_ >= unanswered_max) {
      auto waiting = wait_to_write(connection);
      co_await std::move(waiting);
      continue;
    }
    if (!is_still_good()) co_return close();
    const std::string request = next_request();
    if (unanswered_++ == 0) expect_answer();
    co_await asio::async_write(socket_, asio::buffer(request), keeping(error));
    if (error && is_current()) close();
  }
}

// All waiting messages; a snapshot is sent alone, because it may be as large as a request can be.
std::string PeerLink::next_request() {
  TANDEM_ASSERT(!queue_.empty() || greeting_);
  greeting_ = false;
  auto envelope = hooks_.envelope();
  while (!queue_.empty() && envelope.messages.size() < limits::envelope_messages_max) {
    const bool alone = carries_snapshot(queue_.front());
    if (alone && !envelope.messages.empty()) break;
    envelope.messages.push_back(std::move(queue_.front()));
    queue_.pop_front();
    if (alone) break;
  }
  const auto body = wire::to_json(envelope);
  const auto token = hooks_.token();
  const auto authorization =
      token.empty() ? std::string{} : fmt::format("Authorization: {}\r\n", bearer(token));
  const auto unreached = wire::unreached_to_string(envelope.unreached);
  const auto says_unreached = unreached.empty()
                                  ? std::string{}
                                  : fmt::format("{}: {}\r\n", wire::unreached_field, unreached);
  return fmt::format(
      "POST /cluster/messages HTTP/1.1\r\nHost: {}\r\n{}{}{}: {}\r\n"
      "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
      address().value_or(options_.address).to_string(), authorization, says_unreached,
      wire::features_field, wire::to_string(envelope.features), body.size(), body);
}

}  // namespace tandem::cluster
