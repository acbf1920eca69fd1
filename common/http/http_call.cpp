#include "common/http/http_call.hpp"

#include <array>
#include <atomic>
#include <optional>
#include <unordered_set>

#include <boost/asio.hpp>

#include "common/base/assert.hpp"
#include "common/base/name_lookups.hpp"
#include "common/base/own_trouble.hpp"
#include "common/http/channel.hpp"
#include "common/http/stream_socket.hpp"

namespace tandem {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using End = HttpOutcome::End;
using Timer = asio::steady_timer;

namespace {

constexpr std::size_t conversation_bytes_at_once = 8 * 1024;
constexpr auto cancelled_in_words = "this process is about to end";

std::string text_of(const HttpRequest& request, const Endpoint& host) {
  const bool has_length = !request.body.empty() || request.method == "POST" ||
                          request.method == "PUT" || request.method == "PATCH";
  return fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{}{}\r\n{}",
                     request.method, request.target, host.to_string(), request.fields,
                     has_length ? fmt::format("Content-Length: {}\r\n", request.body.size()) : "",
                     request.body);
}

// How much an error says about the server: little if IPv6 is missing here, or if this machine is
// short of something.
int weight_of(error_code error) {
  if (!error) return -1;
  if (error == asio::error::address_family_not_supported) return 0;
  return is_own_trouble(error.value()) ? 1 : 2;
}

}  // namespace

// Closing its socket and cancelling its timers ends every wait of a call.
struct HttpCalls::Call : std::enable_shared_from_this<Call> {
  Call(asio::io_context& io, std::vector<Endpoint> all, HttpRequest asked, HttpCallOptions chosen)
      : loop(io),
        addresses(std::move(all)),
        request(std::move(asked)),
        options(chosen),
        socket(io),
        deadline(io),
        hurry(io),
        ticks(io),
        looked_up(io) {}

  void end(End how) {
    if (ended) return;
    ended = how;
    socket.close();
    deadline.cancel();
    hurry.cancel();
    ticks.cancel();
    looked_up.cancel();
  }

  void start_deadline();
  void start_hurry(Duration after);
  void start_tick();
  asio::awaitable<void> look_up();
  asio::awaitable<bool> connect();
  asio::awaitable<error_code> connect_to(Endpoint address, bool is_last);
  asio::awaitable<error_code> secure();
  asio::awaitable<void> exchange();
  asio::awaitable<void> converse();
  asio::awaitable<void> run();
  void fail(End how, std::string why);

  asio::io_context& loop;
  std::vector<Endpoint> addresses;
  const HttpRequest request;
  const HttpCallOptions options;
  std::shared_ptr<Conversation> conversation{};  // null: the request is sent
  Channel socket;
  tls::CredentialsPtr credentials{};  // null: in clear
  Timer deadline;                     // of the call
  Timer hurry;                        // of the connection to one address
  Timer ticks;                        // of the conversation
  bool listens = false;               // it waits for what the server says
  bool ticked = false;                // since it has been asked what it says
  Timer looked_up;  // never expires: it is cancelled when the name server has answered
  NameLookups lookups;
  NameLookups::Found found = std::vector<Endpoint>();
  std::optional<End> ended;  // set from outside: by a time-out or cancel()
  HttpOutcome outcome;
};

struct HttpCalls::Group {
  explicit Group(asio::io_context& io) : loop(io) {}

  asio::io_context& loop;
  std::unordered_set<std::shared_ptr<Call>> calls;  // the loop's
  std::atomic<bool> cancelled = false;              // any thread's
  tls::CurrentCredentialsPtr credentials;           // the loop's; null: in clear
};

void HttpCalls::Call::start_deadline() {
  deadline.expires_after(options.total_max);
  deadline.async_wait([self = shared_from_this()](error_code error) {
    if (!error) self->end(End::timed_out);
  });
}

// For the connection to one address: after `after` it counts as failed.
void HttpCalls::Call::start_hurry(Duration after) {
  hurry.expires_after(after);
  hurry.async_wait([self = shared_from_this(), expiry = hurry.expiry()](error_code error) {
    if (!error && self->hurry.expiry() == expiry) self->socket.close();
  });
}

