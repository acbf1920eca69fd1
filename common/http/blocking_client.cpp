#include "common/http/blocking_client.hpp"

#include <algorithm>

#include <boost/asio.hpp>
#include <fmt/format.h>

#include "common/access/last_day.hpp"
#include "common/base/clock.hpp"
#include "common/http/channel.hpp"
#include "common/http/stream_socket.hpp"

namespace tandem {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using End = HttpOutcome::End;

namespace {

std::string text_of(const HttpRequest& request, const Endpoint& host) {
  const bool has_length = !request.body.empty() || request.method == "POST" ||
                          request.method == "PUT" || request.method == "PATCH";
  return fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n{}{}\r\n{}", request.method, request.target,
                     host.to_string(), request.fields,
                     has_length ? fmt::format("Content-Length: {}\r\n", request.body.size()) : "",
                     request.body);
}

}  // namespace

class BlockingClient::Body {
 public:
  Body(Endpoint server, BlockingClientOptions options)
      : server_(std::move(server)),
        options_(std::move(options)),
        channel_(loop_),
        deadline_(loop_) {}

  HttpOutcome ask(const HttpRequest& request) {
    began_ = now();
    const bool reused = channel_.is_open();
    auto outcome = once(request);
    if (reused && outcome.end == End::broken && !outcome.begun &&
        now() - began_ < std::min(options_.answer_max, options_.ask_max)) {
      outcome = once(request);
    }
    return outcome;
  }

 private:
  HttpOutcome once(const HttpRequest& request) {
    HttpOutcome outcome;
    outcome.address = server_;
    loop_.restart();
    asio::co_spawn(loop_, run(request, outcome), asio::detached);
    loop_.run();
    if (!outcome.answered() || !outcome.answer.keep_alive) channel_.close();
    return outcome;
  }

  void limit(Duration time) {
    was_late_ = false;
    const auto left = std::max(Duration::zero(), options_.ask_max - (now() - began_));
    deadline_.expires_after(std::min(time, left));
    deadline_.async_wait([this](error_code error) {
      if (error) return;
      was_late_ = true;
      channel_.close();
    });
  }

  asio::awaitable<void> run(const HttpRequest& request, HttpOutcome& outcome) {
    bool connected = channel_.is_open() && is_current();
    if (!connected) {
      auto connecting = connect(outcome);
      connected = co_await std::move(connecting);
    }
    if (connected) {
      limit(options_.answer_max);
      auto exchanging = exchange(request, outcome);
      co_await std::move(exchanging);
    }
    deadline_.cancel();
  }

  // The kept connection was made with the credentials that count now, and its server's certificate
  // has not ended since.
  bool is_current() const {
    if (!options_.credentials) return true;
    const auto now_counting = options_.credentials->get();
    return now_counting == credentials_ && channel_.peer() &&
           tls::why_not(*channel_.peer(), *now_counting, access::wall_time()).empty();
  }

  asio::awaitable<bool> connect(HttpOutcome& outcome) {
    channel_.close();
    outcome.end = End::unreachable;
    error_code error;
    tcp::resolver resolver(loop_);
    const auto found = resolver.resolve(server_.host, std::to_string(server_.port),
                                        tcp::resolver::numeric_service, error);
    if (error) {
      outcome.why = fmt::format("its name has no address: {}", error.message());
      co_return false;
    }
    bool refused = true;
    for (const auto& each : found) {
      const auto address = each.endpoint();
      limit(options_.connect_max);
      auto connecting =
          connect_to(Endpoint{address.address().to_string(), address.port()}, outcome.why);
      const auto failed = co_await std::move(connecting);
      if (!failed) co_return true;
      refused = refused && failed == asio::error::connection_refused;
    }
    if (refused) outcome.end = End::refused;
    co_return false;
  }

  asio::awaitable<error_code> connect_to(Endpoint address, std::string& why) {
    auto connecting = connect_stream(channel_.socket(), std::move(address));
    auto error = co_await std::move(connecting);
    if (!error && options_.credentials) {
      credentials_ = options_.credentials->get();
      auto securing = channel_.secure_now(credentials_, tls::Side::calls);
      error = co_await std::move(securing);
      if (!error && channel_.peer()->identity.kind != tls::Kind::master) {
        why = fmt::format("{} is no master", channel_.peer()->identity.id());
        channel_.close();
        co_return boost::system::errc::make_error_code(boost::system::errc::protocol_error);
      }
    }
    if (!error) co_return error;
    why = was_late_                    ? "no connection in time"
          : channel_.failure().empty() ? "no connection"
                                       : channel_.failure();
    channel_.close();
    co_return error;
  }

  asio::awaitable<void> exchange(const HttpRequest& request, HttpOutcome& outcome) {
    error_code error;
    const auto text = text_of(request, server_);
    outcome.end = End::broken;
    const auto bytes = co_await asio::async_write(channel_, asio::buffer(text), keeping(error));
    outcome.sent = bytes > 0;
    AnswerReader reader(options_.answer, request.method == "HEAD");
    auto status = AnswerReader::Status::cut;
    if (!error) {
      auto reading = read_answer(channel_, reader, error);
      status = co_await std::move(reading);
    }
    outcome.begun = reader.has_begun();
    if (status == AnswerReader::Status::complete) {
      outcome.end = End::answered;
      outcome.answer = std::move(reader.answer());
      if (channel_.peer()) outcome.master = channel_.peer()->identity.name;
    } else if (status == AnswerReader::Status::cut) {
      outcome.end = was_late_ ? End::timed_out : End::broken;
      outcome.why = was_late_                    ? "no answer in time"
                    : channel_.failure().empty() ? "no answer"
                                                 : channel_.failure();
    } else {
      outcome.end = End::malformed;
      const bool is_long = status == AnswerReader::Status::too_long;
      outcome.why = is_long ? "the answer is too long" : "the answer is not HTTP/1.1";
    }
  }

  const Endpoint server_;
  const BlockingClientOptions options_;
  asio::io_context loop_{1};
  Channel channel_;
  asio::steady_timer deadline_;
  tls::CredentialsPtr credentials_;  // of the connection
  Instant began_;                    // the question
  bool was_late_ = false;
};

BlockingClient::BlockingClient(Endpoint server, BlockingClientOptions options)
    : server_(std::move(server)), options_(std::move(options)) {}
BlockingClient::~BlockingClient() = default;

HttpOutcome BlockingClient::ask(const HttpRequest& request) {
  try {
    if (body_ == nullptr) body_ = std::make_unique<Body>(server_, options_);
  } catch (const boost::system::system_error& error) {  // no descriptors
    HttpOutcome outcome;
    outcome.end = End::unreachable;
    outcome.address = server_;
    outcome.why = error.code().message();
    return outcome;
  }
  return body_->ask(request);
}

}  // namespace tandem
