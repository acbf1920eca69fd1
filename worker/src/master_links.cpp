#include "worker/src/master_links.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio.hpp>
#include <fmt/format.h>

#include "common/base/assert.hpp"
#include "common/base/clock.hpp"
#include "common/base/name_lookups.hpp"
#include "common/base/token_file.hpp"
#include "common/cluster/link_endpoint.hpp"
#include "common/http/answer_reader.hpp"
#include "common/http/stream_socket.hpp"
#include "common/http1/field_text.hpp"
#include "common/wire/error_document.hpp"
#include "worker/src/limits.hpp"

namespace tandem {

namespace asio = boost::asio;
using boost::system::error_code;

struct MasterLinks::Link : std::enable_shared_from_this<Link> {
  Link(asio::io_context& loop, std::string master, Endpoint address)
      : node(std::move(master)),
        control(std::move(address)),
        socket(loop),
        watch(loop),
        wake(loop) {
    if (control.is_numeric()) addresses.push_back(control);
  }

  // It may connect, or ask, for so long from now on.
  void limit_time() {
    watch.expires_after(limits::link_made_within);
    watch.async_wait([self = shared_from_this()](error_code expired) {
      if (!expired) self->socket.close();
    });
  }

  // Ends whatever it waits for.
  void close() {
    socket.close();
    watch.cancel();
    wake.cancel();
  }