void HttpCalls::Call::start_tick() {
  ticks.expires_after(options.tick_every);
  ticks.async_wait([self = shared_from_this()](error_code error) {
    if (error || self->ended) return;
    self->conversation->tick();
    error_code ignored;
    self->ticked = true;
    if (self->listens) {
      self->socket.socket().cancel(ignored);  // there may be something to say
    } else if (self->conversation->is_over()) {
      self->socket.close();  // the server does not take what is said
    }
    self->start_tick();
  });
}

void HttpCalls::Call::fail(End how, std::string why) {
  outcome.end = how;
  outcome.why = std::move(why);
}

// A name server may be silent for long, so a detached thread asks it, and nobody joins that thread.
asio::awaitable<void> HttpCalls::Call::look_up() {
  looked_up.expires_at(Timer::time_point::max());
  lookups.watch(addresses.front(), [self = weak_from_this(), &io = loop](const auto& result) {
    asio::post(io, [self, result] {
      const auto call = self.lock();
      if (call == nullptr) return;
      call->found = result;
      call->looked_up.cancel();
    });
  });
  error_code ignored;
  if (!ended) co_await looked_up.async_wait(keeping(ignored));
  lookups.stop();
  if (found) addresses = *found;
}

asio::awaitable<error_code> HttpCalls::Call::connect_to(Endpoint address, bool is_last) {
  outcome.address = address;
  const auto others = static_cast<int>(addresses.size());
  start_hurry(is_last ? options.connect_max
                      : std::min(options.connect_max, options.total_max / (others + 1)));
  auto connecting = connect_stream(socket.socket(), std::move(address));
  auto error = co_await std::move(connecting);
  if (!error && credentials) {
    auto securing = secure();
    error = co_await std::move(securing);
  }
  const bool was_late = hurry.expiry() <= Timer::clock_type::now();
  hurry.expires_at(Timer::time_point::max());
  if (!error && !socket.is_open()) error = asio::error::operation_aborted;
  if (error == asio::error::operation_aborted && was_late) error = asio::error::timed_out;
  co_return error;
}

// Within the time of the connection.
asio::awaitable<error_code> HttpCalls::Call::secure() {
  auto securing = socket.secure_now(credentials, tls::Side::calls);
  auto error = co_await std::move(securing);
  if (!error && socket.peer()->identity.kind != tls::Kind::master) {
    outcome.why = fmt::format("{} is no master", socket.peer()->identity.id());
    error = boost::system::errc::make_error_code(boost::system::errc::protocol_error);
  } else if (error) {
    outcome.why = socket.reason(error);
  }
  co_return error;
}

// False: `outcome` says why not.
asio::awaitable<bool> HttpCalls::Call::connect() {
  const auto named = addresses.front();
  if (!named.is_numeric()) {
    auto looking = look_up();
    co_await std::move(looking);
    if (ended) co_return false;
    if (!found || addresses.empty()) {
      fail(End::unreachable, found ? "its name has no address" : found.error().message);
      co_return false;
    }
  }
  bool refused = true;
  error_code worst;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    auto connecting = connect_to(addresses[i], i + 1 == addresses.size());
    const auto error = co_await std::move(connecting);
    if (ended) co_return false;
    if (!error) co_return true;
    refused = refused && error == asio::error::connection_refused;
    if (weight_of(error) > weight_of(worst)) worst = error;
  }
  const bool is_ours = is_own_trouble(worst.value());
  const bool is_named = worst == boost::system::errc::protocol_error && !outcome.why.empty();
  fail(is_ours   ? End::own_trouble
       : refused ? End::refused
                 : End::unreachable,
       is_named ? outcome.why : worst.message());
  co_return false;
}

asio::awaitable<void> HttpCalls::Call::exchange() {
  error_code error;
  const auto text = text_of(request, outcome.address);
  const auto bytes = co_await asio::async_write(socket, asio::buffer(text), keeping(error));
  outcome.sent = bytes > 0;
  if (error) co_return fail(End::broken, socket.reason(error));
  AnswerReader reader(options.answer, request.method == "HEAD");
  auto reading = read_answer(socket, reader, error);
  const auto status = co_await std::move(reading);
  outcome.begun = reader.has_begun();
  const bool is_whole = status == AnswerReader::Status::complete;
  if (is_whole || (options.head_only && reader.has_head())) {
    outcome.end = End::answered;
    outcome.answer = std::move(reader.answer());
    ended.reset();  // the head came in time, even if the body did not
  } else if (status == AnswerReader::Status::cut) {
    fail(End::broken, error ? socket.reason(error) : "the connection ended before the answer");
  } else {
    const bool is_long = status == AnswerReader::Status::too_long;
    fail(End::malformed, is_long ? "the answer is too long" : "the answer is not HTTP/1.1");
  }
}

