#include "master/cluster/term_announcer.hpp"

#include <boost/asio.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <spdlog/spdlog.h>

#include "common/base/limits.hpp"
#include "common/http/stream_socket.hpp"
#include "common/wire/term_proof.hpp"

namespace tandem::master {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

struct TermAnnouncer::Round {
  Round(asio::io_context& loop, Term announced, std::vector<TermTaker> all)
      : term(announced), workers(std::move(all)), timer(loop) {}

  Term term;
  std::vector<TermTaker> workers;
  std::size_t next = 0;     // to be told
  std::size_t telling = 0;  // coroutines at work
  asio::steady_timer timer;
  std::vector<std::weak_ptr<tcp::socket>> sockets;
  bool over = false;
};

TermAnnouncer::TermAnnouncer(asio::io_context& loop, Duration patience, Hooks hooks)
    : loop_(loop), patience_(patience), hooks_(std::move(hooks)) {}

void TermAnnouncer::announce(Term term, std::vector<TermTaker> workers) {
  stop();
  const auto round = std::make_shared<Round>(loop_, term, std::move(workers));
  round_ = round;
  round->timer.expires_after(round->workers.empty() ? Duration::zero() : patience_);
  round->timer.async_wait([this, round](error_code) { finish(round); });
  const auto at_once = std::min(round->workers.size(), limits::announcements_max);
  round->telling = at_once;
  for (std::size_t i = 0; i < at_once; ++i) asio::co_spawn(loop_, tell(round), asio::detached);
}

// Those that have not answered are told still, for as long as the attempt lasts.
void TermAnnouncer::finish(const std::shared_ptr<Round>& round) {
  if (round->over || round != round_) return;
  round->over = true;
  if (round->telling > 0) {
    spdlog::warn("some workers have not heard of the term term={} workers={}", round->term,
                 round->telling);
  }
  hooks_.announced(round->term);
}

void TermAnnouncer::stop() {
  if (round_ == nullptr) return;
  round_->over = true;
  round_->timer.cancel();
  for (const auto& weak : round_->sockets) {
    error_code ignored;
    if (const auto socket = weak.lock()) socket->close(ignored);
  }
  round_.reset();
}

asio::awaitable<void> TermAnnouncer::tell(std::shared_ptr<Round> round) {
  while (round->next < round->workers.size() && round == round_) {
    const auto& worker = round->workers[round->next++];
    const auto socket = std::make_shared<tcp::socket>(loop_);
    round->sockets.push_back(socket);
    // A deadline of its own, beyond the round's: a late worker is told all the same.
    asio::steady_timer deadline(loop_, std::chrono::steady_clock::now() + limits::connect_max);
    deadline.async_wait([weak = std::weak_ptr(socket)](error_code expired) {
      error_code ignored;
      if (const auto open = weak.lock(); open && !expired) open->close(ignored);
    });
    error_code error;
    const tcp::endpoint address(asio::ip::make_address(worker.address.host), worker.address.port);
    open_stream(*socket, address.protocol(), error);
    if (error) continue;
    co_await socket->async_connect(address, asio::redirect_error(asio::use_awaitable, error));
    if (error) continue;
    http::request<http::empty_body> request(http::verb::options, "*", 11);
    request.set(http::field::host, worker.address.to_string());
    request.set("Tandem-Term", wire::proven_term(round->term, worker.key));
    request.set(http::field::connection, "close");
    co_await http::async_write(*socket, request, asio::redirect_error(asio::use_awaitable, error));
    if (error) continue;
    boost::beast::flat_buffer buffer(limits::response_head_bytes_max);
    http::response_parser<http::empty_body> parser;
    parser.skip(true);
    co_await http::async_read_header(*socket, buffer, parser,
                                     asio::redirect_error(asio::use_awaitable, error));
    if (error || parser.get().result() != http::status::conflict) continue;
    const auto text = parser.get()["Tandem-Term"];
    const auto promised = wire::read_proven_term({text.data(), text.size()}, worker.key);
    if (promised && *promised > round->term && round == round_) hooks_.higher(*promised);
  }
  if (--round->telling == 0 && !round->over) round->timer.cancel();
}

}  // namespace tandem::master