  const std::string node;
  const Endpoint control;
  std::vector<Endpoint> addresses;  // numeric
  NameLookups lookups;              // of a control address that is none
  Channel socket;
  asio::steady_timer watch;  // for the connection and the answer
  asio::steady_timer wake;   // of run(), which waits
  unsigned failures = 0;     // in a row, all of a kind
  bool is_refused = false;   // the master has said no, or somebody else is there
  bool holds_back = false;   // after a refusal, or a connection that ended at once
  bool serves = false;       // the master asks on it
  bool is_removed = false;
  std::optional<Endpoint> asked_last;  // where the master answered heartbeats, meanwhile
  std::optional<std::string> trouble;  // as last told; empty: there was a connection
};

MasterLinks::MasterLinks(asio::io_context& loop, MasterLinksOptions options, Serve serve)
    : loop_(loop),
      options_(std::move(options)),
      serve_(std::move(serve)),
      random_(std::random_device{}()) {}

void MasterLinks::add(const std::string& node, const Endpoint& control) {
  if (stopped_) return;
  // Another one was there before.
  const auto replaced = std::find_if(links_.begin(), links_.end(), [&](const auto& known) {
    return known.first != node && known.second->control == control;
  });
  if (replaced != links_.end()) remove(std::string(replaced->first));
  if (const auto known = links_.find(node); known != links_.end()) {
    // One that has several addresses is asked at each, and connected to at the first. One that has
    // moved may ask on the connection to where it was for long.
    if (known->second->serves) {
      known->second->asked_last = control;
      return;
    }
    if (known->second->control == control) return;
    remove(node);
  }
  if (links_.size() >= 2 * limits::masters_max) return;  // those that join and leave, too
  auto link = std::make_shared<Link>(loop_, node, control);
  links_.emplace(node, link);
  if (!control.is_numeric()) {
    link->lookups.watch(control, [weak = link->weak_from_this(), &loop = loop_](const auto& found) {
      if (!found) return;
      asio::post(loop, [weak, addresses = *found] {
        if (const auto link = weak.lock()) link->addresses = addresses;
      });
    });
  }
  asio::co_spawn(loop_, run(shared_from_this(), std::move(link)), asio::detached);
}

void MasterLinks::remove(const std::string& node) {
  const auto known = links_.find(node);
  if (known == links_.end()) return;
  known->second->is_removed = true;
  known->second->lookups.stop();
  known->second->close();
  links_.erase(known);
}

void MasterLinks::stop() {
  stopped_ = true;
  while (!links_.empty()) remove(links_.begin()->first);
}

asio::awaitable<void> MasterLinks::run([[maybe_unused]] std::shared_ptr<MasterLinks> self,
                                       std::shared_ptr<Link> link) {
  while (!link->is_removed) {
    link->is_refused = false;
    const Instant began = now();
    auto making = make(link);
    const auto trouble = co_await std::move(making);
    if (link->is_removed) break;
    tell(*link, trouble);
    while (link->serves && !link->is_removed) {
      error_code ignored;
      link->wake.expires_at(asio::steady_timer::time_point::max());
      co_await link->wake.async_wait(keeping(ignored));
    }
    if (link->is_removed) break;
    if (link->asked_last && link->asked_last != link->control) {
      const auto control = *link->asked_last;
      remove(link->node);
      add(link->node, control);
      break;
    }
    // One that a master closes as soon as it is there counts as none.
    const bool lasted = trouble.empty() && now() - began > limits::link_lasts;
    const bool holds_back = link->is_refused || (trouble.empty() && !lasted);
    // A master that returns may say no while it starts, however long it was away.
    if (std::exchange(link->holds_back, holds_back) != holds_back) link->failures = 0;
    link->failures = lasted ? 0 : link->failures + 1;
    const auto longest = holds_back ? limits::link_pause_refused_max : limits::link_pause_max;
    const auto pause = std::min<Duration>(
        limits::link_pause_first * (1u << std::min(link->failures, 16u)), longest);
    std::uniform_real_distribution<double> share(0.5, 1.0);
    error_code ignored;
    link->wake.expires_after(std::chrono::duration_cast<std::chrono::nanoseconds>(
        share(random_) * std::chrono::duration<double>(pause)));
    co_await link->wake.async_wait(keeping(ignored));
  }
}

void MasterLinks::tell(Link& link, const std::string& trouble) {
  if (link.trouble == trouble || !options_.log) return;
  const auto where = link.control.to_string();
  link.trouble = trouble;
  if (trouble.empty()) {
    options_.log(Severity::info, fmt::format("witness linked node={} master={}", link.node, where));
  } else {
    options_.log(Severity::warning,
                 fmt::format("witness not linked node={} master={} reason=\"{}\"", link.node, where,
                             trouble));
  }
}

// Empty: the master asks from now on; otherwise why not.
asio::awaitable<std::string> MasterLinks::make(std::shared_ptr<Link> link) {
  auto connecting = connect(*link);
  auto trouble = co_await std::move(connecting);
  if (trouble.empty()) {
    link->limit_time();
    auto asking = ask(link);
    trouble = co_await std::move(asking);
  }
  link->watch.cancel();
  if (!trouble.empty()) link->socket.close();
  co_return trouble;
}

asio::awaitable<std::string> MasterLinks::connect(Link& link) {
  std::string trouble = "its name has no address";
  const auto addresses = link.addresses;  // a copy: they may change meanwhile
  for (const auto& address : addresses) {
    link.socket.close();
    if (!options_.credentials && !tls::may_be_clear(options_.clear_text, address)) {
      trouble = "it is beyond this machine, and would be spoken to in clear text";
      continue;
    }
    link.limit_time();
    auto connecting = connect_stream(link.socket.socket(), address);
    auto error = co_await std::move(connecting);
    if (link.is_removed) co_return "removed";
    trouble = error.message();
    if (!error && options_.credentials) {
      auto securing = link.socket.secure_now(options_.credentials->get(), tls::Side::calls);
      error = co_await std::move(securing);
      trouble = link.socket.reason(error);
      link.is_refused = error && !link.socket.failure().empty();
    }
    if (error == asio::error::operation_aborted) trouble = "does not answer";
    if (error) continue;
    if (!options_.credentials) co_return std::string();
    const auto& identity = link.socket.peer()->identity;
    if (identity.kind == tls::Kind::master && identity.name == link.node) co_return std::string();
    trouble = fmt::format("{} is there instead", identity.id());
    link.is_refused = true;
  }
  co_return trouble;
}

asio::awaitable<std::string> MasterLinks::ask(std::shared_ptr<Link> link) {
  const auto authorization = options_.token.empty()
                                 ? std::string()
                                 : fmt::format("Authorization: {}\r\n", bearer(options_.token));
  const auto request = fmt::format(
      "POST {}?node={} HTTP/1.1\r\nHost: {}\r\n{}Connection: Upgrade\r\nUpgrade: {}\r\n"
      "Content-Length: 0\r\n\r\n",
      cluster::link_path, options_.name, link->control.to_string(), authorization,
      cluster::link_protocol);
  error_code error;
  co_await asio::async_write(link->socket, asio::buffer(request), keeping(error));
  AnswerReader reader({.may_switch = true});
  auto reading = read_answer(link->socket, reader, error);
  const auto status = co_await std::move(reading);
  if (link->is_removed) co_return "removed";
  if (status != AnswerReader::Status::complete) {
    // What a master has against this certificate it tells after the handshake.
    link->is_refused = !error || !link->socket.failure().empty();
    co_return error ? link->socket.reason(error) : "it answers with no HTTP/1.1";
  }
  const auto& answer = reader.answer();
  if (answer.status != 101) {
    link->is_refused = true;
    co_return answer.status == 404
        ? "its version sends messages to an address alone: give --witness-listen until it is newer"
        : fmt::format("refuses it, status {}: {}", answer.status, wire::error_message(answer.body));
  }
  if (!equal_ignoring_case(answer.field("Upgrade"), cluster::link_protocol)) {
    link->is_refused = true;
    co_return "it speaks another protocol";
  }
  link->serves = true;
  const auto ended = [weak = link->weak_from_this()] {
    const auto link = weak.lock();
    if (link == nullptr) return;
    link->serves = false;
    link->wake.cancel();
  };
  serve_(link->socket.detach(), reader.rest(), ended);
  co_return std::string();
}

}  // namespace tandem