asio::awaitable<void> HttpCalls::Call::converse() {
  conversation->begin(outcome.address);
  if (options.tick_every > Duration::zero()) start_tick();
  std::array<char, conversation_bytes_at_once> bytes;
  for (;;) {
    std::string words;
    conversation->pull(words);
    error_code error;
    const auto sent = co_await asio::async_write(socket, asio::buffer(words), keeping(error));
    outcome.sent = outcome.sent || sent > 0;
    if (conversation->is_over()) {
      outcome.end = End::answered;
      ended.reset();
      co_return;
    }
    if (error) co_return fail(End::broken, socket.reason(error));
    if (std::exchange(ticked, false)) continue;  // during the writing
    listens = true;
    const auto got = co_await socket.async_read_some(asio::buffer(bytes), keeping(error));
    listens = false;
    outcome.begun = outcome.begun || got > 0;
    const bool is_tick = std::exchange(ticked, false) && socket.is_open();
    if (is_tick && error == asio::error::operation_aborted) continue;
    if (error) co_return fail(End::broken, "the connection ended before the answer");
    conversation->feed({bytes.data(), got});
  }
}

asio::awaitable<void> HttpCalls::Call::run() {
  start_deadline();
  auto connecting = connect();
  const bool connected = co_await std::move(connecting);
  if (connected) {
    error_code ignored;  // writing what follows fails as well
    if (!options.preamble.empty()) {
      co_await asio::async_write(socket, asio::buffer(options.preamble), keeping(ignored));
    }
    auto exchanging = conversation == nullptr ? exchange() : converse();
    co_await std::move(exchanging);
  }
  if (ended == End::timed_out) fail(End::timed_out, "no answer in time");
  if (ended == End::cancelled) fail(End::cancelled, cancelled_in_words);
  end(outcome.end);
}

HttpCalls::HttpCalls(asio::io_context& loop) : group_(std::make_shared<Group>(loop)) {}

HttpCalls::~HttpCalls() { cancel(); }

asio::awaitable<HttpOutcome> HttpCalls::call(std::vector<Endpoint> addresses, HttpRequest request,
                                             HttpCallOptions options) {
  TANDEM_ASSERT(!addresses.empty());
  auto call = std::make_shared<Call>(group_->loop, std::move(addresses), std::move(request),
                                     std::move(options));
  return run(group_, std::move(call));
}

asio::awaitable<HttpOutcome> HttpCalls::call(std::vector<Endpoint> addresses,
                                             std::shared_ptr<Conversation> conversation,
                                             HttpCallOptions options) {
  TANDEM_ASSERT(!addresses.empty() && conversation != nullptr);
  auto call =
      std::make_shared<Call>(group_->loop, std::move(addresses), HttpRequest(), std::move(options));
  call->conversation = std::move(conversation);
  return run(group_, std::move(call));
}

asio::awaitable<HttpOutcome> HttpCalls::run(std::shared_ptr<Group> group,
                                            std::shared_ptr<Call> call) {
  if (group->cancelled) {
    call->fail(End::cancelled, cancelled_in_words);
  } else {
    if (group->credentials) call->credentials = group->credentials->get();
    group->calls.insert(call);
    auto running = call->run();
    co_await std::move(running);
    group->calls.erase(call);
  }
  co_return std::move(call->outcome);
}

void HttpCalls::set_credentials(tls::CurrentCredentialsPtr credentials) {
  group_->credentials = std::move(credentials);
}

void HttpCalls::cancel() {
  if (group_->cancelled.exchange(true)) return;
  asio::dispatch(group_->loop, [group = group_] {
    const auto calls = group->calls;  // each leaves when it ends
    for (const auto& call : calls) call->end(End::cancelled);
  });
}

}  // namespace tandem
